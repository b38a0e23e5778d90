"""One replica of the fault-tolerant log, as a pure object.  [PML §3-§5; SAFETY 5, 6, 9-14, 17, 19, 28]

    receive · submit · read · tick · synced  ──►  Replica  ──►  output()
                                                     │
         steps (the generated core) ── boots · election · reign (queue) · catchup · applier (table, machine)

Rule 1. No clock, disk, socket, dice: events and `now` come in, an `Output` comes out, and the shell carries it out in its order.
Rule 2. What is promised, accepted, chosen, granted is the core's alone; this room decides only *when*.
Rule 3. The exactly-once table and the machine see chosen values only, in slot order, each once.

Left out on purpose: bytes on disk (storage/), frames (transport/), who is a client (server/).
"""

from collections import deque
from collections.abc import Mapping
from typing import Any, Final

from gaios import errors
from gaios.log.answers import Answer, Status
from gaios.log.applier import Applier
from gaios.log.boots import Boots, lineage
from gaios.log.catchup import Catchup
from gaios.log.codec import BOOT, BOOTED, OFFER, POLL, POLLED, ROOM, TRANSFERS, Message
from gaios.log.election import Election
from gaios.log.options import MS, Options
from gaios.log.output import OTHERS, Output
from gaios.log.records import Record, Recovered, encode
from gaios.log.reign import Reign
from gaios.log.sessions import Bounds, Sessions
from gaios.log.snapshots import Handle, Unpacked, encode_handle
from gaios.log.space import Room, Space
from gaios.log.standing import Standing
from gaios.log.steps import FAR, Steps
from gaios.machine import Machine
from gaios.paxos import core

DROPPED_SLOTS: Final = 10_000
"""Dropped in one go: a millisecond."""


