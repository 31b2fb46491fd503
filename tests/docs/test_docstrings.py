"""Docstrings are read in parts, and their text becomes Markdown."""

import docstrings

TEXT = """Splits the space into regions.

    Baranes and Oudeyer 2009, https://doi.org/10.1109/TAMD.2009.2037513, of ``n < 3`` <regions>.

    Deviations from the paper:

    - noise has ``size`` | ``law``;
    - another.

    It ends.

    Args:
        space: a box.
        size, law: of a region,
            in ``cells``.

    Raises:
        ValueError: if the size is 0: too small.
    """


def test_a_docstring_has_a_summary_paragraphs_and_sections():
    found = docstrings.parse(TEXT)
    assert found.summary == "Splits the space into regions."
    assert len(found.paragraphs) == 4
    of_a_region = "of a region, in ``cells``."
    assert found.sections == {
        "Args": {"space": "a box.", "size": of_a_region, "law": of_a_region},
        "Raises": {"ValueError": "if the size is 0: too small."},
    }


def test_what_differs_stands_apart_with_its_list():
    does, differs = docstrings.parse(TEXT).split()
    assert [each[:8] for each in does] == ["Baranes ", "It ends."]
    assert [each[:8] for each in differs] == ["Deviatio", "- noise "]


def test_text_becomes_markdown_without_html():
    first = docstrings.parse(TEXT).paragraphs[0]
    assert docstrings.markdown(first).endswith("of `n < 3` &lt;regions&gt;.")
    assert docstrings.cell("a ``b`` |\n  c") == "a `b` \\| c"


def test_addresses_are_found_once_and_named():
    text = "See https://arxiv.org/abs/1910.07224, (https://www.a.org/b) and https://arxiv.org/abs/1910.07224."
    found = docstrings.addresses(text)
    assert found == ["https://arxiv.org/abs/1910.07224", "https://www.a.org/b"]
    assert [docstrings.address_name(each) for each in found] == ["arXiv:1910.07224", "a.org/b"]
