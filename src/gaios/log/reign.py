"""What a master does while it is one.  [PML §4.2, §5.2, §5.3; SAFETY 9, 12-14, 28]

Rule 1. A reign opens with an epoch entry behind whatever was recovered; before that is applied it takes no write and serves no read.
Rule 2. A read is answered after a lease check with a `now` taken after it came. No check serves two reads that came apart.
Rule 3. A reign ends when the core says so, or when its work reaches no majority, its own disk, or no lease for a term.
Rule 4. At its end every open token is answered: what was proposed is in doubt, what was not is refused.
Rule 5. What the master itself has to say goes with the next batch, before what clients wait for, and ends with the reign.  [SAFETY 14, 28]
Rule 6. While anything changes a check goes into the log now and then, last in a batch that goes anyway; before the cell comes to rest, one
goes alone.  [PML §6.2; SAFETY 25]
"""

from collections import deque
from typing import Any, Final

from gaios import entry, errors
from gaios.log.answers import Answer, Status
from gaios.log.applier import Applier
from gaios.log.options import FAR, MS, Options
from gaios.log.pace import Pace
from gaios.log.queue import Queue
from gaios.log.rally import Rally
from gaios.log.roster import Roster
from gaios.log.steps import Steps
from gaios.paxos import core

_COMMAND: Final = int(entry.Kind.COMMAND)
OWN_MAX: Final = 16
"""Entries of the master's own that wait for a slot."""


