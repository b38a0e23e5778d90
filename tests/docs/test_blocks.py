"""The reader of documents finds every block, and its comparison can fail."""

import pytest

from tests.docs.blocks import agrees, blocks, commands, with_port

DOCUMENT = """# Title

It prints:

```text
one
```

```console
$ gaios put a 1
revision 2
$ gaios get \\
  a
1
```

  ```python
print(1)
  ```
"""


def test_every_block_is_found_with_its_line_and_lead() -> None:
    """A failure names the line that the reader has to look at."""
    found = blocks(DOCUMENT)
    assert [(block.language, block.line, block.lead) for block in found] == [
        ("text", 6, "It prints:"),
        ("console", 10, ""),
        ("python", 18, ""),
    ]
    assert found[0].text == "one\n"


def test_a_block_that_is_not_closed_is_noticed() -> None:
    """Half a document would otherwise go unchecked."""
    assert blocks("```python\nprint(1)\n")[0].language == "unclosed python"


def test_commands_are_told_from_their_output() -> None:
    """A continued line belongs to its command."""
    first, second = commands(blocks(DOCUMENT)[1])
    assert (first.line, first.text, first.output) == (10, "gaios put a 1", "revision 2\n")
    assert (second.text, second.output) == ("gaios get \\\n  a", "1\n")


@pytest.mark.parametrize(
    ("shown", "real", "same"),
    [("a\n", "a\n", True), ("a ... c\n", "a b c\n", True), ("a\n", "b\n", False), ("a\n...\n", "a\nb\nc\n", True), ("a.\n", "ab\n", False)],
)
def test_three_dots_stand_for_anything_and_nothing_else_does(shown: str, real: str, *, same: bool) -> None:
    """Pids and times differ from run to run; everything else must be as shown."""
    assert agrees(shown, real) is same


def test_only_the_default_ports_are_moved() -> None:
    """Rule 2 must not touch other numbers."""
    assert with_port("127.0.0.1:7420,127.0.0.1:7424 x:7425 7420", 9000) == "127.0.0.1:9000,127.0.0.1:9004 x:7425 7420"
