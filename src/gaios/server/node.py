"""A whole replica as one pure object: log, journal, database, watches, and the clients that are connected.  [DESIGN §1; STYLE 1, 2]

    client_frame · client_gone · peer_frame · disk_done · tick  ──►  Node  ──►  drain() -> Effects
                                                    │
                          log.Replica ── storage.Journal ── machine ── watches ── steward

The real shell (replica.py) and the simulator run this very object; they differ only in who carries its `Effects` out.

Rule 1. Nothing is read from the world: events, `now` and durable bytes come in, `Effects` go out. Of their order only Rule 2 says anything.
Rule 2. One disk batch is in flight; what may be said only when its records are durable is held back in commit.py alone.  [SAFETY 5]
Rule 3. Every request is answered, with its reply or with one typed error; the master's address goes with `NotMaster`.
Rule 4. Everything is bounded: a client's requests and watches, and, by the log, what waits for a slot.  [SAFETY 28]
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Self

import msgspec

from gaios import configuration, errors
from gaios.locks import LockService, Steward
from gaios.log import Answer, Bounds, Options, Output, RecordKind, Replica, codec, feature
from gaios.log.applier import Applier
from gaios.machine import Machine
from gaios.server import damage
from gaios.server.answering import Answering
from gaios.server.commit import GroupCommit, Waiting
from gaios.server.effects import Effects, Limits
from gaios.server.facts import facts as facts_of
from gaios.server.fetching import STORE
from gaios.server.gated import Gated
from gaios.server.guests import LOCAL, OWN, Connection, Guests
from gaios.server.loading import Found, load
from gaios.server.outbox import Outbox, framed
from gaios.server.places import Places
from gaios.server.scrub import Scrubber
from gaios.server.seclusion import Seclusion
from gaios.server.snapshots import Snapshots
from gaios.server.watches import Watches
from gaios.storage import SEGMENT_BYTES, Identity, Journal, Operation, Piece, Place, Reader
from gaios.storage.copies import NAMES as PROMISES
from gaios.storage.snapshot import slots as slots_of
from gaios.transport import (
    Kind,
    Status,
    decode_keepalive,
    decode_request,
    decode_submit,
    decode_watch,
    encode_answer,
    encode_pong,
)

_SUBMIT = int(Kind.SUBMIT)
"""A plain number: an enumeration's member costs more to compare with, and this one is compared with at every request."""


