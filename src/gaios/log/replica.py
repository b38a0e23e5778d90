"""One replica of the fault-tolerant log, as a pure object.  [PML §3-§5; SAFETY 5, 6, 9-14, 17, 19, 28]

    receive · submit · read · tick · synced  ──►  Replica  ──►  output()
                                                   │
             core (generated: promises, votes)  ── election · queue · catchup · applier (machine)

Rule 1. No clock, disk, socket, dice: events and `now` come in, an `Output` comes out, and the shell carries it out in its order.
Rule 2. What is promised, accepted, chosen, granted is the core's alone; this file decides only *when*.
Rule 3. A master opens its reign with an epoch entry, and serves no read and takes no write before that is applied.
Rule 4. A read is answered after a lease check with a `now` taken after the read came; no check serves two reads that came apart.
Rule 5. The exactly-once table and the machine see chosen values only, in slot order, each once.

Left out on purpose: bytes on disk (storage/), frames (transport/), who is a client (server/).
"""

from collections import deque
from collections.abc import Mapping
from typing import Any, Final

from gaios import entry, errors
from gaios.log.answers import Answer, Status
from gaios.log.applier import Applier
from gaios.log.catchup import Catchup
from gaios.log.codec import POLL, POLLED, Message
from gaios.log.election import Election
from gaios.log.options import MS, Options
from gaios.log.output import OTHERS, Output
from gaios.log.queue import Queue
from gaios.log.records import Copies, Record, RecordKind, Recovered, State, encode
from gaios.log.sessions import Sessions
from gaios.machine import Machine
from gaios.paxos import core

FAR: Final = 1 << 62
"""A time that never comes, ns."""


