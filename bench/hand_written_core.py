# ruff: noqa: ARG002 - one method an event, all called alike
"""The core as one would write it by hand: only here, to measure what generating it costs, and to be compared with it step by step.

It knows the generated module's words (tags, fields, `Out`), so that both can be put into the same harness.
"""

from typing import Any

from gaios.configuration import is_configuration, listed, numbered
from gaios.paxos.core import (
    ACCEPT,
    ACCEPTED,
    CHOSEN,
    DRIFT_PPM,
    EVENT_NAMES,
    F_ACC,
    F_CHOSEN,
    F_CONFIG,
    F_FAULTY,
    F_LONGEST,
    F_PROMISED,
    F_TRUNCATED,
    F_VOTERS,
    FETCH,
    GRANT,
    HEARTBEAT,
    IDLE,
    LEADING,
    LEARN,
    NO_ENTRY,
    OTHERS,
    PREPARE,
    PREPARING,
    PROMISE,
    RELEASE,
    ROUND,
    WINDOW,
    Out,
)

Event = tuple[Any, ...]


class Participant:
    """One member's part in the protocol, by hand."""

    __slots__ = (
        "acc", "bal", "best", "chosen", "config", "faulty", "fence", "floor", "founders", "granted_until", "grants", "hurt", "longest",
        "me", "next", "phase", "promised", "proms", "truncated", "voters", "votes", "worst",
    )  # fmt: skip

    def __init__(self, me: int, founders: int) -> None:
        self.me, self.founders = me, founders
        self.config = self.voters = 0
        self.promised = self.chosen = self.truncated = self.longest = 0
        self.acc: dict[int, tuple[int, bytes]] = {}
        self.phase: int = IDLE
        self.bal = self.proms = self.floor = self.next = self.fence = self.granted_until = 0
        self.best: dict[int, tuple[int, bytes]] = {}
        self.votes: dict[int, int] = {}
        self.grants: dict[int, int] = {}
        self.faulty: dict[int, int] = {}
        self.worst: dict[int, int] = {}
        self.hurt: dict[int, int] = {}

    def electors(self) -> int:
        """Who is counted for the slot behind what is known to be chosen."""
        return self.voters if self.config else self.founders

    def quorum(self, members: int) -> bool:
        """Whether these are a majority of them."""
        electors = self.voters if self.config else self.founders
        return (members & electors).bit_count() * 2 > electors.bit_count()

    def leads(self) -> bool:
        """Whether this member leads the newest ballot that it promised."""
        return self.phase == LEADING and self.bal == self.promised

    def holds_lease(self, at: int) -> bool:
        """Whether no other ballot can have been promised by a majority at this time."""
        if not self.leads():
            return False
        members = 0
        for member, until in self.grants.items():
            if at < until:
                members |= 1 << member
        return self.quorum(members)

    def step(self, event: Event, src: int, now: int, out: Out) -> bool:
        """Carry out an event."""
        done: bool = _STEPS[event[0]](self, event, src, now, out)
        return done

    def _promise(self, ballot: int, out: Out) -> None:
        self.promised = ballot
        out.writes.append((F_PROMISED, ballot))

    def _chosen_through(self, slot: int, value: bytes, out: Out) -> None:
        self.chosen = slot
        out.writes.append((F_CHOSEN, slot))
        if is_configuration(value):
            self._governed(value, out)

    def _governed(self, value: bytes, out: Out) -> None:
        if self.config != numbered(value):
            self.config = numbered(value)
            out.writes.append((F_CONFIG, self.config))
        if self.voters != listed(value):
            self.voters = listed(value)
            out.writes.append((F_VOTERS, self.voters))

    def _report(self, out: Out) -> None:
        above = range(self.chosen + 1, self.chosen + WINDOW + 1)
        accepted = {slot: self.acc[slot] for slot in above if slot in self.acc}
        damaged = {slot: self.faulty[slot] for slot in sorted(self.faulty) if self.chosen < slot <= self.chosen + WINDOW}
        out.sends.append((self.promised % ROUND, (PROMISE, self.promised, self.config, self.chosen, accepted, damaged)))

    def _is_settled(self) -> bool:
        """Whether no damage hides what may have been chosen, as far as it is recovered next."""
        changes = [slot for slot, (_, value) in self.best.items() if slot > self.chosen and is_configuration(value)]
        last = min(changes, default=self.chosen + WINDOW)
        return not any(
            self.chosen < slot <= last and self.best.get(slot, NO_ENTRY)[0] < ballot and not self.quorum(self.proms & ~self.hurt[slot])
            for slot, ballot in self.worst.items()
        )

    def on_campaign(self, event: Event, src: int, now: int, out: Out) -> bool:
        """Claim a ballot."""
        ballot = event[1]
        if ballot <= self.promised or ballot % ROUND != self.me or not self.electors() >> self.me & 1 or now < self.granted_until:
            return False
        self._promise(ballot, out)
        self.bal, self.phase = ballot, PREPARING
        self.proms = self.floor = self.next = self.fence = 0
        self.best, self.votes, self.grants, self.worst, self.hurt = {}, {}, {}, {}, {}
        out.sends.append((OTHERS, (PREPARE, ballot, self.config)))
        self._report(out)
        return True

    def on_prepare(self, event: Event, src: int, now: int, out: Out) -> bool:
        """Promise a ballot."""
        ballot = event[1]
        if ballot <= self.promised or now < self.granted_until:
            return False
        self._promise(ballot, out)
        self._report(out)
        return True

    def on_promise(self, event: Event, src: int, now: int, out: Out) -> bool:
        """Gather a report."""
        _, ballot, _, chosen, accepted, damaged = event
        if ballot != self.bal or ballot != self.promised or self.phase != PREPARING:
            return False
        if self.quorum(self.proms) and self._is_settled():
            return False
        self.proms |= 1 << src
        self.floor = max(self.floor, chosen)
        best = dict(self.best)
        for slot, entry in accepted.items():
            if slot not in best or entry[0] > best[slot][0]:
                best[slot] = entry
        self.best = best
        self.worst, self.hurt = dict(self.worst), dict(self.hurt)
        for slot, worst in damaged.items():
            self.worst[slot] = max(worst, self.worst.get(slot, 0))
            self.hurt[slot] = self.hurt.get(slot, 0) | 1 << src
        return True

    def on_recover(self, event: Event, src: int, now: int, out: Out) -> bool:
        """Propose again what the quorum reported, and lead."""
        if self.phase != PREPARING or self.bal != self.promised or self.chosen < self.floor or self.next > self.chosen + 1:
            return False
        if not self.quorum(self.proms) or not self._is_settled():
            return False
        top = max([self.chosen, *self.best])
        changes = [slot for slot, (_, value) in self.best.items() if slot > self.chosen and is_configuration(value)]
        last = min([top, *changes])
        for slot in range(self.chosen + 1, last + 1):
            value = self.best[slot][1] if slot in self.best else b""
            out.sends.append((OTHERS, (ACCEPT, self.bal, self.config, slot, value)))
            out.sends.append((self.me, (ACCEPTED, self.bal, self.config, slot)))
            self.acc[slot] = (self.bal, value)
            self.faulty.pop(slot, None)
            out.writes.append((F_ACC, slot, self.bal, value))
        self.next = last + 1
        if not changes:
            self.phase, self.best, self.proms, self.worst, self.hurt = LEADING, {}, 0, {}, {}
        return True

    def on_change(self, event: Event, src: int, now: int, out: Out) -> bool:
        """Propose a configuration."""
        slot, ballot, config, value = self.next, self.bal, self.config, event[1]
        if self.phase != LEADING or ballot != self.promised or slot != self.chosen + 1 or numbered(value) != config + 1:
            return False
        out.sends.append((OTHERS, (ACCEPT, ballot, config, slot, value)))
        out.sends.append((self.me, (ACCEPTED, ballot, config, slot)))
        self.acc[slot] = (ballot, value)
        self.faulty.pop(slot, None)
        out.writes.append((F_ACC, slot, ballot, value))
        self.fence, self.next = slot, slot + 1
        return True

    def on_propose(self, event: Event, src: int, now: int, out: Out) -> bool:
        """Put a value into the next slot."""
        slot, ballot, config = self.next, self.bal, self.config
        if self.phase != LEADING or ballot != self.promised or slot > self.chosen + WINDOW or self.fence > self.chosen:
            return False
        value = event[1]
        out.sends.append((OTHERS, (ACCEPT, ballot, config, slot, value)))
        out.sends.append((self.me, (ACCEPTED, ballot, config, slot)))
        self.acc[slot] = (ballot, value)
        self.faulty.pop(slot, None)
        out.writes.append((F_ACC, slot, ballot, value))
        self.next = slot + 1
        return True

    def on_accept(self, event: Event, src: int, now: int, out: Out) -> bool:
        """Accept a value."""
        _, ballot, config, slot, value = event
        if ballot < self.promised or slot > self.chosen + WINDOW:
            return False
        if ballot != self.promised:
            self._promise(ballot, out)
        if slot > self.chosen:
            held = self.acc.get(slot)
            if held is None or held[0] != ballot:
                self.acc[slot] = (ballot, value)
                self.faulty.pop(slot, None)
                out.writes.append((F_ACC, slot, ballot, value))
        out.sends.append((ballot % ROUND, (ACCEPTED, ballot, config, slot)))
        return True

    def on_accepted(self, event: Event, src: int, now: int, out: Out) -> bool:
        """Count a vote."""
        _, ballot, _, slot = event
        chosen = self.chosen
        if ballot != self.bal or self.phase == IDLE or ballot != self.promised or slot <= chosen or slot >= self.next:
            return False
        votes = self.votes
        members = votes.get(slot, 0) | 1 << src
        if slot != chosen + 1 or not self.quorum(members):
            votes[slot] = members
            return True
        votes.pop(slot, None)
        while slot + 1 in votes and self.quorum(votes[slot + 1]):
            slot += 1
            del votes[slot]
        out.sends.append((OTHERS, (LEARN, ballot, self.config, slot)))
        self._chosen_through(slot, self.acc[slot][1], out)
        return True

    def on_learn(self, event: Event, src: int, now: int, out: Out) -> bool:
        """Learn what was accepted in a ballot to be chosen."""
        _, ballot, _, mark = event
        chosen = self.chosen
        if mark <= chosen or (self.phase == LEADING and self.bal == self.promised):
            return False
        accepted_at = self.acc.get
        end = mark if mark < chosen + WINDOW else chosen + WINDOW
        while chosen < end and accepted_at(chosen + 1, NO_ENTRY)[0] == ballot:
            chosen += 1
            if is_configuration(self.acc[chosen][1]):
                break
        if chosen != self.chosen:
            self._chosen_through(chosen, self.acc[chosen][1], out)
        return True

    def on_seek(self, event: Event, src: int, now: int, out: Out) -> bool:
        """Ask for a chosen value."""
        _, slot, member = event
        if (slot <= self.chosen and slot not in self.faulty) or member == self.me:
            return False
        out.sends.append((member, (FETCH, slot)))
        return True

    def on_fetch(self, event: Event, src: int, now: int, out: Out) -> bool:
        """Supply a chosen value."""
        slot = event[1]
        if not self.truncated < slot <= self.chosen or slot in self.faulty:
            return False
        out.sends.append((src, (CHOSEN, slot, *self.acc.get(slot, (0, b"")))))
        return True

    def on_chosen(self, event: Event, src: int, now: int, out: Out) -> bool:
        """Learn a chosen value."""
        _, slot, ballot, value = event
        if slot <= self.chosen and slot in self.faulty:
            del self.faulty[slot]
            self.acc[slot] = (ballot, value)
            out.writes.append((F_ACC, slot, ballot, value))
            if numbered(value) > self.config:
                self._governed(value, out)
                if ballot > self.promised:
                    self._promise(ballot, out)
            return True
        if slot != self.chosen + 1 or self.leads():
            return False
        self.acc[slot] = (ballot, value)
        self.faulty.pop(slot, None)
        if is_configuration(value) and ballot > self.promised:
            self._promise(ballot, out)
        out.writes.append((F_ACC, slot, ballot, value))
        self._chosen_through(slot, value, out)
        return True

    def on_truncate(self, event: Event, src: int, now: int, out: Out) -> bool:
        """Drop what a snapshot covers."""
        mark = event[1]
        if not self.truncated < mark <= self.chosen:
            return False
        for slot in range(self.truncated + 1, mark + 1):
            self.acc.pop(slot, None)
            self.faulty.pop(slot, None)
        self.truncated = mark
        out.writes.append((F_TRUNCATED, mark))
        return True

    def on_install(self, event: Event, src: int, now: int, out: Out) -> bool:
        """Go on behind a peer's snapshot."""
        _, mark, value, ballot = event
        is_known = mark <= self.chosen
        if mark < self.truncated or (not is_known and self.leads()):
            return False
        for slot in range(self.truncated + 1, mark + 1):
            self.acc.pop(slot, None)
            self.faulty.pop(slot, None)
        if mark > self.truncated:
            self.truncated = mark
            out.writes.append((F_TRUNCATED, mark))
        if not is_known:
            self.chosen = mark
            out.writes.append((F_CHOSEN, mark))
        if is_known and numbered(value) <= self.config:
            return True
        self._governed(value, out)
        if is_configuration(value) and ballot > self.promised:
            self._promise(ballot, out)
        return True

    def on_rot(self, event: Event, src: int, now: int, out: Out) -> bool:
        """Know what was lost."""
        _, slot, ballot = event
        if slot <= self.truncated or (slot > self.chosen and (slot > self.chosen + WINDOW or self.phase != IDLE)):
            return False
        self.acc.pop(slot, None)
        self.faulty[slot] = max(ballot, self.faulty.get(slot, 0))
        out.writes.append((F_FAULTY, slot, self.faulty[slot]))
        return True

    def on_boot(self, event: Event, src: int, now: int, out: Out) -> bool:
        """Withhold promises."""
        self.granted_until = now + self.longest
        return True

    def _grant(self, ballot: int, config: int, stamp: int, term: int, now: int, out: Out) -> None:
        if term > self.longest:
            self.longest = term
            out.writes.append((F_LONGEST, term))
        self.granted_until = max(self.granted_until, now + term)
        out.sends.append((ballot % ROUND, (GRANT, ballot, config, stamp, term)))

    def on_beat(self, event: Event, src: int, now: int, out: Out) -> bool:
        """Ask for a lease."""
        if not self.leads():
            return False
        out.sends.append((OTHERS, (HEARTBEAT, self.bal, self.config, now, event[1])))
        self._grant(self.bal, self.config, now, event[1], now, out)
        return True

    def on_heartbeat(self, event: Event, src: int, now: int, out: Out) -> bool:
        """Grant a lease."""
        _, ballot, config, stamp, term = event
        if ballot < self.promised:
            return False
        if ballot != self.promised:
            if now < self.granted_until:
                return False
            self._promise(ballot, out)
        self._grant(ballot, config, stamp, term, now, out)
        return True

    def on_grant(self, event: Event, src: int, now: int, out: Out) -> bool:
        """Count a grant."""
        _, ballot, _, stamp, term = event
        if ballot != self.bal or not self.leads():
            return False
        until = stamp + term - term * DRIFT_PPM // 1_000_000 - 1
        if until > self.grants.get(src, 0):
            self.grants[src] = until
        return True

    def on_abdicate(self, event: Event, src: int, now: int, out: Out) -> bool:
        """Give up a ballot."""
        if self.phase == IDLE or self.bal != self.promised:
            return False
        self.phase, self.granted_until = IDLE, now
        out.sends.append((OTHERS, (RELEASE, self.bal, self.config)))
        return True

    def on_release(self, event: Event, src: int, now: int, out: Out) -> bool:
        """Forget a grant."""
        if event[1] != self.promised:
            return False
        self.granted_until = now
        return True


_STEPS: tuple[Any, ...] = tuple(getattr(Participant, f"on_{name.lower()}", None) for name in EVENT_NAMES)
