"""What a command or question must look like, whatever the state.  [SAFETY 17, 28]"""

from typing import Final

from gaios.api import COMMAND_BYTES_MAX, NUMBER_MAX
from gaios.caching import FindNode
from gaios.errors import CommandTooLong, InvalidCommand
from gaios.explanation import Explain
from gaios.lock_api import (
    CLIENT_BYTES_MAX,
    CONTENTS_BYTES_MAX,
    DEPTH_MAX,
    EVENTS,
    LEASE_MS_MAX,
    LEASE_MS_MIN,
    LOCK_DELAY_MS_MAX,
    MUST_CREATE,
    PATH_BYTES_MAX,
    TOKEN_BYTES,
    Charge,
    CheckSequencer,
    ListNodes,
    ListSessions,
    LockCommand,
    LockQuestion,
    Open,
    OpenSession,
    ReadDir,
    Sequencer,
    SetAcl,
    SetContents,
    SetSequencer,
)
from gaios.locks import heard, keys

ACL_BYTES_MAX: Final = 128
"""Of the name of an access list."""


def check(command: LockCommand, length: int) -> None:
    """Raises `InvalidCommand`, or `CommandTooLong`; `length`: bytes of its encoding."""
    if length > COMMAND_BYTES_MAX:
        raise CommandTooLong(length=length, limit=COMMAND_BYTES_MAX)
    if isinstance(command, Charge):
        _check_number("elapsed_ms", command.elapsed_ms, 0, LEASE_MS_MAX)
        heard.decode(command.heard)
        return
    _check_token(command.token)
    if isinstance(command, OpenSession):
        _check_number("lease_ms", command.lease_ms, LEASE_MS_MIN, LEASE_MS_MAX)
        for what, name in (("client", command.client), ("principal", command.principal)):
            _check_bytes(f"a {what}'s name", name.encode(), CLIENT_BYTES_MAX)
            if "\n" in name:
                raise InvalidCommand(reason=f"a {what}'s name is one line, not {name!r}")
        return
    _check_number("session", command.session, 1)
    if isinstance(command, Open):
        _check_open(command)
        return
    handle = getattr(command, "handle", None)
    if handle is not None:
        _check_number("handle", handle, 1)
    if isinstance(command, SetContents):
        _check_bytes("a file", command.contents, CONTENTS_BYTES_MAX)
    elif isinstance(command, SetAcl):
        _check_acl(command.acl)
    elif isinstance(command, SetSequencer) and command.sequencer is not None:
        _check_sequencer(command.sequencer)
    if isinstance(command, SetContents | SetAcl) and command.generation is not None:
        _check_number("generation", command.generation, 0)


def check_question(question: LockQuestion) -> None:
    """Raises `InvalidCommand`."""
    if isinstance(question, CheckSequencer):
        _check_sequencer(question.sequencer)
    elif isinstance(question, ListNodes):
        check_path(question.path)
    elif isinstance(question, Explain):
        _check_explain(question)
    elif isinstance(question, ListSessions):
        _check_number("session", question.after, 0)
    elif isinstance(question, FindNode):
        _check_token(question.token)
        _check_number("session", question.session, 1)
        check_path(question.path)
    else:
        _check_token(question.token)
        _check_number("session", question.session, 1)
        _check_number("handle", question.handle, 1)
    if isinstance(question, ListNodes | ListSessions | ReadDir):
        _check_number("limit", question.limit, 0)
    if isinstance(question, ListNodes | ReadDir):
        _check_bytes("a name", question.after.encode(), PATH_BYTES_MAX)


def _check_explain(question: Explain) -> None:
    for what, number in (("session", question.session), ("revision", question.revision)):
        _check_number(what, number, 0)
    if bool(question.session) == bool(question.path):
        raise InvalidCommand(reason="what is to be explained is a session or a lock")
    if question.path:
        check_path(question.path)


def check_path(path: str) -> None:
    """Raises `InvalidCommand`: see `gaios.lock_api` for what a path is."""
    _check_bytes("a path", path.encode(), PATH_BYTES_MAX)
    if path == "/":
        return
    if not path.startswith("/"):
        raise InvalidCommand(reason=f"a path begins with a slash: {path!r}")
    if keys.depth(path) > DEPTH_MAX:
        raise InvalidCommand(reason=f"a path has at most {DEPTH_MAX} names; this one has {keys.depth(path)}")
    for name in path[1:].split("/"):
        _check_name("a path", name)


def _check_open(command: Open) -> None:
    check_path(command.path)
    _check_number("create", command.create, 0, MUST_CREATE)
    _check_number("events", command.events, 0, EVENTS)
    _check_number("lock_delay_ms", command.lock_delay_ms, 0, LOCK_DELAY_MS_MAX)
    _check_bytes("a file", command.contents, CONTENTS_BYTES_MAX)
    if command.directory and command.contents:
        raise InvalidCommand(reason="a directory has no contents")
    if command.acl is not None:
        _check_acl(command.acl)


def _check_acl(acl: tuple[str, str, str]) -> None:
    for name in acl:
        if name:
            _check_bytes("an access list's name", name.encode(), ACL_BYTES_MAX)
            _check_name("an access list", name)
            if "/" in name:
                raise InvalidCommand(reason=f"an access list is a file of the directory /acl, without a slash: {name!r}")


def _check_sequencer(sequencer: Sequencer) -> None:
    check_path(sequencer.path)
    _check_number("generation", sequencer.generation, 0)
    _check_number("revision", sequencer.revision, 1)


def _check_token(token: bytes) -> None:
    if len(token) != TOKEN_BYTES:
        raise InvalidCommand(reason=f"a session's token has {TOKEN_BYTES} bytes, not {len(token)}")


def _check_name(what: str, name: str) -> None:
    if name in {"", ".", ".."} or "\x00" in name:
        raise InvalidCommand(reason=f"{what} has a name that none may have: {name!r}")


def _check_bytes(what: str, data: bytes, most: int) -> None:
    if len(data) > most:
        raise InvalidCommand(reason=f"{what} has at most {most} bytes; this one has {len(data)}")


def _check_number(what: str, number: int, least: int, most: int = NUMBER_MAX) -> None:
    if not least <= number <= most:
        raise InvalidCommand(reason=f"{what} is {least} to {most}, not {number}")
