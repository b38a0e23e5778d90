"""The embedding program's own session: its commands, exactly once, through the replica that it holds.  [SAFETY 19, 20]

Rule 1. A command keeps its identity through all attempts, so that it is carried out once however often it is sent.
Rule 2. It ends as done, as refused (nothing happened), or, when the deadline came over an attempt that may have been proposed, as unknown.
A refusal proves nothing of an earlier attempt.
Rule 3. Only the master takes commands: elsewhere `NotMaster` names the client address of the master.
"""

import asyncio
from collections.abc import Callable
from typing import Final

from gaios import entry, errors
from gaios.log import Answer, Status

RETRY_S: Final = 0.05
"""Between attempts: an election takes some hundred milliseconds."""
Ask = Callable[[bytes], "asyncio.Future[Answer]"]


class _Life:
    """One registration: its identity, its newest sequence number, and what is open under it, oldest first."""

    def __init__(self, identity: entry.Identity) -> None:
        self.identity = identity
        self.sequence = 0
        self.open: dict[int, None] = {}

    def begin(self, command: bytes) -> tuple[int, bytes]:
        """The next command's number and entry."""
        self.sequence += 1
        self.open[self.sequence] = None
        acknowledged = next(iter(self.open)) - 1
        return self.sequence, entry.encode(entry.Kind.COMMAND, self.identity, self.sequence, acknowledged, command)


class Session:
    """The program's place in the exactly-once table; taken by the first command, and anew when the cell has forgotten it."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._life: _Life | None = None
        self._registering = asyncio.Lock()

    async def submit(self, command: bytes, timeout_s: float) -> bytes:
        """The machine's reply to a command.

        Raises:
            NotMaster, Overloaded, InvalidCommand: nothing happened.
            Error: what the machine refused with.
            Unknown: it may have happened, or may still.
        """
        deadline = asyncio.get_running_loop().time() + timeout_s
        life = await self._registered(deadline)
        sequence, data = life.begin(command)
        try:
            answer = await self._until_sure(data, deadline)
        except (errors.UnknownSession, errors.Unknown):
            if self._life is life:
                self._life = None
            raise
        finally:
            del life.open[sequence]
        return answer.body

    async def _registered(self, deadline: float) -> _Life:
        async with self._registering:
            if self._life is None:
                answer = await self._until_sure(entry.register(), deadline)
                self._life = _Life(entry.Identity(answer.slot, answer.index))
            return self._life

    async def _until_sure(self, data: bytes, deadline: float) -> Answer:
        doubt = False
        while True:
            try:
                async with asyncio.timeout_at(deadline):
                    answer = await self._ask(data)
            except TimeoutError:
                raise errors.Unknown(reason="no answer came before the deadline") from None
            status = answer.status
            if status == Status.DONE:
                return answer
            if status == Status.IN_DOUBT:
                doubt = True
            elif status == Status.UNKNOWN_SESSION and doubt:
                raise errors.Unknown(reason="the cell forgot this session while the command was under way")
            elif status == Status.INVALID and doubt:  # of this attempt: a full disk, for instance, is none of the one before
                refused = errors.unpack(answer.body)
                raise errors.Unknown(reason=f"mastership was lost while the command was under way, and then it was refused ({refused})")
            elif status != Status.OVERLOADED and not (doubt and status == Status.NOT_MASTER):
                raise errors.unpack(answer.body)
            if asyncio.get_running_loop().time() + RETRY_S > deadline:
                raise errors.Unknown(reason="mastership was lost while the command was under way") if doubt else errors.unpack(answer.body)
            await asyncio.sleep(RETRY_S)
