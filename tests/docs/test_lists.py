"""What belongs to a list item on GitHub belongs to it on the site."""

import lists

PAGE = """- One,
  goes on.

      code

  A paragraph.
- Two.

1. First

   more

Text
  not moved.

```text
- no item

  not moved
```
"""


def test_paragraphs_and_code_of_an_item_stand_deeper():
    assert lists.deeper(PAGE) == (
        PAGE.replace("  goes on.", "    goes on.")
        .replace("      code", "        code")
        .replace("  A paragraph.\n", "    A paragraph.\n\n")
        .replace("   more", "    more")
    )