class Replica(Standing):
    """See the module. Members are numbers, `members` maps each to its replica id; `wall_ms` is the wall clock now, for advice only.

    Invariants, checked by `check()`:
      1. applied <= chosen.
      2. Only a leader has a reign, and its reign is its ballot.
      3. Every open token stands at a slot of this reign above `applied`.
    """

    def __init__(
        self,
        *,
        me: int,
        members: Mapping[int, int],
        config: int,
        boot: int,
        nonce: int,
        recovered: Recovered,
        machine: Machine,
        now: int,
        wall_ms: int = 0,
        options: Options | None = None,
        bounds: Bounds | None = None,
        base: Unpacked | None = None,
        participant: type[core.Participant] = core.Participant,
    ) -> None:
        """`base` is what `machine` was restored from, a snapshot behind a slot that `recovered` knows to be chosen."""
        self.options = options = options or Options()
        self.me, self.members, self.config, self.boot, self.nonce = me, dict(members), config, boot, nonce
        self.peers = tuple(sorted(member for member in members if member != me))
        self.core = participant(me, config, sum(1 << member for member in self.members))
        self.offer = b""
        """The handle of the newest snapshot whose record is durable: for peers that ask for what was truncated."""
        self.polls = 0
        """How often this replica polled since its start."""
        self.handovers = 0
        """How often it let another reign because its disk was full or slow."""
        self._leave_by = 0
        """It is about to: nothing new is proposed, and at that time, at the latest, it goes. 0: it is not."""
        self._steps = Steps(self.core, options, lineage(me, recovered, boot, nonce))
        self._steps.restore(recovered)
        self.boots = Boots(self._steps, options, me, self.members, recovered, now)
        self.applier = Applier(machine, Sessions(bounds or Bounds()))
        if base is not None:
            self.applier.restore(base.part, base.sessions)
        self._reign = Reign(self._steps, self.applier, options, me, self.peers, now, wall_ms)
        self._election = Election(options, nonce, now)
        self._catchup = Catchup(options, self.peers)
        self.space = Space(me, sorted(members), now)
        self._master = self._cached_bytes = 0
        self._resend_due = self._boost_after = self._awake_ns = now
        self._unsynced: deque[tuple[int, int]] = deque()
        self._chains = {slot: chain for slot, chain in recovered.chains.items() if slot > self.applied}
        self._evicted = recovered.truncated
        self._cached_bytes = sum([len(value) for slot, (_, value) in self.core.acc.items() if slot <= self.applied])
        self._has_begun = False
        self._begin()

    def state_record(self) -> Record:
        """Everything durable, for the head of a new segment.  [SAFETY 15]"""
        return self._steps.state_record(self.boots.entries())

    def check(self) -> None:
        """Raise `InvariantViolated` when an invariant of the class does not hold."""
        reign = self._reign
        if self.applier.applied > self.core.chosen:
            raise errors.InvariantViolated(invariant="applied <= chosen", detail=f"{self.applier.applied} > {self.core.chosen}")
        if reign.ballot and not (self.core.leads() and self.core.bal == reign.ballot):
            raise errors.InvariantViolated(invariant="a reign is a leader's", detail=f"reign {reign.ballot}, ballot {self.core.bal}")
        if reign.tokens and (not reign.ballot or min(reign.tokens) <= self.applier.applied):
            raise errors.InvariantViolated(invariant="open tokens belong to the reign", detail=f"slots {sorted(reign.tokens)[:3]}")

    # -- events ----------------------------------------------------------------------------------------------------------

    def receive(self, now: int, member: int, boot: int, nonce: int, messages: list[Message]) -> bool:
        """A frame came from a member, in a boot of it; this replica's own `after` messages come back here too.

        False: `output` has nothing more for it.

        While the disk hangs nothing is heard: no answer could leave, and those that wait for it must not gather without bound.

        Raises:
            StateLost: a peer has seen a newer boot, or another one, of this replica, or remembers more of it than it does.
        """
        if member not in self.members or (member != self.me and self._is_hung(now)):
            return False
        if member != self.me and not self.boots.hears(member, boot, nonce, messages):
            return bool(self._steps.output)
        supplied, chosen = 0, self.core.chosen
        for message in messages:
            tag = message[0]
            if tag in (BOOT, BOOTED):
                self.boots.take(now, member, message)
                self._begin()
            elif not self._has_begun:
                continue
            elif tag == core.FETCH:
                if supplied < self.options.supply_bytes:
                    supplied += self._fetch(now, member, message)
            elif tag == POLL:
                self._polled(now, member, message)
            elif tag == POLLED:
                self._count_poll(now, member, message)
            elif tag in TRANSFERS:
                self._steps.output.transfers.append((member, message))
            elif tag == ROOM:
                self.space.heard(now, member, message[1])
            elif self.space.room == Room.NONE and tag in (core.ACCEPT, core.CHOSEN):
                continue  # it could not be written down: as if it were lost
            else:
                self._note(now, member, message, fired=self._steps.take(message, member, now))
        self._settle(now)
        return bool(self._steps.output) or self.core.chosen != chosen

    def submit(self, now: int, token: Any, data: bytes, *, bound: bool = False) -> None:  # noqa: ANN401 (a token is the shell's own)
        """A client's entry came; its answer comes in some `Output`. `bound`: only this reign may carry it out.  [PML §5.3]"""
        if self.is_serving:
            self._reign.submit(token, data, bound=bound, full=self._full(now))
        else:
            self._steps.output.answers.append((token, Answer(Status.NOT_MASTER)))

    def propose_own(self, token: Any, command: bytes) -> None:  # noqa: ANN401 (a token is the shell's own)
        """A command that this master itself originates, bound to its reign; its answer comes as to `submit`.  [SAFETY 14]

        NOT_MASTER: it did nothing, IN_DOUBT: it does nothing or was the reign's.
        """
        if self.is_serving:
            self._reign.add_own(token, command)
        else:
            self._steps.output.answers.append((token, Answer(Status.NOT_MASTER)))

    def read(self, now: int, token: Any, question: bytes) -> None:  # noqa: ANN401 (a token is the shell's own)
        """A client's question came; `now` was taken after it did.  [SAFETY 12, 13]"""
        if self.is_serving:
            self._reign.read(now, token, question)
        else:
            self._steps.output.answers.append((token, Answer(Status.NOT_MASTER)))

    def supply(self, now: int, member: int, slot: int, ballot: int, value: bytes) -> None:
        """A chosen value that `Output.reads` asked the shell for was read from the disk."""
        del now  # every event has one
        self._steps.output.at_once.append((member, (core.CHOSEN, slot, ballot, value)))

    def synced(self, now: int, number: int) -> None:
        """Every record through Output `number` is durable."""
        while self._unsynced and self._unsynced[0][0] <= number:
            self._reign.pace.synced(now, self._unsynced.popleft()[1])
        self._steps.synced(number)
        self._settle(now)

    def tick(self, now: int) -> None:
        """Time passed: do what is due."""
        due = self.deadline_ns()
        if due and now - due > self.options.term_ms * MS // 2:
            self._awake_ns = now  # this tick is that late: the process slept
        self.boots.tick(now, leads=self._reign.ballot > 0)
        self._begin()
        if not self._has_begun:
            pass
        elif self._reign.ballot:
            if self._is_hung(now) or not self._reign.tick(now, self._awake_ns):
                self.retire(now)
            self._hand_over_if_unfit(now)
        elif self._is_candidate:
            self._tick_candidate(now)
        elif now >= self._poll_due_ns():
            self._poll(now)
        self._steps.tick(now)
        self._settle(now)

    def retire(self, now: int) -> None:
        """A master that cannot work, or is about to be stopped, gives its lease back and lets the others go first.  [SAFETY 9]"""
        if self._reign.ballot:
            self._steps.take((core.ABDICATE,), self.me, now)
            self._reign.end()
            self._election.stand_back(now, 2 * self.options.term_ms)

    def snapshot_is_durable(self, now: int, handle: Handle) -> int:
        """A snapshot that was captured is durable under its name: in which Output that is written down.  [PML §5.5; SAFETY 26]"""
        del now  # every event has one
        self.applier.size = handle.size
        return self._steps.snapshot(handle.slot, encode_handle(handle))

    def truncate(self, now: int, through: int) -> int:
        """Drop values through a slot which a snapshot covers whose record is durable; in which Output that is written down.  [SAFETY 26]

        A few at a time: the rest is for the next call.
        """
        participant = self.core
        through = min(through, participant.truncated + DROPPED_SLOTS)
        for slot in range(self._evicted + 1, through + 1):
            self._cached_bytes -= len(participant.acc[slot][1])
        self._evicted = max(self._evicted, through)
        self._steps.take((core.TRUNCATE, through), self.me, now)
        return self._steps.output.number

    def lacks(self, slot: int) -> bool:
        """Whether a peer's snapshot behind that slot would help."""
        return self.core.chosen < slot and not self.core.leads()

    def install(self, now: int, base: Unpacked) -> int:
        """Go on behind a snapshot instead of through the log; in which Output that is written down.  [PML §5.5; SAFETY 6, 26]

        The machine was restored from it, and its record is durable. Promises, and votes above it, stay.
        """
        slot = base.part.slot
        self._steps.take((core.INSTALL, slot), self.me, now)
        self.applier.restore(base.part, base.sessions)
        self._chains = {at: chain for at, chain in self._chains.items() if at > slot}
        self._evicted, self._cached_bytes = slot, 0
        self._steps.applied(slot, self.applier.chain)
        return self._steps.output.number

    def set_room(self, now: int, room: Room) -> None:
        """What this replica's disk has left for the log, as the shell found; to be told before `output`."""
        if self.space.tell(now, room):
            self._hand_over_if_unfit(now)

    def deadline_ns(self) -> int:
        """When `tick` is due next."""
        if self.applier.applied < self.core.chosen:
            return 0
        due = min(self._steps.due_ns(), self.boots.due_ns(), self.space.due_ns())
        if not self._has_begun:
            return due
        if self._reign.ballot:
            return min(due, self._reign.due_ns(), self._leave_by or FAR)
        if self._catchup.known > self.core.chosen and self.space.room != Room.NONE:
            due = min(due, self._catchup.retry_at)
        if self._is_candidate:
            return min(due, self._resend_due, self._election.give_up_at)
        return min(due, self._poll_due_ns())

    def output(self, now: int) -> Output | None:
        """What there is to do now; None when there is nothing. Call it until it says None."""
        if self._reign.ballot and not self._leave_by and not (self.space.is_uneven and self.space.refuses_all(now, self.followers(now))):
            self._reign.propose(now)
        if self.space.is_due(now):
            self._steps.output.at_once.append((OTHERS, (ROOM, int(self.space.room))))
        output = self._steps.hand_over(now)
        if output is not None and (output.records or output.copies is not None):
            self._unsynced.append((output.number, now))
        return output

    # -- inside ----------------------------------------------------------------------------------------------------------

    def _begin(self) -> None:
        """Take part from now on, if the boot is registered: until then nothing happens to the core.

        What it may have granted it granted before its start: the time that it withholds promises counts from there.  [SAFETY 3, 11]
        """
        if not self._has_begun and self.boots.is_registered:
            self._has_begun = True
            self._steps.take((core.BOOT,), self.me, self.boots.began_ns)

    @property
    def _is_candidate(self) -> bool:
        return self.core.phase in (core.PREPARING, core.RECOVERING) and self.core.bal == self.core.promised

    def _poll_due_ns(self) -> int:
        """When to poll: later where the disk has less room than others, and not at all where nothing could be written down."""
        if self.space.room == Room.NONE:
            return FAR
        due, term_ms = self._election.due_ns(self.core.granted_until), self.options.term_ms
        return due + (self.space.wait_ms(term_ms) + term_ms * self._reign.pace.stands_back(due)) * MS

    def _hand_over_if_unfit(self, now: int) -> None:
        """A master that others would do better than lets them."""
        if not self._reign.ballot:
            return
        slow = self._reign.pace.is_slow(now, [began for _, began in self._unsynced])
        if not self._leave_by and (slow or self.space.hands_over(now, self.followers(now))):
            self.handovers += 1
            self._leave_by = now + self.options.term_ms * MS // 2
        self._leave_if_due(now)

    def _leave_if_due(self, now: int) -> None:
        """Hand over once nothing is in flight, so that nobody is left in doubt."""
        if self._leave_by and (now >= self._leave_by or not (self._reign.ballot and (self._reign.in_flight or self._reign.tokens))):
            self._leave_by = 0
            self.retire(now)

    def _full(self, now: int) -> errors.DiskFull | None:
        """Why nothing that grows is taken, if so."""
        if not self.space.is_uneven:
            return None
        followers = self.followers(now)
        if not self.space.refuses_growth(now, followers):
            return None
        replicas = ", ".join(str(self.members[member]) for member in self.space.full(now))
        return errors.DiskFull(replicas=replicas, reserve=not self.space.refuses_all(now, followers))

    def _is_hung(self, now: int) -> bool:
        """Whether the disk has not finished for a term what it was given, while this process was awake."""
        return bool(self._unsynced) and now - max(self._unsynced[0][1], self._awake_ns) >= self.options.term_ms * MS

    def _note(self, now: int, member: int, message: Message, *, fired: bool) -> None:
        """What a message says beyond the step that it caused, if any."""
        tag = message[0]
        self.boots.heard(member, message)
        if tag in (core.LEARN, core.PROMISE):
            self._catchup.heard(member, message[3])
        elif tag in (core.HEARTBEAT, core.ACCEPT):
            if message[1] == self.core.promised:
                self._master = member
                self._election.ended()
        elif tag == core.ACCEPTED:
            if member != self.me and fired:
                self._reign.pace.accepted(now, message[3], member)
        elif tag == core.PREPARE:
            self._election.seen = max(self._election.seen, message[1])
            promise = self._steps.promise
            if not fired and promise is not None and promise[1] == message[1] == self.core.promised:
                self._steps.output.after.append((member, promise))
        elif tag == core.CHOSEN and fired and self._is_candidate:
            self._election.extend(now)

    def _settle(self, now: int) -> None:
        """Bring everything to rest after an event: recover, begin or end a reign, apply, answer reads, ask for what is missing."""
        participant, reign = self.core, self._reign
        if participant.phase == core.RECOVERING:
            self._steps.take((core.RECOVER,), self.me, now)
        if reign.ballot and not (participant.leads() and participant.bal == reign.ballot):
            reign.end()
        if participant.leads() and not reign.ballot:
            self._master = 0
            self._election.ended()
            self._boost_after = max(self._boost_after, now + 2 * self.options.term_ms * MS)
            reign.begin(now)
        elif not reign.ballot and not self._is_candidate:
            reign.refuse_waiting()
        if self.applier.applied < participant.chosen:
            self._apply(now)
        reign.retry_reads(now)
        if self._has_begun and not reign.ballot and self._catchup.known > participant.chosen and self.space.room != Room.NONE:
            source, slots = self._catchup.wanted(now, participant.chosen)
            for slot in slots:
                self._steps.take((core.SEEK, slot, source), self.me, now)
        self._leave_if_due(now)
        self._steps.rest(now)
        self.boots.rest(now)

    def _apply(self, now: int) -> None:
        """Apply chosen values, a bounded number in one go; the rest at the next event, which is due at once."""
        applier, accepted, budget = self.applier, self.core.acc, self.options.apply_entries
        effects = self._steps.output.effects
        while applier.applied < self.core.chosen and budget > 0:
            slot = applier.applied + 1
            value = accepted[slot][1]
            answers, caused = applier.apply(slot, value)
            effects.extend(caused)
            budget -= 1 + len(answers)
            self._reign.applied(now, slot, answers)
            expected = self._chains.pop(slot, b"") if self._chains else b""
            if expected and expected != applier.chain:
                raise errors.InvariantViolated(invariant="the log's chain", detail=f"replay of slot {slot} differs from what was recorded")
            self._cached_bytes += len(value)
            if applier.asked:
                self._steps.output.captures.append(applier.capture(self.config, encode(sorted(self.members.items()))))
        self._steps.applied(applier.applied, applier.chain)
        self._evict()

    def _evict(self) -> None:
        """Applied values leave memory, the oldest first; the disk has them. A few at a time: a start may find many."""
        through = min(self.applier.applied, self._steps.durable_mark, self._evicted + DROPPED_SLOTS)
        while self._cached_bytes > self.options.cache_bytes and self._evicted < through:
            self._evicted += 1
            self._cached_bytes -= len(self.core.acc.pop(self._evicted)[1])

    def _fetch(self, now: int, member: int, message: Message) -> int:
        """A peer asks for a chosen value: supply it, from memory or by way of the disk; about how many bytes go out."""
        slot = message[1]
        if slot <= self.core.truncated:
            if self.offer:
                self._steps.output.at_once.append((member, (OFFER, self.offer)))
            return self.options.supply_bytes
        if slot <= self._evicted:
            self._steps.output.reads.append((member, slot))
            return self.options.batch_bytes
        self._steps.take(message, member, now)
        held = self.core.acc.get(slot)
        return len(held[1]) + 64 if held else 64

    # -- becoming master -------------------------------------------------------------------------------------------------

    def _poll(self, now: int) -> None:
        number = self._election.poll(now, self.me)
        self.polls += 1
        self._master = 0
        self._steps.output.at_once.append((OTHERS, (POLL, number, self.core.promised, self.core.chosen)))
        self._consider(now)

    def _polled(self, now: int, member: int, message: Message) -> None:
        """A replica asks whether it might be elected: yes only when no lease of ours is out.  [SAFETY 9]"""
        _, number, promised, chosen = message
        yes = now >= self.core.granted_until and not self._reign.ballot
        if yes:
            self._election.give_way(now, member, self.me)
        self._catchup.heard(member, chosen)
        self._election.seen = max(self._election.seen, promised)
        self._steps.output.at_once.append((member, (POLLED, number, int(yes), self.core.promised, self.core.chosen)))
        if self._reign.ballot and promised > self._reign.ballot and now >= self._boost_after:
            self._boost(now)

    def _count_poll(self, now: int, member: int, message: Message) -> None:
        _, number, yes, promised, chosen = message
        self._election.polled(member, number, yes=yes == 1, promised=promised)
        self._catchup.heard(member, chosen)
        self._consider(now)

    def _consider(self, now: int) -> None:
        """Campaign if a majority said yes."""
        if self.core.quorum(self._election.yes) and now >= self.core.granted_until and not self._reign.ballot:
            self._campaign(now)

    def _campaign(self, now: int) -> None:
        ballot = self._election.campaign(now, self.me, self.core.promised)
        if self._steps.take((core.CAMPAIGN, ballot), self.me, now):
            self._resend_due = now + self.options.retransmit_ms * MS
        else:
            self._election.failed(now)

    def _boost(self, now: int) -> None:
        """A replica has promised a newer ballot than this reign's and cannot follow it: reign on under a newer one.  [PML §5.2]

        Rarely, so that a replica which keeps coming and going deposes nobody.
        """
        self._boost_after = now + self.options.boost_ms * MS
        self._steps.take((core.ABDICATE,), self.me, now)
        self._reign.end(keep_waiting=True)
        self._campaign(now)

    def _tick_candidate(self, now: int) -> None:
        if now >= self._election.give_up_at:
            self._steps.take((core.ABDICATE,), self.me, now)
            self._election.failed(now)
        elif now >= self._resend_due:
            self._resend_due = now + self.options.retransmit_ms * MS
            if self.core.phase == core.PREPARING:
                message = (core.PREPARE, self.core.bal, self.config)
                self._steps.output.after.extend((peer, message) for peer in self.peers if not self.core.proms >> peer & 1)