class Node(Answering):
    """See the module."""

    def __init__(
        self,
        *,
        replica_id: int,
        replica: Replica,
        journal: Journal,
        reader: Reader,
        clients: Mapping[int, str],
        facts: Mapping[str, Any] | None = None,
        first: list[Operation] | None = None,
        found: Found | None = None,
        limits: Limits | None = None,
        beside: Reader | None = None,
        now: int = 0,
        make_commit: Callable[..., GroupCommit] = GroupCommit,
    ) -> None:
        """Take over a recovered replica. `first` are operations without which it may not vote; `clients` maps replica ids to addresses.

        `beside` reads the same directory on another thread, by default `reader` does.
        """
        self.replica, self._reader, self.replica_id = replica, reader, replica_id
        self.limits = limits or Limits()
        self._facts = dict(facts or {})
        self.problems: Mapping[int, str] = {}
        """Why peers cannot be spoken to, by replica id, as the shell found."""
        self.places = Places(replica, clients, self._facts.get("founders", ()))
        self.guests = Guests()
        self._local: list[tuple[int, Answer]] = []
        self._outbox = Outbox(lambda: replica.peers, partial(framed, replica))
        self.watches = Watches(replica.applier.machine, self.limits.watches)
        machine = replica.applier.machine
        book = machine if isinstance(machine, LockService) else None
        self.steward = Steward(book, lambda number, command: replica.propose_own((OWN, number), command))
        self.gated = Gated(replica, self.steward, lambda answers: self._answer(0, answers))
        self.seclusion = Seclusion(replica, self.watches)
        self.commit = make_commit(journal, replica.state_record, list(first or ()))
        self.snapshots = Snapshots(found or Found(bytes(16), None, (), [], [], [], []), replica, self.commit, reader)
        self.damages = damage.Damages(replica, journal, reader)
        self.scrubber = Scrubber(beside or reader, journal.identity, self.limits, now)
        self._handed_back: list[tuple[Any, ...]] = []
        self._told, self._refusal = 0, b""
        self._listed = replica.told.number
        """The configuration that clients were told of last."""
        self._deadline_ns = 0
        self.answered = self.refused = self.overloaded = 0

    @classmethod
    def start(
        cls,
        *,
        cell: bytes,
        member: int,
        members: Mapping[int, int],
        clients: Mapping[int, str],
        reader: Reader,
        machine: Machine,
        nonce: int,
        now: int,
        wall_ms: int,
        options: Options | None = None,
        bounds: Bounds | None = None,
        limits: Limits | None = None,
        segment_bytes: int = SEGMENT_BYTES,
        beside: Reader | None = None,
        directory: str = "the replica's directory",
        facts: Mapping[str, Any] | None = None,
        applier: type[Applier] = Applier,
        make: Callable[..., Replica] = Replica,
        told: configuration.Configuration | None = None,
    ) -> Self:
        """One boot: read everything durable, take the next boot number, and be ready to carry on.  [SAFETY 3, 7]

        `members` are the founders; `told` is the configuration that invited this member, if it is none of them.

        Raises:
            StateMissing, StateDamaged, AnotherCell: the directory cannot be trusted, or is another's.
            TooOld: a newer version wrote to it what this one cannot read.
        """
        journal, found = Journal.open(
            Identity(cell, member, 0), reader, segment_bytes=segment_bytes, indexed={RecordKind.ACCEPT}, directory=directory
        )
        try:
            recovered = damage.recovered(found, directory, max(slots_of(reader.names()), default=0))
        except errors.ProtocolError as error:
            raise errors.TooOld(what=directory, reason=error.reason) from None
        feature.check(recovered.copies.feature, applier.highest, directory)
        snapshots = load(reader, cell, recovered, machine, applier.highest)
        boot = journal.boot = recovered.copies.boot + 1
        replica = make(
            me=member,
            members=members,
            boot=boot,
            nonce=nonce,
            recovered=recovered,
            machine=machine,
            now=now,
            wall_ms=wall_ms,
            options=options,
            bounds=bounds,
            base=snapshots.base,
            empty=snapshots.empty,
            applier=applier,
            told=told,
        )
        return cls(
            replica_id=replica.place,
            replica=replica,
            journal=journal,
            reader=reader,
            clients=clients,
            facts=facts,
            first=[*found.operations, *snapshots.first],
            found=snapshots,
            limits=limits,
            beside=beside,
            now=now,
        )

    # -- events ----------------------------------------------------------------------------------------------------------

    def client_frame(self, now: int, connection: Connection, kind: int, body: bytes) -> None:
        """A frame came from a client; `now` was taken after it did.

        Raises:
            ProtocolError: it breaks the protocol's rules; the connection is to be closed.
        """
        client = self.guests.all.get(connection) or self.client_came(connection)
        if kind == _SUBMIT:
            request, entry = decode_submit(body)
            if self._admit(connection, client, request):
                self.gated.submit(now, (connection, request), entry)
        elif kind == Kind.READ:
            request, question = decode_submit(body)
            if self._admit(connection, client, request):
                self.gated.read(now, (connection, request), question)
        elif kind == Kind.PING:
            self.guests.say(connection, encode_pong(decode_request(body), *self.standing()))
        elif kind == Kind.WATCH:
            request, watch = decode_watch(body)
            self.guests.say(connection, self.seclusion.refusal(request) or self.watches.begin(now, connection, request, watch))
        elif kind == Kind.CANCEL:
            self.watches.cancel(connection, decode_request(body))
        elif kind == Kind.KEEPALIVE:
            keepalive = decode_keepalive(body)
            leased = self.replica.lease_ns(now) > 0
            self.steward.keepalive((connection, keepalive.request), keepalive, reign=self.reign, leased=leased)
        elif kind == Kind.STATUS:
            request = decode_request(body)
            self.guests.say(connection, encode_answer(request, Status.DONE, 0, 0, msgspec.json.encode(self.status(now))))
        elif kind == Kind.CHANGE:
            request, proposed = decode_submit(body)
            if self._admit(connection, client, request):
                self._change(now, (connection, request), proposed)
        else:
            raise errors.ProtocolError(reason=f"a client sent a frame of kind {kind}")

    def submit(self, now: int, request: int, entry: bytes) -> None:
        """The embedding program's own write; its answer comes in `Effects.local`."""
        self.gated.submit(now, (LOCAL, request), entry)

    def read(self, now: int, request: int, question: bytes) -> None:
        """The embedding program's own read."""
        self.gated.read(now, (LOCAL, request), question)

    def peer_frame(self, now: int, member: int, nonce: int, body: bytes) -> bool:
        """A frame came from a member's connection, which was opened with that nonce.

        False: nothing came of it, and `drain` need not be called for it.

        Raises:
            ProtocolError: it breaks the protocol's rules, or speaks for another member; the connection is to be closed.
            StateLost: this replica is a copy of an older state, or has one that runs.
            TooOld: the cell has a feature level that this version does not support.
        """
        replica = self.replica
        sender, boot, config, messages = codec.decode(body, replica.applier.highest)
        if sender != member:
            raise errors.ProtocolError(reason=f"member {member} sent a frame of member {sender}")
        if config > replica.told.number:
            replica.overtaken(now, member, boot, nonce, config)
        return self._hear(now, member, boot, nonce, messages)

    def disk_done(self, now: int) -> bool:
        """The batch in flight is durable. False: nothing came of it but what `release` gives, and `drain` need not be called for it."""
        replica, (after, number) = self.replica, self.commit.done(now)
        self._release(after)
        if not number:
            return True
        news, installed = replica.synced(now, number), self.snapshots.installed
        self.snapshots.synced(now, number)
        if self.snapshots.installed > installed:
            self.watches.jumped()
        if self._handed_back:
            messages, self._handed_back = self._handed_back, []
            news |= self._hear(now, replica.me, replica.boot, replica.nonce, messages)
        return news or self.commit.is_waiting or self.snapshots.is_due(now)

    def snapshot_done(self, now: int) -> None:
        """What `Effects.snapshot` held is carried out and durable."""
        self.snapshots.done(now)

    def store_said(self, now: int, message: codec.Message) -> None:
        """The store of backups answers what `Effects.asked` held."""
        self.snapshots.heard(now, STORE, message)

    def scrubbed(self, now: int, piece: Piece | None) -> None:
        """What `Effects.scrub` returned: what it found damaged is repaired."""
        self.scrubber.done(now, piece)
        found = piece.damage if piece is not None else None
        if isinstance(found, Place):
            self.damages.found_at(now, found)
        elif found is not None and found.file in PROMISES:
            self.damages.copy_found(self.commit, found)
        elif found is not None:
            self.snapshots.spoil(slots_of([found.file])[0], f"{found.file}, byte {found.offset}: {found.detail}")

    def spare_done(self, now: int) -> None:
        """The new file is made and durable."""
        self.commit.made(now)

    def no_room(self, now: int) -> None:
        """There is no room for the new file: it is tried again, and meanwhile this replica lives on its reserve."""
        self.commit.no_room(now)
        self.snapshots.make_room(now)

    def tick(self, now: int) -> None:
        """Time passed."""
        if now >= self.replica.deadline_ns():
            self.replica.tick(now)

    def retire(self, now: int) -> None:
        """This replica is about to be stopped: a master gives its lease back."""
        self.replica.retire(now)

    # -- effects ---------------------------------------------------------------------------------------------------------

    def drain(self, now: int) -> Effects:
        """Everything there is to do now. Call it after events, once a turn of the loop."""
        replica, commit = self.replica, self.commit
        if commit.room != replica.space.room:
            replica.set_room(now, commit.room)
        while True:
            output = replica.output(now)
            if output is not None:
                self._take(now, output)
                if output.reads or output.transfers:  # what was read is to be sent, what came of the others to be written down
                    continue
            if self._handed_back:
                messages, self._handed_back = self._handed_back, []
                replica.receive(now, replica.me, replica.boot, replica.nonce, messages)
            elif not self._attend(now):
                break
        evidence, replica.doubt.evidence = replica.doubt.evidence, None
        if evidence is not None and evidence.fatal is not None:
            return Effects(None, None, [], [], [], self.steward.due_ns(), None, evidence)
        disk = commit.batch(now)
        spare = commit.spare(now, began=disk is not None)
        if commit.room != replica.space.room:  # the batch took some: what that means is for the next turn, due at once
            replica.set_room(now, commit.room)
        if replica.master != self._told:
            self._announce()
        if replica.told.number != self._listed:
            self._listed = replica.told.number
            self.guests.say_to_all(self._members())
        for connection, frame in self.seclusion.take(now):
            self.guests.say(connection, frame)
        local, self._local = self._local, []
        snapshot, scrub, asked = None, None, list[codec.Message]()
        if self.snapshots.is_due(now):
            snapshot = self.snapshots.work(now)
            asked = self.snapshots.speak(self._outbox.add if replica.may_speak else list)
        if now >= self.scrubber.due_ns():
            scrub = self.scrubber.work(now, commit.journal.sealed, [kept.handle.slot for kept in self.snapshots.kept])
        log_ns, beside_ns = min(replica.deadline_ns(), commit.due_ns()), min(self.snapshots.due_ns(), self.scrubber.due_ns())
        self._deadline_ns = min(log_ns, beside_ns, self.seclusion.due_ns(), self.steward.due_ns())
        to_clients = list(self.guests.take()) if self.guests.talking else []
        return Effects(disk, spare, self._outbox.take(), to_clients, local, self._deadline_ns, snapshot, evidence, scrub, asked)

    def release(self, now: int) -> Effects:
        """What waited for a batch, where `disk_done` said that no more came of it, in place of `drain`."""
        del now  # every event has one
        self._deadline_ns = min(self._deadline_ns, self.commit.due_ns())
        return Effects(None, None, self._outbox.take(), [], [], self._deadline_ns)

    def check(self) -> None:
        """Raise `InvariantViolated` when an invariant of the log, or of what it is kept with, does not hold."""
        self.replica.check()
        self.commit.check()

    def close(self) -> list[Operation]:
        """What a clean stop writes last, when nothing is in flight."""
        return self.commit.journal.close()

    def status(self, now: int) -> dict[str, Any]:
        """This replica's own facts.  [INTERFACE `status`]"""
        facts = facts_of(self.replica_id, self.replica, self.snapshots, now, self.problems)
        return {**self._facts, **facts, "members": self.places.rows()}

    # -- inside ----------------------------------------------------------------------------------------------------------

    def _hear(self, now: int, member: int, boot: int, nonce: int, messages: list[tuple[Any, ...]]) -> bool:
        """Hand messages on; whether `drain` has anything for them."""
        replica = self.replica
        if replica.receive(now, member, boot, nonce, messages) or replica.told.number != self._listed:
            return True
        return replica.master != self._told or replica.deadline_ns() < self._deadline_ns

    def _take(self, now: int, output: Output) -> None:
        """Carry one Output out, or hold it back until it is durable."""
        if output.at_once:
            self._outbox.add(output.at_once)
        after = self.commit.add(output)
        if after:
            self._release(after)
        if output.effects:
            self.watches.applied(output.effects)
            self.steward.applied(output.effects)
        if output.captures:
            self.snapshots.take(now, output.captures)
        for member, message in output.transfers:
            self.snapshots.heard(now, member, message)
        if output.answers:
            self._answer(now, self.gated.answered(output.answers))
        left = self.replica.options.supply_bytes
        for member, slot in output.reads:
            if left > 0 or member == self.replica.me:  # the rest is asked for again
                left -= self._read_back(now, member, slot)

    def _read_back(self, now: int, member: int, slot: int) -> int:
        """Hand the replica a value that it does not hold any more, and say how long it is; one that is not written yet stands here."""
        ballot, value = (self.commit.unwritten(RecordKind.ACCEPT, slot) or (0, 0, *self.damages.read(now, slot)))[2:]
        if ballot:
            self.replica.supply(now, member, slot, ballot, value)
        return len(value)

    def _release(self, after: Waiting) -> None:
        me = self.replica.me
        self._handed_back += [message for to, message in after if to == me]
        self._outbox.add([(to, message) for to, message in after if to != me])
