"""An object in S3, GCS or Azure, replaced by conditional puts.  [SAFETY 23]

An object's first line holds its token, and then come the contents:

    gaios-fence 1 GENERATION.REVISION MARK[,MARK…]

Rule 1. The token is part of the body. As metadata it would not be safe: S3 makes the entity tag of the body alone, so an old holder who
read before the new one wrote the same contents would still meet the tag that it knows, and bring its old token back.
Rule 2. Each put asks that the object still be the one that was read, or still be absent. When it is not, read and compare anew.
Rule 3. Each operation puts a mark of its own first, and keeps those of the `MARKS - 1` before. A put whose answer was lost and that was
sent again is refused by its own success; its mark shows it, unless as many others wrote meanwhile. So an update is carried out once.
Rule 4. An object is never deleted here: its token would go with it. Write empty contents.

An object without that line is adopted: its contents are all of it, and any token is newer. Contents are held in memory as a whole; what is
large is better put under a name that is never used twice, with a fenced object that names it.

Needs obstore (`pip install 'obstore>=0.10'`) and a store that can put conditionally: S3, GCS, Azure, memory. For a directory: `FencedFile`.
"""

import secrets
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, TypeVar

from gaios.errors import ConfigurationError, Error, Fenced, InvalidToken, Overloaded, ProtocolError, Unavailable, Unknown
from gaios.fencing.token import Given, Token

try:
    import obstore
    from obstore.exceptions import (
        AlreadyExistsError,
        BaseError,
        NotFoundError,
        PermissionDeniedError,
        PreconditionError,
        UnauthenticatedError,
    )
except ModuleNotFoundError as missing:
    message = "gaios.fencing.object_store needs obstore: pip install 'obstore>=0.10'"
    raise ImportError(message) from missing

if TYPE_CHECKING:
    from obstore import GetResult, PutMode, UpdateVersion
    from obstore.store import ObjectStore

MAGIC: Final = b"gaios-fence "
VERSION: Final = b"1"
HEADER_BYTES_MAX: Final = 512
"""Of the first line, which has 350 at most: a token, and `MARKS` marks."""
MARKS: Final = 16
"""Rule 3: how many of the newest operations an object remembers."""
MARK_BYTES: Final = 8
"""Of one operation's mark, at random: no two are alike."""
TRIES_MAX: Final = 100
"""Each try that fails is another's success; this many in a row mean that no lock is held here."""
OTHERS: Final = "use S3, GCS or Azure; for a directory, gaios.fencing.file.FencedFile"
_T = TypeVar("_T")
_Change = Callable[[bytes | None], bytes]


class Found(NamedTuple):
    """What an object holds; `token` is None for an object without one."""

    contents: bytes | None
    token: Token | None
    marks: tuple[str, ...] = ()
    version: "UpdateVersion | None" = None
    """What a put names to replace this and nothing else: S3 and Azure look at the entity tag, GCS at the version. None: no object."""


ABSENT: Final = Found(None, None)


class _Put(NamedTuple):
    """A conditional put, for whoever carries it out; the answer is whether its condition held."""

    body: bytes
    mode: "PutMode"


_Step = Literal["get"] | _Put
_Steps = Generator[_Step, Found | bool, _T]


