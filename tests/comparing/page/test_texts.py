import pytest

from teacherstudent.comparing.figures import draw
from teacherstudent.comparing.page.texts import ABOUT, LAST, words_of


def test_figures_stand_in_order_and_say_what_they_are_of():
    assert words_of("curves").place == 0
    assert words_of("sampling-riac").title == f"{ABOUT['sampling'][0]}: riac"
    own = words_of("my_own-figure")
    assert (own.title, own.about, own.place) == ("my own figure", "", LAST)


@pytest.mark.parametrize("function", [*draw.FIGURES, *draw.FIGURES_OF_TASKS], ids=lambda each: each.__name__)
def test_every_figure_of_a_comparison_has_words(function):
    name = function.__name__.removeprefix("draw_")
    # One function draws two figures under names of their own.
    names = {"success": ("solved", "worst")}.get(name, (name,))
    assert all(each in ABOUT for each in names)
