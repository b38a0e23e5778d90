"""The embedding program's own session: its commands, exactly once, through the replica that it holds.  [SAFETY 19, 20]

Rule 1. A command keeps its identity through all attempts, so that it is carried out once however often it is sent.
Rule 2. It ends as done, as refused (nothing happened), or, when the deadline came over an attempt that may have been proposed, as unknown.
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


class Session:
    """One identity in the exactly-once table; made by the first command."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._identity: entry.Identity | None = None
        self._registering = asyncio.Lock()
        self._sequence = 0
        self._open: dict[int, None] = {}

    async def submit(self, command: bytes, timeout_s: float) -> bytes:
        """The machine's reply to a command.

        Raises:
            NotMaster, Overloaded, InvalidCommand: nothing happened.
            Error: what the machine refused with.
            Unknown: it may have happened, or may still.
        """
        deadline = asyncio.get_running_loop().time() + timeout_s
        identity = await self._registered(deadline)
        self._sequence += 1
        sequence = self._sequence
        self._open[sequence] = None
        try:
            acknowledged = next(iter(self._open)) - 1
            answer = await self._until_sure(entry.encode(entry.Kind.COMMAND, identity, sequence, acknowledged, command), deadline)
        finally:
            del self._open[sequence]
        return answer.body

    async def _registered(self, deadline: float) -> entry.Identity:
        async with self._registering:
            if self._identity is None:
                answer = await self._until_sure(entry.register(), deadline)
                self._identity, self._sequence = entry.Identity(answer.slot, answer.index), 0
            return self._identity

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
            elif status != Status.OVERLOADED and not (doubt and status == Status.NOT_MASTER):
                if status == Status.UNKNOWN_SESSION:
                    self._identity = None
                    if doubt:
                        raise errors.Unknown(reason="the cell forgot this session while the command was under way")
                raise errors.unpack(answer.body)
            if asyncio.get_running_loop().time() + RETRY_S > deadline:
                raise errors.Unknown(reason="mastership was lost while the command was under way") if doubt else errors.unpack(answer.body)
            await asyncio.sleep(RETRY_S)