class Reign:
    """A master's queue, open proposals, waiting reads and timers; `ballot` is 0 while there is no reign."""

    def __init__(self, steps: Steps, applier: Applier, options: Options, me: int, roster: Roster, now: int, wall_ms: int) -> None:
        self.ballot = 0
        self.count = 0
        """Reigns begun."""
        self.queue = Queue(options)
        self._rally = Rally(options)
        self.tokens: dict[int, list[Any]] = {}
        """Who waits for each open proposal, by slot."""
        self.began_ns = now
        """When this reign, or the one before, began."""
        self.pace = Pace(roster, now)
        self._steps, self._core, self._applier, self._options = steps, steps.core, applier, options
        self._me, self._roster = me, roster
        self._started_ns, self._wall_ms = now, wall_ms
        self._reads: deque[tuple[int, Any, bytes]] = deque()
        """Reads that wait for the lease: until when, token, question."""
        self._own: list[tuple[Any, bytes]] = []
        """Entries of this master's own that wait for a slot, with their tokens."""
        self._change: tuple[Any, bytes] | None = None
        """A configuration that waits until everything below it is chosen, with its token."""
        self._sent_ns: dict[int, int] = {}
        """When each open proposal was sent last, by slot."""
        self._epoch_offered = False
        self._snapshot_slot = 0
        """Where this reign asked for a snapshot last."""
        self._feature_slot = 0
        """Where it raised the cell's feature level."""
        self._check_due, self._check_slot = FAR, 0
        """When the next check is due, and where this reign put its newest."""
        self._beat_due = self._resend_due = FAR
        self._progress_ns = self._lease_seen_ns = now
        """When anything was applied last, or nothing was open; and when this master last had its lease: rule 3."""

    @property
    def is_serving(self) -> bool:
        """Whether the epoch is applied."""
        return self.ballot != 0 and self._applier.epoch == self.ballot

    @property
    def is_changing(self) -> bool:
        """Whether a configuration waits, or is proposed and not known to be chosen."""
        return self.has_change or self._core.fence > self._core.chosen

    @property
    def has_change(self) -> bool:
        """Whether a configuration waits for its slot."""
        return self._change is not None

    @property
    def _may_offer(self) -> bool:
        """Whether a slot of the master's own may go now: never behind a configuration that is not known to be chosen.  [SAFETY 18]"""
        return self.is_serving and not self.is_changing and self.in_flight < self._options.pipeline

    @property
    def in_flight(self) -> int:
        """Slots proposed and not yet known to be chosen."""
        return self._core.next - 1 - self._core.chosen

    def begin(self, now: int) -> None:
        """Leading: renew the lease at once."""
        self.ballot = self._core.bal
        self.count += 1
        self.began_ns = now
        self._epoch_offered = False
        self._snapshot_slot = self._feature_slot = 0
        self.pace.begin(now)
        self._lease_seen_ns = self._progress_ns = now
        self._check_due, self._check_slot = now + self._options.check_ms * MS, 0
        self._resend_due = now + self._options.retransmit_ms * MS
        for slot in range(self._core.chosen + 1, self._core.next):
            self._sent_ns[slot] = now
        self._beat(now)

    def end(self, *, keep_waiting: bool = False) -> None:
        """No longer leading. With `keep_waiting`, what was not proposed waits for this replica's next reign."""
        self.ballot = 0
        self._beat_due = self._resend_due = FAR
        self._steps.forget_learn()
        self._sent_ns.clear()
        answers = self._steps.output.answers
        for tokens in self.tokens.values():
            answers.extend((token, Answer(Status.IN_DOUBT)) for token in tokens)
        self.tokens.clear()
        answers.extend((token, Answer(Status.NOT_MASTER)) for token, _ in self._own)
        self._own.clear()
        if self._change is not None and self._change[0] is not None:
            answers.append((self._change[0], Answer(Status.NOT_MASTER)))
        self._change = None
        self._rally.disperse()
        if not keep_waiting:
            self.refuse_waiting()

    def refuse_waiting(self) -> None:
        """Send away what waits for a master that this replica is not."""
        if self.queue.waiting or self._reads:
            answers = self._steps.output.answers
            answers.extend((token, Answer(Status.NOT_MASTER)) for token, _ in self.queue.drain())
            answers.extend((token, Answer(Status.NOT_MASTER)) for _, token, _ in self._reads)
            self._reads.clear()

    def tick(self, now: int, awake_ns: int) -> bool:
        """Do what is due; False when this reign cannot work and must end.  [SAFETY 9]

        What did not happen while this process slept proves nothing: only time since `awake_ns` counts.
        """
        patience = now - self._options.term_ms * MS
        if self._core.holds_lease(now):
            self._lease_seen_ns = now
        unheard = max(self._lease_seen_ns, awake_ns) <= patience
        stuck = self.in_flight and max(self._progress_ns, awake_ns) <= patience
        if unheard or stuck:
            return False
        if now >= self._beat_due:
            self._beat(now)
        if self.in_flight and now >= self._resend_due:
            self._resend(now)
        return True

    def due_ns(self, *, proposes: bool = True) -> int:
        """When `tick` is due, or, while it `proposes`, another look at what waits."""
        due, in_flight = self._beat_due, self.in_flight
        if not proposes:
            return min(due, self._resend_due) if in_flight else due
        if self.queue.waiting and self._rally.until_ns and in_flight < self._options.pipeline and not self.is_changing:
            due = min(due, self._rally.until_ns)  # a slot of the master's own may be in flight: nobody's crowd is there
        if in_flight:
            return min(due, self._resend_due)
        return min(due, self._alone_due) if self._wants_check else due

    def applied(self, now: int, slot: int, answers: list[Answer]) -> None:
        """A slot was applied: answer who waits for it."""
        self._progress_ns = now
        self._sent_ns.pop(slot, None)
        tokens = self.tokens.pop(slot, None)
        if tokens is not None:
            if slot == self._check_slot:
                answers = answers[:-1]  # nobody waits for the check's
            self._steps.output.answers.extend(zip(tokens, answers, strict=True))

    def raise_feature(self, now: int, level: int) -> None:
        """Raise the cell's feature level to this, by an entry in a slot of its own, as soon as one may go."""
        if self._may_offer and self._feature_slot <= self._applier.applied and level > self._applier.feature:
            self._feature_slot = self._offer(now, [entry.feature(self.ballot, level)])

    def compare(self, now: int) -> int:
        """Have all replicas compare themselves behind a slot of its own: which, or 0 while none may go.  [SAFETY 25]"""
        return self._offer_checked(now, []) if self._may_offer and self._check_slot <= self._applier.applied else 0

    def propose(self, now: int) -> None:
        """Fill the pipeline: the epoch first, then what waits, when it is time."""
        participant = self._core
        if participant.next - 1 == participant.chosen:
            self._progress_ns = now
        if not self._epoch_offered and participant.next <= participant.chosen + core.WINDOW:
            self._epoch_offered = True
            self._offer(now, [entry.epoch(self.ballot)])
        if self._applier.wants_snapshot(self._options) and self._may_offer and self._snapshot_slot <= self._applier.applied:
            self._ask_for_snapshot(now)
        if self._change is not None and self.is_serving and participant.next - 1 == participant.chosen:
            self._offer_change(now, *self._change)
        while (self.queue.waiting or self._own) and self.is_serving and self.in_flight < self._options.pipeline:
            if self.is_changing:
                break
            in_flight = sum(map(len, self.tokens.values()))
            if not self._own and not self.queue.fills_a_batch and not self._rally.is_time(now, len(self.queue), in_flight):
                break
            waiting = [*self._own, *self.queue.batch()]
            self._own.clear()
            self._rally.went(len(waiting), in_flight)
            data = [data for _, data in waiting]
            slot = self._offer_checked(now, data) if now >= self._check_due else self._offer(now, data)
            self.tokens[slot] = [token for token, _ in waiting]
        if now >= self._alone_due and not self.in_flight and self._wants_check:
            self._offer_checked(now, [])

    @property
    def _alone_due(self) -> int:
        """When a check goes that no batch took along."""
        return self._check_due + self._options.beat_ms * MS

    @property
    def _wants_check(self) -> bool:
        """Whether anything was applied since the last one."""
        return self.is_serving and self._applier.applied > self._applier.checked and self._check_slot <= self._applier.applied

    def _ask_for_snapshot(self, now: int) -> None:
        """Of every replica, behind a slot of its own.  [SAFETY 26]"""
        self._snapshot_slot = self._offer(now, [entry.snapshot(self.ballot)])

    def submit(self, token: Any, data: bytes, *, bound: bool, full: errors.DiskFull | None = None) -> None:  # noqa: ANN401 (as below)
        """A client's entry: checked, then queued; `bound`: to this reign; `full`: why nothing that grows is taken, if so."""
        answers = self._steps.output.answers
        try:
            if len(data) > self._options.entry_bytes:
                raise errors.CommandTooLong(length=len(data), limit=self._options.entry_bytes)
            submitted = entry.check_submitted(data)
            if submitted.kind == _COMMAND:
                self._applier.machine.validate(submitted.command)
            if full is not None and not (full.reserve and self._makes_room(submitted)):
                raise full
            self.queue.put(token, entry.bind(data, self.ballot) if bound else data)
        except errors.Overloaded as error:
            answers.append((token, Answer(Status.OVERLOADED, body=errors.pack(error))))
        except (errors.InvalidCommand, errors.DiskFull) as error:
            answers.append((token, Answer(Status.INVALID, body=errors.pack(error))))

    def _makes_room(self, submitted: entry.Entry) -> bool:
        """Whether an entry is taken in the reserve: registrations are, for whoever deletes needs one."""
        return submitted.kind != entry.Kind.COMMAND or not self._applier.machine.grows(submitted.command)

    def add_own(self, token: Any, command: bytes) -> None:  # noqa: ANN401 (a token is the shell's own)
        """A command of the master's own, for the next slot.

        Raises:
            InvariantViolated: more wait than `OWN_MAX`: whoever originates them is to wait for their answers.
        """
        if len(self._own) >= OWN_MAX:
            raise errors.InvariantViolated(invariant="a master's own entries are few", detail=f"{OWN_MAX} wait already")
        self._own.append((token, entry.master(self.ballot, command)))

    def read(self, now: int, token: Any, question: bytes) -> None:  # noqa: ANN401 (a token is the shell's own)
        """A question came; `now` was taken after it did.  [SAFETY 12, 13]"""
        if self._core.holds_lease(now):
            self._answer(token, question)
        elif len(self._reads) < self._options.reads_waiting:
            self._reads.append((now + self._options.term_ms * MS, token, question))
        else:
            full = errors.Overloaded(what="reads that wait for the lease", limit=self._options.reads_waiting, unit="reads")
            self._steps.output.answers.append((token, Answer(Status.OVERLOADED, body=errors.pack(full))))

    def retry_reads(self, now: int) -> None:
        """Reads that waited for the lease: each is checked again, with this later `now`."""
        if not self._reads:
            return
        if self.is_serving and self._core.holds_lease(now):
            while self._reads:
                _, token, question = self._reads.popleft()
                self._answer(token, question)
        while self._reads and self._reads[0][0] <= now:
            _, token, _ = self._reads.popleft()
            self._steps.output.answers.append((token, Answer(Status.UNAVAILABLE)))

    def _answer(self, token: Any, question: bytes) -> None:  # noqa: ANN401 (a token is the shell's own)
        """Read the applied state: it holds all that was answered so far."""
        applied = self._applier.applied
        try:
            answer = Answer(Status.DONE, applied, 0, self._applier.machine.query(question))
        except errors.InvalidCommand as error:
            answer = Answer(Status.INVALID, applied, 0, errors.pack(error))
        except errors.Error as error:
            if not error.deterministic:
                raise
            answer = Answer(Status.REFUSED, applied, 0, errors.pack(error))
        self._steps.output.answers.append((token, answer))

    def _beat(self, now: int) -> None:
        """Renew the lease; `now` is its stamp, taken before anything is sent.  [SAFETY 10, 12]"""
        self._steps.take((core.BEAT, self._options.term_ms * MS), self._me, now)
        self._beat_due = now + self._options.beat_ms * MS
        self._steps.learn(now)

    def _offer(self, now: int, entries: list[bytes]) -> int:
        """Put a batch into the next slot."""
        slot = self._core.next
        if not self._steps.take((core.PROPOSE, entry.batch(entries, self._time_ms(now))), self._me, now):
            raise errors.InvariantViolated(invariant="a master can propose", detail=f"slot {slot} was refused")
        self._sent_ns[slot] = now
        self.pace.proposed(now, slot)
        return slot

    def _offer_checked(self, now: int, entries: list[bytes]) -> int:
        """As `_offer`, and all replicas compare themselves behind the slot; without a check while the newest one is not applied here."""
        if self._check_slot > self._applier.applied:
            return self._offer(now, entries)
        self._check_due = now + self._options.check_ms * MS
        self._check_slot = self._offer(now, [*entries, entry.check(self.ballot)])
        return self._check_slot

    def change(self, token: Any, configuration: bytes) -> None:  # noqa: ANN401 (a token is the shell's own)
        """A configuration, for a slot of its own, with everything below it chosen; with a token there is an answer.  [SAFETY 18]"""
        self._change = (token, entry.configuration(self.ballot, configuration))

    def _offer_change(self, now: int, token: Any, data: bytes) -> None:  # noqa: ANN401 (a token is the shell's own)
        slot = self._core.next
        self._change = None
        if not self._steps.take((core.CHANGE, entry.batch([data], self._time_ms(now))), self._me, now):
            raise errors.InvariantViolated(invariant="a master can change the members", detail=f"slot {slot} was refused")
        self._sent_ns[slot] = now
        if token is not None:
            self.tokens[slot] = [token]

    def _resend(self, now: int) -> None:
        """Send open proposals again to whoever has not accepted them."""
        participant, after_ns = self._core, self._options.retransmit_ms * MS
        self._resend_due = now + after_ns
        for slot in range(participant.chosen + 1, participant.next):
            if now - self._sent_ns[slot] < after_ns:
                continue
            self._sent_ns[slot] = now
            message = (core.ACCEPT, participant.bal, participant.config, slot, participant.acc[slot][1])
            voted = participant.votes.get(slot, 0)
            self._steps.output.at_once.extend((peer, message) for peer in self._roster.peers if not voted >> peer & 1)

    def _time_ms(self, now: int) -> int:
        """A batch's advisory time: the wall clock at the start, carried on by the steady one, made to grow.  [SAFETY 17]"""
        return max(self._applier.time_ms, self._wall_ms + (now - self._started_ns) // MS)
