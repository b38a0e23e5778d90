"""A replica that must doubt its own database: found out, kept from readers, rebuilt, compared again.  [PML §6.2; SAFETY 25]

    SOUND ── differs from a majority · no majority is left that could agree · differs from its own sum ──► REBUILDING
      ▲                                                                                  the log is applied anew │
      └────────── agrees with a majority, at the slot where it differed or a later one ◄── REBUILT ◄─────────────┘
                                                     ▲                                        │ differs again, and again
                                                     └──────── somebody else was wrong ── STUCK ◄

Rule 1. What is doubted serves nobody: no reads, no watches, and it never leads, nor campaigns: a cell that elected it would have no master.
It goes on voting and supplying, for what is promised and accepted does not come from the database.
Rule 2. That it is doubted is durable before it is said, and a start knows it: the same program on the same log may go wrong again.
Rule 3. It is rebuilt from the log alone, or from a snapshot that is proved and the log above it, and believed only when a majority came to
the same.
Rule 4. Without a majority everyone doubts itself: the cell stops serving, and says so. If replays agree, it goes on by itself: who waits to
be believed compares itself behind the newest slot that it has, for without a master there are no checks.
Rule 5. Chains that differ are no matter of the database: replicas disagree about what was chosen. Whoever is in the minority stops.

Left out on purpose: where evidence is kept (server/evidence.py), where a proved snapshot is found (server/snapshots.py).
"""

from collections.abc import Iterator
from enum import Enum
from typing import Any, Final, NamedTuple

from gaios import errors
from gaios.log.applier import Applier
from gaios.log.codec import SUM, Message
from gaios.log.options import FAR, MS, Options
from gaios.log.output import OTHERS
from gaios.log.quarantine import VERSION, Quarantine, read
from gaios.log.records import encode
from gaios.log.roster import Roster
from gaios.log.steps import Steps
from gaios.log.sums import Finding, Judgement, Sum, Sums

REBUILDS_MAX: Final = 2
"""A database that comes out wrong so often from one log will do so again."""
RECHECK_RECORDS: Final = 1_000
"""Of a machine's records are looked at again each time: about 1.5 ms."""


class Phase(Enum):
    """How far a replica trusts its own database; the module draws how one leads to another."""

    SOUND = "sound"
    REBUILDING = "rebuilding"
    REBUILT = "rebuilt"
    STUCK = "stuck"


class Evidence(NamedTuple):
    """A database that turned out to be wrong, as it was, for whoever looks into it later."""

    name: str
    head: dict[str, Any]
    """Where it was found, what everyone came to; plain data."""
    chunks: Iterator[bytes]
    """The machine's snapshot, as it was."""
    fatal: errors.InvariantViolated | None = None
    """Once it is written, this replica must stop."""


