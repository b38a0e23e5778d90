"""A cell's methods for a machine of one's own: typed commands and queries (`gaios.typed`).  [PML §3]"""
# ruff: noqa: ASYNC109 (a call's time-out is the core's business: its outcome depends on what was sent by then)

from gaios.client import holding
from gaios.client.calling import Calling
from gaios.client.core import READ, WRITE
from gaios.typed.words import Command, Query, R, decode_reply, encode


class Commands(Calling):
    """For a cell whose replicas were given a machine: `gaios.Replica(…, machine=Bank())`."""

    async def submit(self, command: Command[R], *, timeout: float | None = None) -> R:
        """Replicate a command, exactly once; the machine's reply.

        Raises:
            InvalidCommand: its fields make no sense, or the cell's machine knows no such command.
            Error: what the machine refused with.
        """
        holding.check()
        reply: R = decode_reply(command, await self._shell.call(WRITE, encode(command), self._seconds(timeout)))
        return reply

    async def query(self, question: Query[R], *, timeout: float | None = None) -> R:
        """Ask the machine; the answer covers all that was answered before.

        Raises:
            InvalidCommand: its fields make no sense, or the cell's machine knows no such query.
            Error: what the machine refused with.
        """
        holding.check()
        answer: R = decode_reply(question, await self._shell.call(READ, encode(question), self._seconds(timeout)))
        return answer