class Replica:
    """See the module. Members are numbers, `members` maps each to its replica id.

    Invariants, checked by `check()`:
      1. applied <= chosen.
      2. Only a leader has a reign, and its reign is its ballot.
      3. Every open token stands at a slot of this reign above `applied`.
    """

    def __init__(  # noqa: PLR0913 (who I am, what I remember, what I run)
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
        participant: type[core.Participant] = core.Participant,
    ) -> None:
        self.options = options or Options()
        self.me, self.members, self.config, self.boot, self.nonce = me, dict(members), config, boot, nonce
        self.peers = tuple(sorted(member for member in members if member != me))
        self._boots: dict[int, int] = {}
        self._started_ns, self._wall_ms = now, wall_ms
        voters = 0
        for member in members:
            voters |= 1 << member
        self.core = participant(me, config, voters)
        self._restore(recovered)
        self._recovered_chains = recovered.chains
        limits = self.options
        self.applier = Applier(machine, Sessions(limit=limits.sessions, answers=limits.answers, answer_bytes=limits.answer_bytes))
        self._election = Election(limits, nonce, now)
        self._queue = Queue(limits)
        self._catchup = Catchup(limits, self.peers)
        self._reads: deque[tuple[int, Any, bytes]] = deque()
        self._tokens: dict[int, list[Any]] = {}
        self._out = core.Out()
        self._output = Output(1)
        self._last_copies = b""
        self._mark_written = self.core.chosen
        self._mark_due = FAR
        self._learn: Message | None = None
        self._learn_due = FAR
        self._promise: Message | None = None
        self._master = 0
        self._reign = 0
        self._epoch_offered = False
        self._boost_after = now
        self._lease_seen_ns = now
        self._beat_due = FAR
        self._resend_due = FAR
        self._progress_ns = now
        self._unsynced: deque[tuple[int, int]] = deque()
        self._sent_ns: dict[int, int] = {}
        self._cached_bytes = 0
        self._evicted = 0
        self.reigns = 0
        """How often this replica became master since its start."""
        self.polls = 0
        """How often it polled."""
        self._step((core.BOOT,), me, now)
        self._write_copies()

    # -- what the shell may ask ------------------------------------------------------------------------------------------

    @property
    def is_serving(self) -> bool:
        """Whether this is a master whose epoch is applied: it takes writes, and reads under its lease."""
        return self._reign != 0 and self.applier.epoch == self._reign

    @property
    def role(self) -> str:
        """`master` or `replica`."""
        return "master" if self.is_serving else "replica"

    @property
    def master(self) -> int:
        """The member that this replica takes for the master; 0: none."""
        return self.me if self.is_serving else self._master

    @property
    def ballot(self) -> int:
        """The newest ballot promised."""
        return self.core.promised

    @property
    def chosen(self) -> int:
        """Every slot through this one is known to be chosen."""
        return self.core.chosen

    @property
    def applied(self) -> int:
        """Every slot through this one is applied."""
        return self.applier.applied

    @property
    def epoch(self) -> int:
        """The ballot of the newest reign that the applied log knows."""
        return self.applier.epoch

    @property
    def is_behind(self) -> bool:
        """Whether chosen values are known to be missing or not yet applied."""
        return self.applier.applied < self.core.chosen or self._catchup.lags(self.core.chosen)

    @property
    def waiting(self) -> int:
        """Entries that wait for a slot."""
        return len(self._queue)

    def lease_ns(self, now: int) -> int:
        """How long the lease lasts yet; 0 without one."""
        if not self.core.holds_lease(now):
            return 0
        ends = sorted(self.core.grants.values(), reverse=True)
        return ends[len(self.members) // 2] - now

    def state_record(self) -> Record:
        """Everything durable, for the head of a new segment.  [SAFETY 15]"""
        participant = self.core
        above = [
            (slot, *participant.acc[slot])
            for slot in range(participant.chosen + 1, participant.chosen + core.WINDOW + 1)
            if slot in participant.acc
        ]
        state = State(participant.promised, participant.longest, participant.chosen, participant.truncated, self.applier.chain, above)
        return (RecordKind.STATE, participant.chosen, participant.promised, encode(state))

    def check(self) -> None:
        """Raise `InvariantViolated` when an invariant of the class does not hold."""
        if self.applier.applied > self.core.chosen:
            raise errors.InvariantViolated(invariant="applied <= chosen", detail=f"{self.applier.applied} > {self.core.chosen}")
        if self._reign and not (self.core.leads() and self.core.bal == self._reign):
            raise errors.InvariantViolated(invariant="a reign is a leader's", detail=f"reign {self._reign}, ballot {self.core.bal}")
        if any(slot <= self.applier.applied for slot in self._tokens) or (self._tokens and not self._reign):
            raise errors.InvariantViolated(invariant="open tokens belong to the reign", detail=f"{sorted(self._tokens)[:3]}")

    # -- events ----------------------------------------------------------------------------------------------------------

    def receive(self, now: int, member: int, boot: int, messages: list[Message]) -> None:
        """A frame came from a member; this replica's own `after` messages come back here too."""
        if member not in self.members or boot < self._boots.get(member, 0):
            return
        self._boots[member] = boot
        supplied = 0
        for message in messages:
            tag = message[0]
            if tag == core.FETCH:
                if supplied < self.options.supply_bytes:
                    supplied += self._fetch(now, member, message)
            elif tag == POLL:
                self._polled(now, member, message)
            elif tag == POLLED:
                self._count_poll(now, member, message)
            else:
                self._note(now, member, message, fired=self._step(message, member, now))
        self._settle(now)

    def submit(self, now: int, token: Any, data: bytes) -> None:  # noqa: ANN401 (a token is the shell's own)
        """A client's entry came; its answer comes in some `Output`."""
        try:
            if not self.is_serving:
                self._output.answers.append((token, Answer(Status.NOT_MASTER)))
                return
            if len(data) > self.options.entry_bytes:
                raise errors.CommandTooLong(length=len(data), limit=self.options.entry_bytes)  # noqa: TRY301 (one way out)
            submitted = entry.check_submitted(data)
            if submitted.kind == entry.Kind.COMMAND:
                self.applier.machine.validate(submitted.command)
            self._queue.put(token, data)
        except errors.Overloaded as error:
            self._output.answers.append((token, Answer(Status.OVERLOADED, body=errors.pack(error))))
        except errors.InvalidCommand as error:
            self._output.answers.append((token, Answer(Status.INVALID, body=errors.pack(error))))

    def read(self, now: int, token: Any, question: bytes) -> None:  # noqa: ANN401 (a token is the shell's own)
        """A client's question came; `now` was taken after it did.  [SAFETY 12, 13]"""
        if not self.is_serving:
            self._output.answers.append((token, Answer(Status.NOT_MASTER)))
        elif self.core.holds_lease(now):
            self._answer_read(token, question)
        elif len(self._reads) >= self.options.reads_waiting:
            full = errors.Overloaded(what="reads that wait for the lease", limit=self.options.reads_waiting, unit="reads")
            self._output.answers.append((token, Answer(Status.OVERLOADED, body=errors.pack(full))))
        else:
            self._reads.append((now + self.options.term_ms * MS, token, question))

    def supply(self, now: int, member: int, slot: int, ballot: int, value: bytes) -> None:
        """A chosen value that `Output.reads` asked the shell for was read from the disk."""
        del now
        self._output.at_once.append((member, (core.CHOSEN, slot, ballot, value)))

    def synced(self, now: int, number: int) -> None:
        """Every record through Output `number` is durable."""
        while self._unsynced and self._unsynced[0][0] <= number:
            self._unsynced.popleft()
        self._settle(now)

    def tick(self, now: int) -> None:
        """Time passed: do what is due."""
        participant = self.core
        if self._reign:
            self._tick_master(now)
        elif self._is_candidate:
            self._tick_candidate(now)
        elif now >= self._election.due_ns(participant.granted_until):
            self._poll(now)
        if now >= self._mark_due and participant.chosen > self._mark_written:
            self._output.records.append(self._mark())
        self._settle(now)

    def deadline_ns(self) -> int:
        """When `tick` is due next."""
        participant = self.core
        due = min(self._mark_due, self._learn_due)
        if self.applier.applied < participant.chosen:
            return 0
        if self._reign:
            return min(due, self._beat_due, self._resend_due if self._in_flight else FAR)
        if self._catchup.lags(participant.chosen):
            due = min(due, self._catchup.retry_at)
        if self._is_candidate:
            return min(due, self._resend_due, self._election.give_up_at)
        return min(due, self._election.due_ns(participant.granted_until))

    def output(self, now: int) -> Output | None:
        """What there is to do now; None when there is nothing. Call it until it says None."""
        if self._reign:
            self._propose(now)
        self._say_learn(now)
        if not self._output:
            return None
        output = self._output
        if output.records or output.copies is not None:
            if self.core.chosen > self._mark_written:
                output.records.append(self._mark())
            self._unsynced.append((output.number, now))
        self._output = Output(output.number + 1)
        return output

    # -- the core's steps ------------------------------------------------------------------------------------------------

    def _restore(self, recovered: Recovered) -> None:
        participant = self.core
        participant.promised = recovered.promised
        participant.longest = recovered.longest_ns
        participant.chosen = recovered.chosen
        participant.truncated = recovered.truncated
        participant.acc = {slot: held for slot, held in recovered.accepted.items() if slot > recovered.truncated}

    def _step(self, event: Message, member: int, now: int) -> bool:
        """One step of the core, its writes and messages sorted into the `Output`."""
        out = self._out
        fired = self.core.step(event, member, now, out)
        if out.writes:
            self._write(out.writes)
            out.writes.clear()
        if out.sends:
            output = self._output
            for to, message in out.sends:
                if message[0] in core.AFTER:
                    output.after.append((to, message))
                    if message[0] == core.PROMISE:
                        self._promise = message
                elif message[0] == core.LEARN:
                    self._learn = message
                    self._learn_due = min(self._learn_due, now + self.options.learn_ms * MS)
                else:
                    output.at_once.append((to, message))
            out.sends.clear()
        return fired

    def _write(self, writes: list[tuple[Any, ...]]) -> None:
        records = self._output.records
        for write in writes:
            field = write[0]
            if field == core.F_ACC:
                records.append((RecordKind.ACCEPT, write[1], write[2], write[3]))
            elif field in (core.F_PROMISED, core.F_LONGEST):
                self._write_copies()
            elif field == core.F_TRUNCATED:
                records.append((RecordKind.TRUNCATE, write[1], 0, b""))

    def _write_copies(self) -> None:
        copies = encode(Copies(self.core.promised, self.core.longest, self.boot, self.nonce))
        if copies != self._last_copies:
            self._last_copies = self._output.copies = copies

    def _mark(self) -> Record:
        """The lazily written record of what is known to be chosen."""
        self._mark_written = self.core.chosen
        self._mark_due = FAR
        chain = self.applier.chain if self.applier.applied == self.core.chosen else b""
        return (RecordKind.CHOSEN, self.core.chosen, 0, chain)

    def _note(self, now: int, member: int, message: Message, *, fired: bool) -> None:
        """What a message says beyond the step that it caused, if any."""
        tag = message[0]
        if tag == core.LEARN:
            self._catchup.heard(member, message[3])
        elif tag == core.PROMISE:
            if message[1] == self.core.bal:
                self._catchup.heard(member, message[3])
        elif tag in (core.HEARTBEAT, core.ACCEPT):
            if message[1] == self.core.promised and member != self.me:
                self._master = member
                self._election.ended()
        elif tag == core.PREPARE:
            self._election.seen = max(self._election.seen, message[1])
            promise = self._promise
            if not fired and promise is not None and promise[1] == message[1] == self.core.promised:
                self._output.after.append((member, promise))
        elif tag == core.CHOSEN and fired and self._is_candidate:
            self._election.extend(now)

    def _settle(self, now: int) -> None:
        """Bring everything to rest after an event: recover, apply, begin or end a reign, answer reads, ask for what is missing."""
        participant = self.core
        if participant.phase == core.RECOVERING:
            self._step((core.RECOVER,), self.me, now)
        if self._reign and not (participant.leads() and participant.bal == self._reign):
            self._end_reign()
        if self._queue and not self._reign and not self._is_candidate:
            self._end_reign()
        if participant.leads() and not self._reign:
            self._begin_reign(now)
        if self.applier.applied < participant.chosen:
            self._apply(now)
        if participant.chosen > self._mark_written and self._mark_due == FAR:
            self._mark_due = now + self.options.mark_ms * MS
        if self._reads:
            self._retry_reads(now)
        if self._catchup.lags(participant.chosen) and not self._reign:
            source, slots = self._catchup.wanted(now, participant.chosen)
            for slot in slots:
                self._step((core.SEEK, slot, source), self.me, now)

    # -- applying --------------------------------------------------------------------------------------------------------

    def _apply(self, now: int) -> None:
        """Apply chosen values, a bounded number in one go; the rest at the next event, which is due at once."""
        applier, accepted, output, budget = self.applier, self.core.acc, self._output, self.options.apply_entries
        while applier.applied < self.core.chosen and budget > 0:
            slot = applier.applied + 1
            value = accepted[slot][1]
            answers, effects = applier.apply(slot, value)
            budget -= 1 + len(answers)
            self._progress_ns = now
            output.effects.extend(effects)
            tokens = self._tokens.pop(slot, None)
            self._sent_ns.pop(slot, None)
            if tokens is not None:
                output.answers.extend(zip(tokens, answers, strict=True))
            self._cached_bytes += len(value)
            expected = self._recovered_chains.pop(slot, b"")
            if expected and expected != applier.chain:
                raise errors.InvariantViolated(invariant="the log's chain", detail=f"replay of slot {slot} differs from what was recorded")
        while self._cached_bytes > self.options.cache_bytes and self._evicted < applier.applied:
            self._evicted += 1
            gone = accepted.pop(self._evicted, None)
            self._cached_bytes -= len(gone[1]) if gone else 0

    def _fetch(self, now: int, member: int, message: Message) -> int:
        """A peer asks for a chosen value; the bytes that go out."""
        slot = message[1]
        if self.core.truncated < slot <= self._evicted:
            self._output.reads.append((member, slot))
            return self.options.batch_bytes
        self._step(message, member, now)
        held = self.core.acc.get(slot)
        return len(held[1]) + 64 if held else 64

    # -- the master ------------------------------------------------------------------------------------------------------

    @property
    def _in_flight(self) -> int:
        return self.core.next - 1 - self.core.chosen

    @property
    def _is_candidate(self) -> bool:
        return self.core.phase in (core.PREPARING, core.RECOVERING) and self.core.bal == self.core.promised

    def _begin_reign(self, now: int) -> None:
        """Leading: renew the lease at once, and open the epoch behind whatever was recovered.  [PML §5.3; SAFETY 14]"""
        self._reign = self.core.bal
        self._master = 0
        self.reigns += 1
        self._election.ended()
        self._lease_seen_ns = self._progress_ns = now
        self._resend_due = now + self.options.retransmit_ms * MS
        for slot in range(self.core.chosen + 1, self.core.next):
            self._sent_ns[slot] = now
        self._epoch_offered = False
        self._beat(now)

    def _end_reign(self, *, keep_waiting: bool = False) -> None:
        """Deposed, or done: what was proposed is in doubt, what waits was never proposed."""
        self._reign = 0
        self._beat_due = self._resend_due = FAR
        self._learn = None
        self._learn_due = FAR
        answers = self._output.answers
        for tokens in self._tokens.values():
            answers.extend((token, Answer(Status.IN_DOUBT)) for token in tokens)
        self._tokens.clear()
        self._sent_ns.clear()
        if keep_waiting:
            return
        answers.extend((token, Answer(Status.NOT_MASTER)) for token, _ in self._queue.drain())
        answers.extend((token, Answer(Status.NOT_MASTER)) for _, token, _ in self._reads)
        self._reads.clear()

    def _abdicate(self, now: int, wait_ms: int) -> None:
        self._step((core.ABDICATE,), self.me, now)
        self._end_reign()
        self._election.stand_back(now, wait_ms)

    def retire(self, now: int) -> None:
        """This replica is about to stop: if it is master, give the lease back, so that the next is elected at once."""
        if self._reign:
            self._abdicate(now, 2 * self.options.term_ms)

    def _boost(self, now: int) -> None:
        """A replica has promised a newer ballot than this reign's and cannot follow it: reign on under a newer one.  [PML §5.2]

        Rarely, so that a replica which keeps coming and going deposes nobody.
        """
        self._boost_after = now + self.options.boost_ms * MS
        self._step((core.ABDICATE,), self.me, now)
        self._end_reign(keep_waiting=True)
        self._campaign(now)

    def _tick_master(self, now: int) -> None:
        term_ns = self.options.term_ms * MS
        if self.core.holds_lease(now):
            self._lease_seen_ns = now
        stuck = self._in_flight and now - self._progress_ns >= term_ns
        hung = self._unsynced and now - self._unsynced[0][1] >= term_ns
        unheard = now - self._lease_seen_ns >= term_ns
        if stuck or hung or unheard:
            self._abdicate(now, 2 * self.options.term_ms)
            return
        if now >= self._beat_due:
            self._beat(now)
        if self._in_flight and now >= self._resend_due:
            self._resend(now)

    def _beat(self, now: int) -> None:
        """Renew the lease; `now` is its stamp, taken before anything is sent.  [SAFETY 10, 12]"""
        self._step((core.BEAT, self.options.term_ms * MS), self.me, now)
        self._beat_due = now + self.options.beat_ms * MS
        self._learn = (core.LEARN, self.core.bal, self.config, self.core.chosen)
        self._learn_due = now

    def _propose(self, now: int) -> None:
        """Fill the pipeline: the epoch first, then what waits."""
        if self._in_flight == 0:
            self._progress_ns = now
        if not self._epoch_offered and self.core.next <= self.core.chosen + core.WINDOW:
            self._epoch_offered = True
            self._offer(now, entry.batch([entry.epoch(self._reign)], self._time_ms(now)), [])
        while self._queue and self._in_flight < self.options.pipeline:
            waiting = self._queue.batch()
            value = entry.batch([data for _, data in waiting], self._time_ms(now))
            self._offer(now, value, [token for token, _ in waiting])

    def _offer(self, now: int, value: bytes, tokens: list[Any]) -> None:
        """Put a value into the next slot."""
        slot = self.core.next
        if not self._step((core.PROPOSE, value), self.me, now):
            raise errors.InvariantViolated(invariant="a master can propose", detail=f"slot {slot} was refused")
        if tokens:
            self._tokens[slot] = tokens
        self._sent_ns[slot] = now

    def _resend(self, now: int) -> None:
        """Send open proposals again to whoever has not accepted them."""
        participant, after_ns = self.core, self.options.retransmit_ms * MS
        self._resend_due = now + after_ns
        for slot in range(participant.chosen + 1, participant.next):
            if now - self._sent_ns.get(slot, 0) < after_ns:
                continue
            self._sent_ns[slot] = now
            message = (core.ACCEPT, participant.bal, self.config, slot, participant.acc[slot][1])
            voted = participant.votes.get(slot, 0)
            self._output.at_once.extend((peer, message) for peer in self.peers if not voted >> peer & 1)

    def _say_learn(self, now: int) -> None:
        """Tell the others what is chosen: with the next value, or when it has waited long enough."""
        if self._learn is None or not (now >= self._learn_due or self._output.at_once):
            return
        self._output.at_once.append((OTHERS, self._learn))
        self._learn = None
        self._learn_due = FAR

    def _time_ms(self, now: int) -> int:
        """The advisory time of a batch: the wall clock at the start, carried on by the steady one, made to grow.  [SAFETY 17]"""
        return max(self.applier.time_ms, self._wall_ms + (now - self._started_ns) // MS)

    # -- reads -----------------------------------------------------------------------------------------------------------

    def _retry_reads(self, now: int) -> None:
        """Reads that waited for the lease: each is checked again with this later `now`."""
        if self.is_serving and self.core.holds_lease(now):
            while self._reads:
                _, token, question = self._reads.popleft()
                self._answer_read(token, question)
        while self._reads and self._reads[0][0] <= now:
            _, token, _ = self._reads.popleft()
            self._output.answers.append((token, Answer(Status.UNAVAILABLE)))

    def _answer_read(self, token: Any, question: bytes) -> None:  # noqa: ANN401 (a token is the shell's own)
        """Read the applied state: it holds all that was answered so far."""
        applied = self.applier.applied
        try:
            answer = Answer(Status.DONE, applied, 0, self.applier.machine.query(question))
        except errors.InvalidCommand as error:
            answer = Answer(Status.INVALID, applied, 0, errors.pack(error))
        except errors.Error as error:
            if not error.deterministic:
                raise
            answer = Answer(Status.REFUSED, applied, 0, errors.pack(error))
        self._output.answers.append((token, answer))

    # -- becoming master -------------------------------------------------------------------------------------------------

    def _poll(self, now: int) -> None:
        number = self._election.poll(now, self.me)
        self.polls += 1
        self._master = 0
        self._output.at_once.append((OTHERS, (POLL, number, self.core.promised, self.core.chosen)))
        self._consider(now)

    def _polled(self, now: int, member: int, message: Message) -> None:
        """A candidate asks; yes only when no lease of ours is out.  [SAFETY 9]"""
        _, number, promised, chosen = message
        yes = now >= self.core.granted_until and not self._reign
        if yes:
            self._election.give_way(now)
        self._catchup.heard(member, chosen)
        self._election.seen = max(self._election.seen, promised)
        if self._reign and promised > self._reign and now >= self._boost_after:
            self._boost(now)
        self._output.at_once.append((member, (POLLED, number, int(yes), self.core.promised, self.core.chosen)))

    def _count_poll(self, now: int, member: int, message: Message) -> None:
        _, number, yes, promised, chosen = message
        self._election.polled(member, number, yes=yes == 1, promised=promised)
        self._catchup.heard(member, chosen)
        self._consider(now)

    def _consider(self, now: int) -> None:
        """Campaign if a majority said yes."""
        if self.core.quorum(self._election.yes) and now >= self.core.granted_until and not self._reign:
            self._campaign(now)

    def _campaign(self, now: int) -> None:
        ballot = self._election.campaign(now, self.me, self.core.promised)
        if self._step((core.CAMPAIGN, ballot), self.me, now):
            self._resend_due = now + self.options.retransmit_ms * MS
        else:
            self._give_up(now)

    def _give_up(self, now: int) -> None:
        """The candidacy failed; what still waited from a reign before it was never proposed."""
        self._election.failed(now)
        self._end_reign()

    def _tick_candidate(self, now: int) -> None:
        participant = self.core
        if now >= self._election.give_up_at:
            self._step((core.ABDICATE,), self.me, now)
            self._give_up(now)
        elif now >= self._resend_due:
            self._resend_due = now + self.options.retransmit_ms * MS
            if participant.phase == core.PREPARING:
                message = (core.PREPARE, participant.bal, self.config)
                self._output.after.extend((peer, message) for peer in self.peers if not participant.proms >> peer & 1)
