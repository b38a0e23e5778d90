"""Where a recipe's files and keys stand.

A name is one or more segments with `/` between them. What stands below a recipe is in a directory whose name begins with `~`, its keys
behind `//`: so a recipe `a` and another `a/b` do not meet.
"""

from typing import NamedTuple

from gaios.errors import InvalidCommand

NAME_BYTES_MAX = 256
"""Leaves room in a path (512 bytes) for what stands below."""


class Place(NamedTuple):
    """Of one recipe: `title` names it to people, `path` is its directory."""

    title: str
    path: str
    key: bytes

    def below(self, what: str) -> str:
        """A file or directory of its own."""
        return f"{self.path}/~{what}"

    def keys(self, what: str) -> bytes:
        """What some of its keys begin with."""
        return self.key + b"//" + what.encode() + b"/"


def place(kind: str, name: str) -> Place:
    """The place of the recipe `name` of this kind.

    Raises:
        InvalidCommand: it is no name.
    """
    if not isinstance(name, str):
        raise InvalidCommand(reason=f"the name of a {kind} is text, not {type(name).__name__}")
    try:
        data = name.encode()
    except UnicodeEncodeError as error:
        raise InvalidCommand(reason=str(error)) from None
    if len(data) > NAME_BYTES_MAX:
        raise InvalidCommand(reason=f"the name of a {kind} has at most {NAME_BYTES_MAX} bytes; {name[:40]!r}… has {len(data)}")
    for segment in name.split("/"):
        if segment in {"", ".", ".."} or segment.startswith("~") or "\0" in segment:
            raise InvalidCommand(
                reason=f"{name!r} names no {kind}: a segment is neither empty, '.' nor '..', holds no NUL, and does not begin with ~"
            )
    return Place(f"{kind} {name}", f"/recipes/{kind}/{name}", b"recipes/%s/%s" % (kind.encode(), data))
