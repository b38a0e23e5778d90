"""The typed machine: a state, and handlers that change it.  [PML §3; SAFETY 17, 27]

Rule 1. A handler that refuses raises a deterministic `errors.Error` before it has changed anything. Anything else that it raises stops the
replica, here and at the next start: going on would let replicas differ.
Rule 2. A command is carried out as the version in force says, and that changes only where the log says so (`Upgrade`): at the same
place on every replica, whenever each was given the new program.  [ra: machine versions]
Rule 3. What a version does not know it refuses with the same words as a program that has never heard of it.
Rule 4. The state changes in handlers alone. Its checksum is that of its snapshot, made when it is asked for and not before.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, ClassVar, Final, Self

import msgspec
from xxhash import xxh3_64_intdigest

from gaios import machine
from gaios.errors import ConfigurationError, InvalidCommand, ProtocolError
from gaios.machine import Context
from gaios.typed import forms
from gaios.typed.handlers import Definition, definition_of, first_of
from gaios.typed.words import Upgrade, decode, name_of, tag_of

CHUNK_BYTES: Final = 256 << 10
_SEAM: Final = ("validate", "apply", "query", "checksum", "snapshot", "restore")
_UPGRADE: Final = name_of(Upgrade)


class Machine(machine.Machine):
    """Subclass this, hand it to `gaios.Replica`, and it is replicated: see `gaios.typed`.

    A subclass says `state: T`, where `T()` is what it begins with, and has a handler for each command and query. Or it defines the six
    methods of `gaios.machine.Machine` itself, in bytes.

    Raises:
        ConfigurationError: (when a subclass is defined) it is not whole; the message says what is missing or wrong.
    """

    version: ClassVar[int] = 1
    """Rises when a handler gives another result for the same command and state; see `Upgrade`."""
    _definition: ClassVar[Definition | None] = None
    _in_force: int
    _state_checksum: int | None

    def __init_subclass__(cls, **keywords: Any) -> None:  # noqa: ANN401 (handed on)
        """Check it."""
        super().__init_subclass__(**keywords)
        if type(cls.version) is not int or cls.version < 1:
            raise ConfigurationError(reason=f"{cls.__name__}.version is a number from 1 on, not {cls.version!r}")
        own = [name for name in _SEAM if getattr(cls, name) is not getattr(Machine, name)]
        if "apply" not in own:
            cls._definition = definition_of(cls, cls.version)
        elif len(own) < len(_SEAM):
            missing = ", ".join(name for name in _SEAM if name not in own)
            raise ConfigurationError(
                reason=f"{cls.__name__} defines apply, so it is a machine of bytes, but not {missing}",
                hint="define all six; or none, and mark handlers with @gaios.handler",
            )

    def __new__(cls, *_: Any, **__: Any) -> Self:  # noqa: ANN401 (they are its own constructor's)
        """Give it its first state, whatever its own constructor does."""
        if cls is Machine:
            raise ConfigurationError(reason="gaios.Machine is to be subclassed", hint="class Bank(gaios.Machine): …")
        self = super().__new__(cls)
        if cls._definition is not None:
            self.state = first_of(cls._definition.state, cls.__name__)
            self._in_force = 1
            self._state_checksum = None
        return self

    @property
    def version_in_force(self) -> int:
        """By which version commands are carried out now; at most `version`."""
        return self._in_force

    def upgraded(self, version: int) -> None:
        """A version came into force: change the state where it needs that. Called once for each, in order; does nothing by itself."""

    # -- the seam --------------------------------------------------------------------------------------------------------

    def validate(self, command: bytes) -> None:
        """See `machine.Machine.validate`."""
        tag = tag_of(command)
        if tag == _UPGRADE:
            version = decode(Upgrade, command).version
            if not 1 <= version <= self.version:
                raise InvalidCommand(reason=f"this replica's {type(self).__name__} has versions 1 to {self.version}, not {version}")
            return
        found = self._defined.commands[-1].get(tag)
        if found is None:
            raise InvalidCommand(reason=f"{type(self).__name__} has no command {tag!r}")
        decode(found.kind, command)

    def apply(self, command: bytes, context: Context) -> tuple[bytes, Sequence[Any]]:
        """See `machine.Machine.apply`."""
        tag = tag_of(command)
        if tag == _UPGRADE:
            return self._upgrade(decode(Upgrade, command, told=False).version), ()
        found = self._defined.commands[self._in_force - 1].get(tag)
        if found is None:
            raise InvalidCommand(reason=f"version {self._in_force} of this machine has no command {tag!r}")
        word = decode(found.kind, command, told=False)
        self._state_checksum = None
        reply = found.run(self, word, context) if found.wants_context else found.run(self, word)
        return forms.encode(reply), ()

    def query(self, question: bytes) -> bytes:
        """See `machine.Machine.query`."""
        tag = tag_of(question)
        found = self._defined.queries.get(tag)
        if found is None:
            raise InvalidCommand(reason=f"{type(self).__name__} has no query {tag!r}")
        return forms.encode(found.run(self, decode(found.kind, question)))

    def checksum(self) -> int:
        """See `machine.Machine.checksum`. Takes as long as a snapshot when something was applied since it was last asked for."""
        if self._state_checksum is None:
            self._state_checksum = xxh3_64_intdigest(self._encoded())
        return self._state_checksum

    def snapshot(self) -> Iterator[bytes]:
        """See `machine.Machine.snapshot`: `[version in force, state]`, in chunks."""
        data = self._encoded()
        return (data[at : at + CHUNK_BYTES] for at in range(0, len(data), CHUNK_BYTES))

    def restore(self, chunks: Iterable[bytes]) -> None:
        """See `machine.Machine.restore`."""
        name = type(self).__name__
        state: Any
        form: Any = self._defined.state
        try:
            in_force, state = msgspec.json.decode(b"".join(chunks), type=tuple[int, form])
        except (msgspec.MsgspecError, UnicodeDecodeError, ValueError, RecursionError) as error:
            raise ProtocolError(reason=f"not a snapshot of {name}: {error}") from None
        if not 1 <= in_force <= self.version:
            raise ProtocolError(reason=f"a snapshot of version {in_force} of {name}; this program has versions 1 to {self.version}")
        self.state, self._in_force, self._state_checksum = state, in_force, None

    # -- inside ----------------------------------------------------------------------------------------------------------

    @property
    def _defined(self) -> Definition:
        assert self._definition is not None
        return self._definition

    def _encoded(self) -> bytes:
        return forms.encode((self._in_force, self.state))

    def _upgrade(self, version: int) -> bytes:
        if version > self.version:
            name = type(self).__name__
            raise ConfigurationError(
                reason=f"the log goes on with version {version} of {name}, of which this program has versions 1 to {self.version}",
                hint="give this replica the new program, and start it again",
            )
        while self._in_force < version:
            self._in_force += 1
            self._state_checksum = None
            self.upgraded(self._in_force)
        return forms.encode(self._in_force)
