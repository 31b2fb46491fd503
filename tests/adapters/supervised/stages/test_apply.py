"""Every knob has a function, and the functions are those that the controller and the student use."""

from teacherstudent.adapters.supervised import apply
from teacherstudent.contract.knobs import KNOBS


def test_the_table_names_every_knob_and_every_function():
    for name in (*KNOBS, *apply.__all__):
        assert name in apply.__doc__, name
        assert name in KNOBS or callable(getattr(apply, name))
