"""Every option of everything registered has a meaning in its docstring."""

import catalogue
import options
import pytest

from teacherstudent.contract.registry import TEACHERS

CASES = [
    pytest.param(which.get(name), id=f"{folder}-{name}")
    for folder, (which, _) in catalogue.PAGES.items()
    for name in catalogue.names(which)
]


@pytest.mark.parametrize("factory", CASES)
def test_every_option_has_a_meaning(factory):
    for parameter, said in options.options(factory):
        assert len(said) > 3, parameter.name
        assert not said.startswith("as of `"), f"{parameter.name}: expected what that class says of it"


def test_an_option_of_another_class_says_what_that_class_says():
    said = {parameter.name: text for parameter, text in options.options(TEACHERS.get("parallel-accel"))}
    plr = {parameter.name: text for parameter, text in options.options(TEACHERS.get("plr"))}
    assert said["score"] == plr["score"]


def test_the_table_has_defaults_and_keeps_bars():
    def factory(*, seed, size: float = 1 / 3, law: str = "a|b"):
        """Make it.

        Args:
            seed: not shown.
            size: of it.
            law: ``"a|b"``.
        """

    lines = list(options.options_section(factory))
    assert lines[-2:] == ["| `size` | `0.333333` | of it. |", "| `law` | `'a\\|b'` | `\"a\\|b\"`. |"]
