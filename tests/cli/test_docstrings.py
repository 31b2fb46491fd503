import pytest

from teacherstudent.cli.docstrings import Option, body, options
from teacherstudent.contract.registry import FAMILIES, STUDENTS, TEACHERS


class Base:
    """A base.

    Args:
        low, high: the ends
            of the range.
        size: how many.
    """

    def __init__(self, space, low=0, high=1, *, size):
        pass


class Child(Base):
    """A child.

    It does more.

    Args:
        size: as of `Base`.
        rule: what is done.
        **options: of `Base`.

    Raises:
        ValueError: never.
    """

    def __init__(self, space, *, seed, size=3, rule=sorted, **options):
        pass


class Silent(Child):
    """A class without a constructor of its own."""


def test_options_have_defaults_and_meanings_those_of_base_classes_too():
    assert options(Child) == [
        Option("size", "3", "how many."),
        Option("rule", "sorted", "what is done."),
        Option("low", "0", "the ends of the range."),
        Option("high", "1", "the ends of the range."),
    ]
    assert options(Silent) == options(Child)
    assert options(Base)[-1] == Option("size", "", "how many.")


def test_a_function_has_options_too():
    def make(family, wind: float = 2.0, *more):
        """Makes something."""

    assert options(make) == [Option("wind", "2.0", "")]


def test_a_body_ends_where_the_sections_begin():
    assert body(Child) == "A child.\n\nIt does more."
    assert body(Silent) == "A class without a constructor of its own."


@pytest.mark.parametrize("registry", [TEACHERS, FAMILIES, STUDENTS], ids=lambda registry: registry.kind)
def test_every_option_of_what_is_registered_has_a_meaning(registry):
    for name in registry.names():
        silent = [option.name for option in options(registry.get(name)) if not option.meaning]
        assert not silent, name
