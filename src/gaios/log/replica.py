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
from collections.abc import Mapping, Sequence
from typing import Any, Final

from gaios.configuration import Configuration
from gaios.log.answers import Answer, Status
from gaios.log.applier import Applier
from gaios.log.belonging import ASKING, SUPPLYING
from gaios.log.boots import Boots, lineage
from gaios.log.catchup import Catchup
from gaios.log.changes import Changes
from gaios.log.codec import BOOTED, NEWS, OWN, ROOM, WANT, Message
from gaios.log.doubt import Doubt
from gaios.log.election import Election
from gaios.log.gauge import Gauge
from gaios.log.hearing import Hearing
from gaios.log.options import FAR, MS, Options
from gaios.log.output import OTHERS, Output
from gaios.log.raising import Raising
from gaios.log.records import Place, Recovered
from gaios.log.reign import Reign
from gaios.log.repair import Repair
from gaios.log.roster import Roster, survey
from gaios.log.sessions import Bounds, Sessions
from gaios.log.snapshots import Unpacked
from gaios.log.space import Room, Space
from gaios.log.steps import Steps
from gaios.machine import Machine
from gaios.paxos import core

_SPEAKS: Final = frozenset({core.PREPARE, core.ACCEPT, core.HEARTBEAT})
"""What a replica answers with a promise, a vote or a grant."""