class FencedObject:
    """One object, guarded. Methods have twins that end in `_async`.

    Every method that writes raises `Unknown` when an answer was lost for good; every method raises `Unavailable` when the store did not
    answer, `ConfigurationError` when it does not let us or cannot put conditionally, `ProtocolError` when an object's first line is
    damaged.
    """

    def __init__(self, store: "ObjectStore", path: str) -> None:
        """Guard the object of that path.

        Args:
            store: Any of obstore's that puts conditionally.
            path: The object's, below the store's prefix.
        """
        self.store, self.path = store, path

    def read(self) -> bytes | None:
        """The contents; None where there is no object. To read under a lock, claim first, or use `update`."""
        return self._get(Unavailable).contents

    def seen(self) -> Token | None:
        """The newest token that came; None before the first."""
        return self._get(Unavailable).token

    def claim(self, token: Given) -> None:
        """Change no contents, but refuse older tokens from now on; an object that is absent becomes an empty one.

        Raises:
            Fenced: a newer token was seen.
            InvalidToken: that is no token.
        """
        self._carry_out(self._steps(Token.of(token), _same))

    def write(self, token: Given, contents: bytes) -> None:
        """Replace the contents.

        Raises:
            Fenced: a newer token was seen. Nothing was changed.
            InvalidToken: that is no token.
            Overloaded: others wrote `TRIES_MAX` times meanwhile. Nothing was changed.
        """
        self._carry_out(self._steps(Token.of(token), lambda _: contents))

    def update(self, token: Given, change: _Change) -> bytes:
        """Replace the contents by what `change` makes of them; it is called again when others wrote meanwhile.

        Raises:
            Fenced: a newer token was seen. Nothing was changed.
            InvalidToken: that is no token.
            Overloaded: others wrote `TRIES_MAX` times meanwhile. Nothing was changed.
        """
        return self._carry_out(self._steps(Token.of(token), change))

    async def read_async(self) -> bytes | None:
        """`read`."""
        return (await self._get_async(Unavailable)).contents

    async def seen_async(self) -> Token | None:
        """`seen`."""
        return (await self._get_async(Unavailable)).token

    async def claim_async(self, token: Given) -> None:
        """`claim`."""
        await self._carry_out_async(self._steps(Token.of(token), _same))

    async def write_async(self, token: Given, contents: bytes) -> None:
        """`write`."""
        await self._carry_out_async(self._steps(Token.of(token), lambda _: contents))

    async def update_async(self, token: Given, change: _Change) -> bytes:
        """`update`."""
        return await self._carry_out_async(self._steps(Token.of(token), change))

    def _steps(self, token: Token, change: _Change) -> _Steps[bytes]:
        """Rules 2 and 3, without I/O."""
        mark = secrets.token_hex(MARK_BYTES)
        contents = b""
        for _ in range(TRIES_MAX):
            found = yield "get"
            assert isinstance(found, Found)
            if mark in found.marks:
                return contents
            if found.token is not None and token < found.token:
                raise Fenced(what=self.path, seen=str(found.token), given=str(token))
            contents = change(found.contents)
            body = wrap(Found(contents, token, (mark, *found.marks[: MARKS - 1])))
            if (yield _Put(body, "create" if found.version is None else found.version)):
                return contents
        raise Overloaded(what=f"the object {self.path}", limit=TRIES_MAX, unit="writes by others while this one was tried")

    def _carry_out(self, steps: _Steps[_T]) -> _T:
        lost: type[Unavailable | Unknown] = Unavailable
        try:
            step = next(steps)
            while True:
                if isinstance(step, _Put):
                    # A put that was refused may be one that was sent twice: from now on a silent store leaves it open.
                    lost = Unknown
                    step = steps.send(self._put(step))
                else:
                    step = steps.send(self._get(lost))
        except StopIteration as end:
            result: _T = end.value
            return result

    async def _carry_out_async(self, steps: _Steps[_T]) -> _T:
        lost: type[Unavailable | Unknown] = Unavailable
        try:
            step = next(steps)
            while True:
                if isinstance(step, _Put):
                    lost = Unknown
                    step = steps.send(await self._put_async(step))
                else:
                    step = steps.send(await self._get_async(lost))
        except StopIteration as end:
            result: _T = end.value
            return result

    def _get(self, lost: type[Unavailable | Unknown]) -> Found:
        try:
            answer = obstore.get(self.store, self.path)
            return _found(bytes(answer.bytes()), answer)
        except (BaseError, OSError, NotImplementedError) as error:
            return _not_got(error, lost)

    async def _get_async(self, lost: type[Unavailable | Unknown]) -> Found:
        try:
            answer = await obstore.get_async(self.store, self.path)
            return _found(bytes(await answer.bytes_async()), answer)
        except (BaseError, OSError, NotImplementedError) as error:
            return _not_got(error, lost)

    def _put(self, put: _Put) -> bool:
        try:
            obstore.put(self.store, self.path, put.body, mode=put.mode, use_multipart=False)
        except (BaseError, OSError, NotImplementedError) as error:
            return _not_put(error)
        return True

    async def _put_async(self, put: _Put) -> bool:
        try:
            await obstore.put_async(self.store, self.path, put.body, mode=put.mode, use_multipart=False)
        except (BaseError, OSError, NotImplementedError) as error:
            return _not_put(error)
        return True


# ----------------------------------------------------------------------------------------------------------------- bytes


def wrap(found: Found) -> bytes:
    """An object's bytes: its first line, then the contents."""
    return b"%b%b %b %b\n%b" % (MAGIC, VERSION, str(found.token).encode(), ",".join(found.marks).encode(), found.contents or b"")


def unwrap(body: bytes) -> Found:
    """What an object's bytes hold; for whoever reads them by other means.

    Raises:
        ProtocolError: the first line is damaged, or of a later version.
    """
    if not body.startswith(MAGIC):
        return Found(body, None)
    line, end, contents = body.partition(b"\n")
    words = line[:HEADER_BYTES_MAX].decode("ascii", "replace").split(" ")
    if not end or len(line) > HEADER_BYTES_MAX or len(words) != 4 or words[1] != VERSION.decode():
        raise ProtocolError(reason=f"a fenced object begins with {line[:80]!r}; expected {MAGIC + VERSION!r}, a token and marks")
    try:
        return Found(contents, Token.parse(words[2]), tuple(words[3].split(","))[:MARKS])
    except InvalidToken as error:
        raise ProtocolError(reason=f"a fenced object's first line is damaged: {error}") from None


def _found(body: bytes, answer: "GetResult") -> Found:
    version: UpdateVersion = {}
    if answer.meta["e_tag"] is not None:
        version["e_tag"] = answer.meta["e_tag"]
    if answer.meta["version"] is not None:
        version["version"] = answer.meta["version"]
    if not version:
        raise ConfigurationError(reason="this store names no versions of an object, so it cannot replace one conditionally", hint=OTHERS)
    return unwrap(body)._replace(version=version)


def _same(contents: bytes | None) -> bytes:
    return contents or b""


# ---------------------------------------------------------------------------------------------------------------- errors


def _not_got(error: Exception, lost: type[Unavailable | Unknown]) -> Found:
    """Nothing is there, or else raise what a failed get means."""
    if isinstance(error, (FileNotFoundError, NotFoundError)):
        return ABSENT
    refusal = _refusal(error)
    if refusal is None:
        refusal = Unavailable(waited_ms=0, reason=str(error)) if lost is Unavailable else Unknown(reason=str(error))
    raise refusal from error


def _not_put(error: Exception) -> bool:
    """The condition did not hold, or else raise what a failed put means."""
    if isinstance(error, (AlreadyExistsError, PreconditionError, FileNotFoundError, NotFoundError)):
        return False
    raise (_refusal(error) or Unknown(reason=str(error))) from error


def _refusal(error: Exception) -> Error | None:
    """The store does not do such things, or not for us."""
    if isinstance(error, NotImplementedError):
        return ConfigurationError(reason="this store cannot replace an object conditionally", hint=OTHERS)
    if isinstance(error, (PermissionDeniedError, UnauthenticatedError, PermissionError)):
        return ConfigurationError(reason=f"the store refuses: {error}")
    return None
