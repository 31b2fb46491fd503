"""Links to files outside docs/ lead to the same files on the site."""

import links
import pytest

PAGE = """See [the suite](../experiments/README.md#run), [`x`](concepts.md), ![y](../experiments/y.png),
[up](#here), [web](https://a.org/b.md) and `[no](../link.md)`.

```text
[no](../link.md)
```
"""


def test_links_lead_to_the_same_files_on_the_site():
    new = links.rewritten(PAGE, "docs/page.md")
    assert "[the suite](repository/experiments/README.md#run)" in new
    assert "[`x`](concepts.md)" in new
    assert "![y](repository/experiments/y.png)" in new
    assert "[up](#here), [web](https://a.org/b.md) and `[no](../link.md)`" in new
    assert new.endswith("```text\n[no](../link.md)\n```\n")


def test_a_file_outside_links_back():
    text = "[results](../docs/results/README.md) [front](../README.md) [beside](y.png)"
    assert links.rewritten(text, "experiments/README.md") == (
        "[results](../../results/README.md) [front](../../index.md) [beside](y.png)"
    )


def test_only_links_between_files_are_targets():
    assert list(links.targets(PAGE)) == [
        "../experiments/README.md#run",
        "concepts.md",
        "../experiments/y.png",
    ]


def test_files_outside_are_found_through_pages_outside(tmp_path):
    (tmp_path / "experiments").mkdir()
    (tmp_path / "experiments" / "README.md").write_text("[b](../b.csv) [docs](../docs/page.md)")
    (tmp_path / "experiments" / "y.png").write_bytes(b"")
    (tmp_path / "b.csv").write_text("1")
    found = links.linked_files({"docs/page.md": PAGE}, tmp_path)
    assert found == {"experiments/README.md", "experiments/y.png", "b.csv"}


@pytest.mark.parametrize("target", ["missing.md", "folder", "secret.bin"])
def test_what_the_site_cannot_show_is_refused(tmp_path, target):
    (tmp_path / "folder").mkdir()
    (tmp_path / "secret.bin").write_bytes(b"")
    with pytest.raises(ValueError, match=rf"docs/page.md: expected links to files .* got \.\./{target}"):
        links.linked_files({"docs/page.md": f"[x](../{target})"}, tmp_path)


def test_names_anywhere_in_tables_lead_to_their_pages_but_for_links():
    table = "| a | `riac`, `other`, [`riac`](x.md) |\n|---|---|\n`riac`\n"
    assert links.named_tables(table, "teachers", {"riac"}) == (
        "| a | [`riac`](teachers/riac.md), `other`, [`riac`](x.md) |\n|---|---|\n`riac`\n"
    )


def test_names_in_first_cells_lead_to_their_pages():
    table = "| `riac`, `other` | `riac` |\n|---|---|\n`riac`\n"
    assert links.named_rows(table, "teachers", {"riac"}) == (
        "| [`riac`](teachers/riac.md), `other` | `riac` |\n|---|---|\n`riac`\n"
    )