class Replica(Hearing):
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
        boot: int,
        nonce: int,
        recovered: Recovered,
        machine: Machine,
        now: int,
        wall_ms: int = 0,
        options: Options | None = None,
        bounds: Bounds | None = None,
        base: Unpacked | None = None,
        empty: Sequence[bytes] | None = None,
        applier: type[Applier] = Applier,
        participant: type[core.Participant] = core.Participant,
        told: Configuration | None = None,
    ) -> None:
        """`members` are the founders, `told` a newer configuration that whoever invited this replica knows.

        `base` is what `machine` was restored from, a snapshot behind a slot that `recovered` knows to be chosen.

        `empty` is the machine's snapshot before that; by default it is what `machine` is now.
        """
        self.options = options = options or Options()
        self.me, self.boot, self.nonce = me, boot, nonce
        self.core = participant(me, sum(1 << member for member in members))
        self.roster = roster = Roster(me, members, told)
        if base is not None:
            survey(recovered, base.part.slot, base.part.config, base.part.members)
        roster.recover(recovered)
        self.offer = b""
        """The handle of the newest snapshot that is proved: for peers that ask for what was truncated."""
        self.polls = 0
        """How often this replica polled since its start."""
        self.handovers = 0
        """How often it let another reign because its disk was full or slow."""
        self._leave_by = 0
        """It is about to: nothing new is proposed, and at that time, at the latest, it goes. 0: it is not."""
        self._proposes = True
        """Whether, as master, it puts what waits into slots: not where that could not be written down, nor when it is about to go. As of
        the last event: what was told of disks is forgotten by and by, and nothing may come of that between events."""
        self._steps = Steps(self.core, options, lineage(me, recovered, boot, nonce))
        self._steps.restore(recovered, roster.newest, roster.slot)
        self.boots = Boots(self._steps, options, me, roster, recovered, now)
        self.applier = applier(machine, Sessions(bounds or Bounds()), empty)
        if base is not None:
            self.applier.restore(base.part, base.sessions)
        self._reign = Reign(self._steps, self.applier, options, me, roster, now, wall_ms)
        self.gauge = Gauge(me, options.term_ms, now)
        self.doubt = Doubt(self._steps, self.applier, options, me, boot, roster, now)
        self.space = Space(me, roster, now)
        self._changes = Changes(self._steps, self._reign, roster, self.gauge, self.space, self.doubt, self.applier, options, now)
        self._election = Election(options, nonce, now)
        self._catchup = Catchup(options, roster.peers)
        self.raising = Raising(self._steps, self.applier, self.boots, options, me)
        self._master = 0
        """The member whose heartbeat or proposal came last in the promised ballot; 0: none since this replica polled or led."""
        self._resend_due = self._boost_after = self._strays_due = now
        self._awake_ns = now
        """When this process was last found to have slept: what did not happen before that proves nothing."""
        self._unsynced: deque[tuple[int, int]] = deque()
        """Outputs whose records are not durable yet: their numbers, and when each was handed over."""
        self._chains = {slot: chain for slot, chain in recovered.chains.items() if slot > self.applied}
        """The log's hashes that were recorded before this start: applying the log anew must come to the same."""
        self._evicted = recovered.truncated
        """Values through this slot were taken out of memory once; the disk has those above what was truncated."""
        self._read: dict[int, bytes] = {}
        """Chosen values that came back from the disk, to be applied again."""
        self._asked = 0
        """The slot for which the disk was asked last; 0: it gave that."""
        self.may_speak = False
        """Whether this boot is durable: whoever hears anything hears it, and it must not be given again after that.  [SAFETY 3, 5]"""
        self._is_blocked = False
        """A chosen value is nowhere here: nothing can be applied any more."""
        self._seen = self.applied
        """Every slot through this one was applied once."""
        self._cached_bytes = sum([len(value) for slot, (_, value) in self.core.acc.items() if slot <= self.applied])
        """Bytes of applied values in memory."""
        self._repair = Repair(self.core, options, roster)
        if recovered.waiting or recovered.faulty:
            self._steps.know_damage(recovered.waiting, recovered.faulty, now)
        self._has_begun = False
        self._begin()

    # -- events ----------------------------------------------------------------------------------------------------------

    def receive(self, now: int, member: int, boot: int, nonce: int, messages: list[Message]) -> bool:
        """A frame came from a member, in a boot of it; this replica's own `after` messages come back here too.

        Returns False where `output` has nothing more for it. While the disk hangs nothing is heard: no answer could leave, and those that
        wait for it must not gather without bound.

        Raises:
            StateLost: a peer has seen a newer boot, or another one, of this replica, or remembers more of it than it does.
            Removed: the cell has no such member any more.
        """
        if member != self.me and self._unsynced and self._is_hung(now):
            return False
        for message in messages:
            if message[0] == BOOTED:
                self.boots.judge(member, message)
            elif message[0] == NEWS and self.boots.believes(member, boot, nonce):
                self._hear_news(now, message)
                if len(messages) == 1:
                    return bool(self._steps.output)
        only = None if self.roster.lists(member) or member == self.me else ASKING | SUPPLYING  # what is heard of one who left
        if only is not None and not self.roster.was_given(member):
            return bool(self._steps.output)
        if member != self.me:
            self.gauge.heard(now, member)
            if not self.boots.hears(member, boot, nonce, messages):
                return bool(self._steps.output)
            if only is not None:
                self._let_linger(now, member)
        supplied, chosen, proposes = 0, self.core.chosen, self._proposes
        for message in messages:
            tag = message[0]
            if only is not None and tag not in only:
                continue
            if tag in OWN:
                self._hear(now, member, boot, message)
            elif not self._has_begun:
                continue
            elif tag == core.FETCH:
                if supplied < self.options.supply_bytes:
                    supplied += self._fetch(now, member, message)
            elif self.space.room == Room.NONE and tag in (core.ACCEPT, core.CHOSEN):
                continue  # it could not be written down: as if it were lost
            else:
                heard = tag not in _SPEAKS or not (self._steps.is_silent or (tag == core.PREPARE and self.is_stranded))
                self._note(now, member, message, fired=heard and self._steps.take(message, member, now))
        if self.core.chosen == chosen and all(message[0] == core.ACCEPTED for message in messages):
            self.boots.rest(now)  # votes that decide nothing: most do not
            return bool(self._steps.output)
        self._settle(now)
        if self.core.chosen != chosen or self._proposes != proposes:
            return True
        doubt = self.doubt
        return bool(self._steps.output or doubt.evidence or doubt.news or doubt.wants_base or self._reign.has_change)

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

    def rotted(self, now: int, place: Place, slots: list[int]) -> None:
        """Bytes of the log are damaged, found while running; the newest records of these slots stand there.  [SAFETY 15]

        What is in memory is written again at once, the rest is fetched from peers.
        """
        held = self.core.acc
        lost = {slot: self.core.promised for slot in slots if slot not in held and slot > self.core.truncated}
        self._steps.write_again([slot for slot in slots if slot in held], self.boots.records())
        self._steps.know_damage({place: set(lost)}, lost, now)
        self._settle(now)

    def synced(self, now: int, number: int) -> bool:
        """Every record through Output `number` is durable. Returns False where `output` has nothing more for it."""
        while self._unsynced and self._unsynced[0][0] <= number:
            self._reign.pace.synced(now, self._unsynced.popleft()[1])
        self._steps.synced(number)
        self.may_speak = True
        if not (self.doubt.synced(now, number) or self._can_apply):  # nothing else here waits for the disk
            return False
        self._settle(now)
        return True

    def tick(self, now: int) -> None:
        """Time passed: do what is due."""
        due = self.deadline_ns()
        if due and now - due > self.options.term_ms * MS // 2:
            self._awake_ns = now  # this tick is that late: the process slept
        self.boots.tick(now, leads=self._reign.ballot > 0)
        self._forget_gone(now)
        self._begin()
        if not self._has_begun:
            pass
        elif self._reign.ballot:
            if self._is_hung(now) or not self._reign.tick(now, self._awake_ns):
                self.retire(now)
            self._changes.tick(now)
            self._tell_strays(now)
            self._hand_over_if_unfit(now)
        elif self._is_candidate:
            self._tick_candidate(now)
        elif now >= self._poll_due_ns():
            self._poll(now)
        self.raising.tick(now, self.members, leads=self.is_serving)
        self._steps.tick(now)
        if self._has_begun:
            self.doubt.tick(now)
        self._settle(now)

    def set_room(self, now: int, room: Room) -> None:
        """What this replica's disk has left for the log, as the shell found; to be told before `output`."""
        if self.space.tell(now, room):
            self._hand_over_if_unfit(now)
            self._look_at_disks(now)

    def contradict(self, now: int, slot: int, reason: str) -> None:
        """What a snapshot read in this replica's memory, behind a slot, is not what stands there elsewhere.  [SAFETY 25]"""
        self.doubt.contradicted(slot, reason)
        self._settle(now)

    def deadline_ns(self) -> int:
        """When `tick` is due next."""
        if self._can_apply:
            return 0
        if not self._has_begun:
            return min(self._steps.due_ns(), self.boots.due_ns())
        due = min(self._steps.due_ns(), self.boots.due_ns(), self.space.due_ns(), self.doubt.due_ns())
        reign = self._reign
        if self.core.faulty and self.space.room != Room.NONE:
            due = min(due, self._repair.due_ns())
        if reign.ballot:
            others = self.raising.due_ns(leads=reign.is_serving), self._changes.due_ns(), self._leave_by or FAR
            return min(due, reign.due_ns(proposes=self._proposes), *others)
        if self.space.room != Room.NONE:
            due = min(due, self._catchup.due_ns(self.core.chosen))
        if self._is_candidate:
            return min(due, self._resend_due, self._election.give_up_at)
        return min(due, self._poll_due_ns())

    def output(self, now: int) -> Output | None:
        """What there is to do now; None when there is nothing. Call it until it says None."""
        if self._reign.ballot and self._proposes:
            if (level := self.raising.level(now)) and self.is_settled and not self.roster.lingering:
                self._reign.raise_feature(now, level)
            self._changes.compare(now)
            self._reign.propose(now)
        if self._has_begun and self.space.is_due(now):
            self._steps.output.at_once.append((OTHERS, (ROOM, int(self.space.room))))
        output = self._steps.hand_over(now)
        if output is not None and not self.may_speak:
            output.after, output.at_once = output.at_once + output.after, []
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

    def _is_hung(self, now: int) -> bool:
        """Whether the disk has not finished for a term what it was given, while this process was awake."""
        return bool(self._unsynced) and now - max(self._unsynced[0][1], self._awake_ns) >= self.options.term_ms * MS

    def _settle(self, now: int) -> None:
        """Bring everything to rest after an event: recover, begin or end a reign, apply, answer reads, ask for what is missing."""
        participant, reign = self.core, self._reign
        if participant.config != self.roster.newest.number:
            self._follow(now)
        if participant.phase == core.PREPARING and participant.quorum(participant.proms):
            self._steps.take((core.RECOVER,), self.me, now)
        if not self._may_go_on:
            self._stand_down(now)
        self._begin_or_end_reign(now)
        if self._can_apply:
            self._apply(now)
            if not self._may_go_on:
                self._stand_down(now)
        if reign.ballot and self._bow_out():
            self.retire(now)
        reign.retry_reads(now)
        if self._has_begun and self.space.room != Room.NONE:  # else what came could not be written down
            self._ask_for_missing(now)
        if self._leave_by:
            self._leave_if_due(now)
        if self._leave_by or self.space.is_uneven or not self._proposes:
            self._look_at_disks(now)
        self._changes.decide(now)
        self._steps.rest(now)
        self.boots.rest(now)

    def _begin_or_end_reign(self, now: int) -> None:
        """The reign follows the core, which leads or does no more; who neither leads nor campaigns sends away what waits for a master."""
        participant, reign = self.core, self._reign
        leads = participant.leads()
        if reign.ballot and not (leads and participant.bal == reign.ballot):
            reign.end()
        if leads and not reign.ballot:
            self._master = 0
            self._election.ended()
            self._boost_after = max(self._boost_after, now + min(2 * self.options.term_ms, self.options.boost_ms) * MS)
            reign.begin(now)
            self.gauge.begin(now)
        elif not reign.ballot and not self._is_candidate:
            reign.refuse_waiting()

    def _ask_for_missing(self, now: int) -> None:
        """Ask peers for chosen values: for the next ones, unless this replica leads, and for those whose records are damaged here."""
        chosen = self.core.chosen
        if not self._reign.ballot and self._catchup.known > chosen:
            if self._catchup.wants_base(now, chosen):
                self._steps.output.at_once.append((OTHERS, (WANT, 1)))
            source, slots = self._catchup.wanted(now, chosen)
            for slot in slots:
                self._steps.take((core.SEEK, slot, source), self.me, now)
        if self.core.faulty:
            source, missing = self._repair.wanted(now)
            for slot in missing:
                self._steps.take((core.SEEK, slot, source), self.me, now)