class Doubt:
    """Whether one replica may trust its own database: what it compared with the others, and what it does about a difference."""

    def __init__(self, steps: Steps, applier: Applier, options: Options, me: int, boot: int, roster: Roster, now: int) -> None:
        self.sums = Sums[Sum](me, roster)
        self.phase = Phase.SOUND
        self.may_serve = True
        """Whether this replica may read its database to anybody: while it is sound, and need not stop."""
        self.record: Quarantine | None = None
        """Why, unless it is sound."""
        self.agreed = 0
        """The newest slot where a majority came to the same as this replica."""
        self.odd: dict[int, int] = {}
        """Members that are in the minority, and where."""
        self.evidence: Evidence | None = None
        """To be taken and kept by the shell."""
        self.news: list[tuple[str, dict[str, Any]]] = []
        """What happened, for a log that people read; to be taken by the shell."""
        self.quarantines = 0
        """How often it was doubted since its start."""
        self.newest: errors.Diverged | None = None
        """The newest doubt, over or not."""
        self.is_told = True
        """Whether what `record` says is durable, and may be said."""
        self._steps, self._applier, self._options, self._me, self._boot = steps, applier, options, me, boot
        self.must_stop = False
        """Whether it contradicts the others in more than its database."""
        self.wants_base = False
        """Whether it is to be rebuilt, and its log begins later: the shell is to find a snapshot that is proved."""
        self._fresh = False
        """Whether there is a sum that was neither compared nor said yet: this replica first applies all that it knows to be chosen."""
        self._rebuilds = 0
        """How often the database was rebuilt in this quarantine."""
        self._dispute = self._dispute_ns = 0
        """The slot about which replicas differ while too few have spoken, and since when; 0: none."""
        self._ask_due = FAR
        """When to ask again for the others' sums."""
        self._recheck_due = now + options.check_ms * MS
        """When to look at another part of the machine's state in memory."""
        self._told_at = 0
        """The Output with the record of the newest doubt: once that is durable the doubt may be told."""
        if steps.quarantine:
            self.record = read(steps.quarantine)
            self.newest = errors.Diverged(slot=self.record.slot, reason=self.record.reason)
            self._enter(Phase.REBUILDING)  # a start applies the whole log

    @property
    def is_repairing(self) -> bool:
        """Whether it is doubted, and may say so."""
        return self.phase is not Phase.SOUND and self.is_told

    def error(self) -> errors.Diverged | None:
        """What whoever asks this replica is told; None while it is sound, or must not say so yet."""
        return None if self.record is None or not self.is_told else self.newest

    def why(self, ids: dict[int, int]) -> list[str]:
        """Sentences for people; `ids` are members' replica ids."""
        said = [f"replica {ids.get(member, member)} differs from a majority at slot {slot}" for member, slot in sorted(self.odd.items())]
        if self.record is None or not self.is_told:
            return said
        base = "its log begins later, and it has no snapshot that is proved: it asks the others for theirs"
        then = {
            Phase.REBUILDING: base
            if self.wants_base
            else f"it is rebuilt from the log: {self._applier.applied} of {self._steps.core.chosen} slots",
            Phase.REBUILT: "it was rebuilt from the log, and waits for a majority's sums",
            Phase.STUCK: "it cannot be rebuilt from its own log: compare it with `gaios diff`, keep evidence/, then replace this replica",
        }[self.phase]
        return [f"its database is in quarantine since slot {self.record.slot}: {self.record.reason}; {then}", *said]

    # -- events ----------------------------------------------------------------------------------------------------------

    def applied(self, now: int) -> None:
        """Slots were applied: compare what came out, and say it once this replica is where it knows others to be."""
        applier = self._applier
        if applier.sums:
            for each in applier.sums:
                self.sums.note(each)
            applier.sums.clear()
            self._fresh = True
        if applier.applied < self._steps.core.chosen or self.wants_base:
            return
        if self.phase is Phase.REBUILDING:
            self._enter(Phase.REBUILT)
            self._fresh = True
        if self._fresh:
            self._fresh = False
            self._recheck(now)  # first: of a database that is found wrong nothing is said
            ring = self.sums.ring()
            if ring:
                # Who could not compare itself last time may have missed what the others said, and does not wait for the next.
                self._say(ring[-1], asks=not self.may_serve or (len(ring) > 1 and self.agreed < ring[-2].slot))
            if self.may_serve:
                for own in self.sums.ring():
                    if own.slot > self.agreed and self.may_serve:
                        self._judge(now, own.slot)
            else:
                self._compare_again(now)

    def hear(self, now: int, member: int, message: Message) -> None:
        """A member says what it came to."""
        _, slot, chain, checksum, trail, asks = message
        self.sums.hear(member, Sum(slot, chain, checksum, trail))
        mine = self._mine(slot)
        if mine is None:
            return
        if asks:
            self._steps.output.at_once.append((member, (SUM, *mine, 0)))
        if self.may_serve:
            self._judge(now, slot)
        else:
            self._compare_again(now)

    def contradicted(self, slot: int, reason: str) -> None:
        """What was read in its memory for a snapshot behind a slot is wrong."""
        if self.may_serve:
            self._quarantine(slot, Judgement(Finding.OPEN), reason)

    def has_base(self) -> None:
        """The state was taken over from a snapshot that is proved: the log above it is to be applied."""
        self.wants_base = False
        if self.phase is not Phase.SOUND:
            self._enter(Phase.REBUILDING)

    def synced(self, now: int, number: int) -> bool:
        """Every record through Output `number` is durable: whether a doubt may be told now."""
        if self.is_told or number < self._told_at or self.record is None:
            return False
        self.is_told = True
        self.news.append(("quarantined", {"slot": self.record.slot, "reason": self.record.reason, "see": "evidence/"}))
        self._compare_again(now)
        return True

    def tick(self, now: int) -> None:
        """Ask again what was not answered; look at a part of the state again."""
        if now >= self._ask_due:
            self._ask(now)
        if now >= self._recheck_due:
            self._recheck(now)

    def due_ns(self) -> int:
        """When `tick` is due."""
        return self._ask_due if self._ask_due < self._recheck_due else self._recheck_due

    # -- inside ----------------------------------------------------------------------------------------------------------

    def _enter(self, phase: Phase) -> None:
        self.phase = phase
        self.may_serve = phase is Phase.SOUND and not self.must_stop

    def _mine(self, slot: int) -> Sum | None:
        """What this replica came to behind a slot, if it can tell: it is at a check, or it is where the replica is now."""
        if not slot or self.phase is Phase.REBUILDING:
            return None
        if slot == self._applier.applied and self.sums.own(slot) is None:
            self.sums.note(self._applier.sum())
        return self.sums.own(slot)

    def _say(self, own: Sum, *, asks: bool) -> None:
        self._steps.output.at_once.append((OTHERS, (SUM, *own, int(asks))))

    def _recheck(self, now: int) -> None:
        """What flips in memory changes no sum: look at a part of it again."""
        self._recheck_due = now + self._options.check_ms * MS
        if self.may_serve and not self._applier.machine.recheck(RECHECK_RECORDS):
            newest = self.sums.newest()
            reason = "what stands in its memory is not what was put there; suspect this machine's memory"
            self._quarantine(newest.slot if newest is not None else 0, Judgement(Finding.OPEN), reason)

    def _ask(self, now: int) -> None:
        """In a dispute, or when it waits to be believed again: whoever knows the slot is to say what it came to."""
        self._ask_due = FAR
        if self.may_serve:
            own = self.sums.own(self._dispute)
            if not self._dispute or own is None:
                self._dispute = 0
                return
            if now - self._dispute_ns >= 2 * self._options.term_ms * MS:
                judgement = self.sums.judge(self._dispute)
                self._quarantine(self._dispute, judgement, "replicas differ, and too few answer to tell who is wrong")
                return
        else:
            # Behind whatever it has: where nobody leads there may be no check to compare at.
            own = self._mine(self._applier.applied)
            self._compare_again(now)  # alone it is a majority, and nobody answers
            if self.record is None:
                return
        if own is not None:
            self._say(own, asks=True)
        slowly = self.phase is Phase.STUCK
        self._ask_due = now + (self._options.check_ms if slowly else self._options.retransmit_ms) * MS

    def _judge(self, now: int, slot: int) -> None:
        """What a sound replica makes of a slot."""
        judgement = self.sums.judge(slot)
        if self._logs_differ(slot, judgement):
            return
        if judgement.finding is Finding.AGREED:
            self.agreed = max(self.agreed, slot)
            self._note_odd(slot, judgement)
            if self._dispute and slot >= self._dispute:
                self._dispute, self._ask_due = 0, FAR
        elif judgement.finding is Finding.ODD:
            self._quarantine(slot, judgement, "a majority of the replicas came to another state")
        elif judgement.finding is Finding.SPLIT:
            self._quarantine(slot, judgement, "replicas differ, and no majority agrees: the cell does not serve until one does")
        elif judgement.finding is Finding.DISPUTED and not self._dispute:
            # Mostly the others' words are on their way.
            self._dispute, self._dispute_ns = slot, now
            self._ask_due = now + self._options.retransmit_ms * MS

    def _note_odd(self, slot: int, judgement: Judgement[Sum]) -> None:
        for member in self.sums.said(slot):
            if member in judgement.odd:
                self.odd[member] = slot
            elif self.odd.get(member, slot + 1) <= slot:
                del self.odd[member]

    def _compare_again(self, now: int) -> None:
        """It was rebuilt: the newest slot about which a majority is known decides, from where it differed on."""
        if self.phase is Phase.REBUILDING or self.record is None or not self.is_told:
            return
        for own in reversed(self.sums.ring()):
            if own.slot < self.record.slot:
                break
            judgement = self.sums.judge(own.slot)
            if self._logs_differ(own.slot, judgement):
                return
            if judgement.finding is Finding.AGREED:
                self._leave(own.slot)
                return
            if judgement.finding is Finding.ODD:
                self._differs_again()
                break
        if self._ask_due == FAR:
            self._ask_due = now + self._options.retransmit_ms * MS

    def _leave(self, slot: int) -> None:
        self._steps.judge(slot, b"")
        self._enter(Phase.SOUND)
        self.record, self.is_told = None, True
        self.agreed = max(self.agreed, slot)
        self._rebuilds = self._dispute = 0
        self._ask_due = FAR
        self.news.append(("quarantine_left", {"slot": slot}))

    def _differs_again(self) -> None:
        if self.phase is Phase.STUCK:
            return
        if self._rebuilds < REBUILDS_MAX:
            self._rebuild()
        else:
            self.give_up(f"it came out wrong {self._rebuilds} times")

    def give_up(self, reason: str) -> None:
        """Its own log cannot rebuild it."""
        self._enter(Phase.STUCK)
        self.news.append(("rebuild_failed", {"slot": self.record.slot if self.record else 0, "reason": reason}))

    def _quarantine(self, slot: int, judgement: Judgement[Sum], reason: str) -> None:
        mine = self.sums.own(slot)
        self.record = Quarantine(VERSION, slot, self.agreed, mine, judgement.right, reason)
        self.newest = errors.Diverged(slot=slot, reason=reason)
        self.quarantines += 1
        self.is_told, self._told_at = False, self._steps.judge(slot, encode(self.record))
        self.evidence = self._gather(slot, reason)
        self._dispute, self._ask_due = 0, FAR
        self._rebuild()

    def _rebuild(self) -> None:
        """Apply the log again: from its first slot, or above a snapshot where it begins later."""
        self._rebuilds += 1
        self.sums.forget_own()
        self._enter(Phase.REBUILDING)
        if self._steps.core.truncated:
            self.wants_base = True
        else:
            self._applier.begin_anew()

    def _logs_differ(self, slot: int, judgement: Judgement[Sum]) -> bool:
        """Whether this replica must stop: not before the evidence is kept."""
        mine = self.sums.own(slot)
        if mine is None or judgement.finding not in (Finding.ODD, Finding.SPLIT):
            return False
        chains = {each.chain for each in self.sums.said(slot).values()}
        if (judgement.right is not None and judgement.right.chain != mine.chain) or (judgement.right is None and len(chains) > 1):
            others = ", ".join(sorted({chain.hex()[:16] for chain in chains if chain != mine.chain}))
            fatal = errors.InvariantViolated(
                invariant="all replicas apply the same log",
                detail=f"at slot {slot} the chain is {mine.chain.hex()[:16]} here, {others} elsewhere; see evidence/",
            )
            self.evidence = self._gather(slot, "the logs differ", fatal)
            self.must_stop, self.may_serve = True, False
            return True
        return False

    def _gather(self, slot: int, reason: str, fatal: errors.InvariantViolated | None = None) -> Evidence:
        applier, said = self._applier, self.sums.said(slot)
        head = {
            "version": VERSION,
            "member": self._me,
            "boot": self._boot,
            "slot": slot,
            "reason": reason,
            "applied": applier.applied,
            "chosen": self._steps.core.chosen,
            "agreed": self.agreed,
            "state": list(applier.sum()),
            "said": [[member, *each] for member, each in sorted(said.items())],
            "ring": [list(each) for each in self.sums.ring()],
        }
        return Evidence(f"slot-{slot}-boot-{self._boot}-{self.quarantines}", head, applier.machine.snapshot(), fatal)
