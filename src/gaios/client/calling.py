"""How a cell is called: a noun's bytes go out by the shell, and what comes back is read.

Every call ends by its time-out, in one of three ways: it returns; it raises an error whose `definite` is true; or it raises `Unknown`.
[SAFETY 20]
"""
# ruff: noqa: ASYNC109 (a call's time-out is the core's business: its outcome depends on what was sent by then)

import asyncio
from typing import Final

from gaios import api
from gaios.client import holding
from gaios.client.arguments import seconds
from gaios.client.core import READ, STATUS, WRITE
from gaios.client.shell import Shell
from gaios.client.status import Told, decode
from gaios.errors import ConfigurationError, Error, ProtocolError, Unavailable, Unknown

STATUS_S: Final = 1.0
"""How long each replica is waited for that is asked for its state.  [INTERFACE `status`]"""


class Calling:
    """What the parts of a `Cell` share."""

    def __init__(self, shell: Shell, timeout: float) -> None:
        """`timeout`: seconds that a call may take when it names none itself."""
        self._shell = shell
        self._timeout = seconds(timeout)
        if not timeout:
            raise ConfigurationError(reason="a time-out is a number of seconds above 0, not 0")

    @property
    def is_closed(self) -> bool:
        """Whether nothing can be asked any more."""
        return self._shell.is_closed

    def _seconds(self, timeout: float | None) -> float:
        return self._timeout if timeout is None else seconds(timeout)

    async def _write(self, command: api.Command, timeout: float | None) -> api.Reply:
        holding.check()
        data = api.check(command)
        reply = await self._shell.call(WRITE, data, self._seconds(timeout))
        try:
            return api.decode_reply(reply)
        except Error as error:
            raise Unknown(reason=f"it was carried out, but the reply cannot be read ({error})") from None

    async def _read(self, question: api.Question, timeout: float | None) -> api.Answer:
        holding.check()
        api.check_question(question)
        data = api.encode(question)
        answer = await self._shell.call(READ, data, self._seconds(timeout))
        try:
            return api.decode_answer(answer)
        except Error as error:
            raise ProtocolError(reason=f"the answer cannot be read ({error})") from None

    async def _tell(self) -> dict[str, Told | Error]:
        """What each replica says, by endpoint; each is asked for at most a second.

        Raises:
            Unavailable: none answered.
        """
        asked = dict.fromkeys(self._shell.core.endpoints)
        answers: dict[str, Told | Error] = {}
        while missing := [endpoint for endpoint in asked if endpoint not in answers]:
            answers |= zip(missing, await asyncio.gather(*map(self._ask_status, missing)), strict=True)
            for told in answers.values():
                if isinstance(told, Told):
                    asked |= dict.fromkeys(member.client for member in told.members if member.client)
        if not any(isinstance(told, Told) for told in answers.values()):
            error = next(told for told in answers.values() if isinstance(told, Error))
            if self.is_closed or not isinstance(error, Unavailable):
                raise error
            raise Unavailable(waited_ms=0, reason=f"no replica answers at {', '.join(answers)}: {error.reason}")
        return answers

    async def _ask_status(self, endpoint: str) -> Told | Error:
        try:
            return decode(await self._shell.call(STATUS, b"", STATUS_S, endpoint))
        except Error as error:
            return error
