"""How a node answers: who is connected, replies, refusals that say why, and where the master is.  [SAFETY 28]

Rule 1. Every request is answered, with its reply or with one typed error; the master's address goes with `NotMaster`.
Rule 2. A client has so many requests under way and no more, each under a number of its own.
"""

from typing import Any

from gaios import configuration, errors
from gaios.locks import Steward
from gaios.log import Answer, Replica
from gaios.server.effects import Limits
from gaios.server.gated import Gated
from gaios.server.guests import LOCAL, OWN, Connection, Guest, Guests
from gaios.server.places import Places
from gaios.server.seclusion import Seclusion
from gaios.server.watches import Watches
from gaios.transport import Status, encode_answer, encode_members, encode_pong


class Answering:
    """The part of a `Node` that answers."""

    replica: Replica
    replica_id: int
    limits: Limits
    guests: Guests
    steward: Steward
    seclusion: Seclusion
    gated: Gated
    watches: Watches
    answered: int
    """Requests answered; `refused`: with something else than the reply; `overloaded`: because something was full."""
    refused: int
    overloaded: int
    places: Places
    _local: list[tuple[int, Answer]]
    _told: int
    """The master that clients were told of last."""
    _refusal: bytes
    """What says so, encoded once."""

    def client_came(self, connection: Connection) -> Guest:
        """A client is connected; its numbers, from 1, are never used twice. Its first frame says so too."""
        guest = self.guests.came(connection)
        if self.replica.told.number:
            self.guests.say(connection, self._members())
        return guest

    def client_gone(self, connection: Connection) -> None:
        """A client's connection is closed; what it asked for goes on, unanswered."""
        self.guests.gone(connection)
        self.watches.gone(connection)

    def client_paused(self, connection: Connection, *, paused: bool) -> None:
        """A client takes nothing more for now, or again: its events wait, within bounds."""
        self.watches.paused(connection, paused=paused)

    @property
    def reign(self) -> int:
        """The ballot of the reign in which this replica serves as master; 0: it does not."""
        return self.replica.epoch if self.replica.is_serving else 0

    def standing(self) -> tuple[bool, str]:
        """Whether this replica serves, and the client address of the master as far as it knows."""
        replica, master = self.replica, self.replica.master
        return master == replica.me, self.places.client(master)

    def _answer(self, now: int, answers: list[tuple[Any, Answer]]) -> None:
        clients, talking = self.guests.all, self.guests.talking
        self.answered += len(answers)
        for (connection, request), answer in answers:
            status, slot, index, body = answer
            if status:
                self.refused += 1
                body = self._explain(status, body)
            client = clients.get(connection)
            if client is not None:
                client.open.discard(request)
                client.out.append(encode_answer(request, status, slot, index, body))
                talking[connection] = client
            elif connection == OWN:
                self.steward.charged(now, request, status, body)
            elif connection == LOCAL:
                self._local.append((request, Answer(status, slot, index, body)))

    def _explain(self, status: int, body: bytes) -> bytes:
        """A refusal's body: the log's own, or what only this object knows."""
        if status == Status.OVERLOADED:
            self.overloaded += 1
        if body:
            return body
        if status == Status.NOT_MASTER:
            if doubt := self.seclusion.reason():
                return doubt
            if not self._refusal:
                self._refusal = errors.pack(errors.NotMaster(replica=self.replica_id, master=self.standing()[1]))
            return self._refusal
        if status == Status.UNAVAILABLE:
            return errors.pack(errors.Unavailable(waited_ms=self.replica.options.term_ms, reason="this master holds no lease"))
        return errors.pack(errors.Unknown(reason="mastership was lost while the command was under way"))

    def _admit(self, connection: Connection, client: Guest, request: int) -> bool:
        """Take note of a request, or refuse it."""
        if client.admit(request, self.limits.requests):
            return True
        self.answered += 1
        self.refused += 1
        self.overloaded += 1
        full = errors.Overloaded(what="this connection", limit=self.limits.requests, unit="requests under way")
        self.guests.say(connection, encode_answer(request, Status.OVERLOADED, 0, 0, errors.pack(full)))
        return False

    def _announce(self) -> None:
        """Tell every client unasked where the master is now: it spares them a search."""
        self._told, self._refusal = self.replica.master, b""
        self.guests.say_to_all(encode_pong(0, *self.standing()))

    def _change(self, now: int, token: tuple[Connection, int], proposed: bytes) -> None:
        """A client wants other members; whether they follow the present ones is the log's to say.  [SAFETY 18]"""
        try:
            members = configuration.decode(proposed)
        except errors.ProtocolError as error:
            self._answer(now, [(token, Answer(Status.INVALID, body=errors.pack(errors.InvalidCommand(reason=error.reason))))])
        else:
            self.replica.change(now, token, members)

    def _members(self) -> bytes:
        return encode_members(self.replica.told.number, self.places.clients())

    def _attend(self, now: int) -> bool:
        """Answer KeepAlives; whether the steward put anything into the log."""
        steward, reign = self.steward, self.reign
        if not reign and steward.is_idle:
            return False
        before = steward.charges
        for (connection, request), status, body in steward.take(now, reign):
            self.guests.say(connection, encode_answer(request, status, 0, 0, self._explain(status, body) if status else body))
        return self.gated.attend(now) or steward.charges > before
