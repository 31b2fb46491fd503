from teacherstudent import spaces
from teacherstudent.contract.spaces import __all__ as names


def test_every_name_is_there_once_and_has_a_docstring():
    assert sorted(set(names)) == names
    for name in names:
        assert getattr(spaces, name).__doc__, name
