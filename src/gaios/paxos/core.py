# Generated from ballots.spec.py, members.spec.py, values.spec.py, leases.spec.py, damage.spec.py; do not edit; run `make fix`.
# sha256 of the texts: 0925e922119f2ff221af3acafa310e9919d8348311b484635e3ebd6293915ff7
# ruff: noqa: ARG002, RUF023
"""The core: what is promised, accepted, chosen and granted. The specification, as Python.

An event or a message is a tuple (TAG, field, …). A step appends to `Out`: `sends`, pairs of a member (0: all others) and a
message; `writes`, what must become durable, in order: (F_…, value) for a field that changed, (F_…, key, part, …) for an entry
of a map. Keys that a rule drops are not written: a field in the same rule tells. Sets are bit masks (1 << member); maps hold
no defaults; maps in messages belong to the message. The texts say why; docs/specification.md says how to change them.
"""

from collections.abc import Callable
from typing import Any, Final, TypeAlias

from gaios.configuration import listed, numbered

ROUND: Final = 65_536
"""Members in a round."""
WINDOW: Final = 16
"""Slots that may be accepted above what is known to be chosen."""
DRIFT_PPM: Final = 1000
"""How fast one clock may gain on another."""
IDLE: Final = 0
PREPARING: Final = 1
LEADING: Final = 2
PHASE_NAMES: Final = ("IDLE", "PREPARING", "LEADING")
NO_ENTRY: Final[tuple[int, bytes]] = (0, b"")

OTHERS: Final = 0
"""As a message's destination: every other member."""
CAMPAIGN: Final = 1
RECOVER: Final = 2
PREPARE: Final = 3
PROMISE: Final = 4
CHANGE: Final = 5
PROPOSE: Final = 6
SEEK: Final = 7
TRUNCATE: Final = 8
INSTALL: Final = 9
ACCEPT: Final = 10
ACCEPTED: Final = 11
LEARN: Final = 12
FETCH: Final = 13
CHOSEN: Final = 14
BOOT: Final = 15
BEAT: Final = 16
ABDICATE: Final = 17
HEARTBEAT: Final = 18
GRANT: Final = 19
RELEASE: Final = 20
ROT: Final = 21
EVENT_NAMES: Final = (
    "",
    "Campaign",
    "Recover",
    "Prepare",
    "Promise",
    "Change",
    "Propose",
    "Seek",
    "Truncate",
    "Install",
    "Accept",
    "Accepted",
    "Learn",
    "Fetch",
    "Chosen",
    "Boot",
    "Beat",
    "Abdicate",
    "Heartbeat",
    "Grant",
    "Release",
    "Rot",
)
MESSAGES: Final = frozenset({PREPARE, PROMISE, ACCEPT, ACCEPTED, LEARN, FETCH, CHOSEN, HEARTBEAT, GRANT, RELEASE})
"""Tags that may come from another member; the others are this replica's own inputs."""
AFTER: Final = frozenset({PREPARE, PROMISE, ACCEPTED, GRANT, RELEASE})
"""Tags of messages that wait until all records up to and including their own are durable.  [SAFETY 5]"""

F_PROMISED: Final = 1
F_ACC: Final = 2
F_CHOSEN: Final = 3
F_TRUNCATED: Final = 4
F_CONFIG: Final = 5
F_VOTERS: Final = 6
F_LONGEST: Final = 7
F_FAULTY: Final = 8
FIELD_NAMES: Final = ("", "promised", "acc", "chosen", "truncated", "config", "voters", "longest", "faulty")

Campaign: TypeAlias = tuple[int, int]
Recover: TypeAlias = tuple[int]
Prepare: TypeAlias = tuple[int, int, int]
Promise: TypeAlias = tuple[int, int, int, int, dict[int, tuple[int, bytes]], dict[int, int]]
Change: TypeAlias = tuple[int, bytes]
Propose: TypeAlias = tuple[int, bytes]
Seek: TypeAlias = tuple[int, int, int]
Truncate: TypeAlias = tuple[int, int]
Install: TypeAlias = tuple[int, int, bytes, int]
Accept: TypeAlias = tuple[int, int, int, int, bytes]
Accepted: TypeAlias = tuple[int, int, int, int]
Learn: TypeAlias = tuple[int, int, int, int]
Fetch: TypeAlias = tuple[int, int]
Chosen: TypeAlias = tuple[int, int, int, bytes]
Boot: TypeAlias = tuple[int]
Beat: TypeAlias = tuple[int, int]
Abdicate: TypeAlias = tuple[int]
Heartbeat: TypeAlias = tuple[int, int, int, int, int]
Grant: TypeAlias = tuple[int, int, int, int, int]
Release: TypeAlias = tuple[int, int, int]
Rot: TypeAlias = tuple[int, int, int]

RULES: Final = (
    ("P1a", "Campaign", "ballots.spec.py:64"),
    ("P1b", "Prepare", "ballots.spec.py:73"),
    ("P1c", "Promise", "ballots.spec.py:79"),
    ("P2a-again", "Recover", "ballots.spec.py:87"),
    ("M", "Change", "members.spec.py:28"),
    ("P2a", "Propose", "values.spec.py:28"),
    ("P2b-known", "Accept", "values.spec.py:36"),
    ("P2b", "Accept", "values.spec.py:42"),
    ("P3", "Accepted", "values.spec.py:51"),
    ("L", "Learn", "values.spec.py:65"),
    ("C0", "Seek", "values.spec.py:74"),
    ("C1", "Fetch", "values.spec.py:79"),
    ("C2", "Chosen", "values.spec.py:84"),
    ("T", "Truncate", "values.spec.py:92"),
    ("I", "Install", "values.spec.py:98"),
    ("I-known", "Install", "values.spec.py:107"),
    ("B", "Boot", "leases.spec.py:36"),
    ("L1", "Beat", "leases.spec.py:41"),
    ("L2", "Heartbeat", "leases.spec.py:48"),
    ("L3", "Grant", "leases.spec.py:54"),
    ("L4", "Abdicate", "leases.spec.py:59"),
    ("L5", "Release", "leases.spec.py:65"),
    ("D1", "Rot", "damage.spec.py:41"),
    ("D2", "Chosen", "damage.spec.py:47"),
)
"""Label, event and place of every rule."""


class Out:
    """What a step wants done."""

    __slots__ = ("sends", "writes")

    def __init__(self) -> None:
        self.sends: list[tuple[int, tuple[Any, ...]]] = []
        self.writes: list[tuple[Any, ...]] = []


def owner(b: int) -> int:
    """As defined in ballots.spec.py:38."""
    return b % ROUND


def most(part: int, whole: int) -> bool:
    """As defined in ballots.spec.py:40."""
    return 2 * (part & whole).bit_count() > whole.bit_count()


def newer(x: tuple[int, bytes], y: tuple[int, bytes]) -> tuple[int, bytes]:
    """As defined in ballots.spec.py:42."""
    return x if x[0] >= y[0] else y


def shortened(term: int) -> int:
    """As defined in leases.spec.py:27."""
    return term - term * DRIFT_PPM // 1_000_000 - 1


def without(part: int, some: int, whole: int) -> bool:
    """As defined in damage.spec.py:22."""
    return 2 * (part & whole).bit_count() > whole.bit_count() + 2 * (part & some & whole).bit_count()


class Participant:
    """One member's part in the protocol."""

    __slots__ = (
        "me",
        "founders",
        "promised",
        "acc",
        "chosen",
        "truncated",
        "config",
        "voters",
        "phase",
        "bal",
        "proms",
        "best",
        "floor",
        "next",
        "votes",
        "fence",
        "longest",
        "granted_until",
        "grants",
        "faulty",
        "worst",
        "hurt",
    )

    def __init__(self, me: int, founders: int) -> None:
        self.me = me
        self.founders = founders
        self.promised = 0
        self.acc: dict[int, tuple[int, bytes]] = {}
        self.chosen = 0
        self.truncated = 0
        self.config = 0
        self.voters = 0
        self.phase: int = IDLE
        self.bal = 0
        self.proms = 0
        self.best: dict[int, tuple[int, bytes]] = {}
        self.floor = 0
        self.next = 0
        self.votes: dict[int, int] = {}
        self.fence = 0
        self.longest = 0
        self.granted_until = 0
        self.grants: dict[int, int] = {}
        self.faulty: dict[int, int] = {}
        self.worst: dict[int, int] = {}
        self.hurt: dict[int, int] = {}

    def restore(
        self,
        *,
        promised: int,
        acc: dict[int, tuple[int, bytes]],
        chosen: int,
        truncated: int,
        config: int,
        voters: int,
        longest: int,
        faulty: dict[int, int],
    ) -> None:
        """Take up what was durable; all else is as after a start."""
        self.promised = promised
        self.acc = acc
        self.chosen = chosen
        self.truncated = truncated
        self.config = config
        self.voters = voters
        self.longest = longest
        self.faulty = faulty

    def step(self, event: tuple[Any, ...], src: int, now: int, out: Out) -> bool:
        """Carry out the first rule whose guard holds; whether there was one."""
        tag: int = event[0]
        return _STEPS[tag](self, event, src, now, out)

    def on_campaign(self, event: Campaign, src: int, now: int, out: Out) -> bool:
        """P1a: claim durably a fresh ballot of my own; ask the others to promise, and promise it myself."""
        _, b = event
        # P1a (ballots.spec.py:64)
        config = self.config
        if (
            b > self.promised
            and b % ROUND == self.me
            and (self.founders if config == 0 else self.voters) >> self.me & 1 == 1
            and now >= self.granted_until
        ):
            sends = out.sends
            if self.promised != b:
                self.promised = b
                out.writes.append((F_PROMISED, b))
            self.bal = b
            self.phase = PREPARING
            self.proms = 0
            self.best = {}
            self.floor = 0
            self.next = 0
            self.fence = 0
            self.votes = {}
            self.grants = {}
            self.worst = {}
            self.hurt = {}
            sends.append((OTHERS, (PREPARE, b, config)))
            sends.append((b % ROUND, (PROMISE, b, config, self.chosen, self.accepted(), self.damaged())))
            return True
        return False

    def on_recover(self, event: Recover, src: int, now: int, out: Out) -> bool:
        """P2a-again: knowing all that the quorum knows, propose the newest values above, no-ops in gaps; then lead."""
        # P2a-again (ballots.spec.py:87)
        bal = self.bal
        config = self.config
        chosen = self.chosen
        if (
            self.phase == PREPARING
            and bal == self.promised
            and most(self.proms, self.founders if config == 0 else self.voters)
            and chosen >= self.floor
            and self.next <= chosen + 1
            and len(self.unsettled()) == 0
        ):
            best = self.best
            sends = out.sends
            other = max(best, default=0)
            t = chosen if chosen >= other else other
            end = chosen + WINDOW + 1
            s = chosen + 1
            while s < end and numbered(best.get(s, NO_ENTRY)[1]) == 0:
                s += 1
            n = chosen + 1 + (s - (chosen + 1))
            e = n if n <= t else t
            for s in range(chosen + 1, e + 1):
                sends.append((OTHERS, (ACCEPT, bal, config, s, best.get(s, NO_ENTRY)[1])))
                sends.append((bal % ROUND, (ACCEPTED, bal, config, s)))
            for s in range(chosen + 1, e + 1):
                part = best.get(s, NO_ENTRY)[1]
                self.acc[s] = (bal, part)
                out.writes.append((F_ACC, s, bal, part))
            end = e + 1
            key = chosen + 1
            while key < end:
                self.faulty.pop(key, None)
                key += 1
            self.next = e + 1
            if n > t:
                self.phase = LEADING
                self.best = {}
                self.proms = 0
                self.worst = {}
                self.hurt = {}
            return True
        return False

    def on_prepare(self, event: Prepare, src: int, now: int, out: Out) -> bool:
        """P1b: promise; say what I know to be chosen, what I accepted above it, and where I do not know any more."""
        _, b, _ = event
        # P1b (ballots.spec.py:73)
        if b > self.promised and now >= self.granted_until:
            if self.promised != b:
                self.promised = b
                out.writes.append((F_PROMISED, b))
            out.sends.append((b % ROUND, (PROMISE, b, self.config, self.chosen, self.accepted(), self.damaged())))
            return True
        return False

    def on_promise(self, event: Promise, src: int, now: int, out: Out) -> bool:
        """P1c: gather reports; a majority's are enough, and more are heard while damage leaves a slot in doubt."""
        _, b, _, k, a, d = event
        # P1c (ballots.spec.py:79)
        founders = self.founders
        config = self.config
        voters = self.voters
        if (
            b == self.bal
            and b == self.promised
            and self.phase == PREPARING
            and (not most(self.proms, founders if config == 0 else voters) or len(self.unsettled()) > 0)
        ):
            best = self.best
            hurt = self.hurt
            self.proms = self.proms | 1 << src
            self.floor = self.floor if self.floor >= k else k
            self.best = {s: newer(best.get(s, NO_ENTRY), a.get(s, NO_ENTRY)) for s in sorted({*best, *a})}
            self.worst = {s: max(self.worst.get(s, 0), d.get(s, 0)) for s in sorted({*self.worst, *d})}
            self.hurt = {s: hurt.get(s, 0) | 1 << src if d.get(s, 0) > 0 else hurt.get(s, 0) for s in sorted({*hurt, *d})}
            return True
        return False

    def on_change(self, event: Change, src: int, now: int, out: Out) -> bool:
        """M: the leader proposes a configuration, with everything below it chosen."""
        _, v = event
        # M (members.spec.py:28)
        bal = self.bal
        next_ = self.next
        config = self.config
        if self.phase == LEADING and bal == self.promised and next_ == self.chosen + 1 and numbered(v) == config + 1:
            sends = out.sends
            sends.append((OTHERS, (ACCEPT, bal, config, next_, v)))
            sends.append((bal % ROUND, (ACCEPTED, bal, config, next_)))
            end = next_ + 1
            key = next_
            while key < end:
                self.faulty.pop(key, None)
                key += 1
            self.acc[next_] = (bal, v)
            out.writes.append((F_ACC, next_, bal, v))
            self.fence = next_
            self.next = next_ + 1
            return True
        return False

    def on_propose(self, event: Propose, src: int, now: int, out: Out) -> bool:
        """P2a: the leader puts a value into the next slot."""
        _, v = event
        # P2a (values.spec.py:28)
        bal = self.bal
        next_ = self.next
        if self.phase == LEADING and bal == self.promised and next_ <= self.chosen + WINDOW and self.fence <= self.chosen:
            sends = out.sends
            sends.append((OTHERS, (ACCEPT, bal, self.config, next_, v)))
            sends.append((bal % ROUND, (ACCEPTED, bal, self.config, next_)))
            end = next_ + 1
            key = next_
            while key < end:
                self.faulty.pop(key, None)
                key += 1
            self.acc[next_] = (bal, v)
            out.writes.append((F_ACC, next_, bal, v))
            self.next = next_ + 1
            return True
        return False

    def on_seek(self, event: Seek, src: int, now: int, out: Out) -> bool:
        """C0: ask for a chosen value."""
        _, s, q = event
        # C0 (values.spec.py:74)
        if (s > self.chosen or self.faulty.get(s, 0) > 0) and q != self.me:
            out.sends.append((q, (FETCH, s)))
            return True
        return False

    def on_truncate(self, event: Truncate, src: int, now: int, out: Out) -> bool:
        """T: drop what a snapshot covers."""
        _, k = event
        # T (values.spec.py:92)
        truncated = self.truncated
        if k > truncated and k <= self.chosen:
            end = k + 1
            key = truncated + 1
            while key < end:
                self.faulty.pop(key, None)
                key += 1
            end = k + 1
            key = truncated + 1
            while key < end:
                self.acc.pop(key, None)
                key += 1
            if self.truncated != k:
                self.truncated = k
                out.writes.append((F_TRUNCATED, k))
            return True
        return False

    def on_install(self, event: Install, src: int, now: int, out: Out) -> bool:
        """I: a peer's snapshot stands for every slot through this one; promises, and votes above, stay; else I-known: it covers damage."""
        _, k, v, b = event
        # I (values.spec.py:98)
        if k > self.chosen and not (self.phase == LEADING and self.bal == self.promised):
            end = k + 1
            key = self.truncated + 1
            while key < end:
                self.faulty.pop(key, None)
                key += 1
            end = k + 1
            key = self.truncated + 1
            while key < end:
                self.acc.pop(key, None)
                key += 1
            if self.truncated != k:
                self.truncated = k
                out.writes.append((F_TRUNCATED, k))
            if self.chosen != k:
                self.chosen = k
                out.writes.append((F_CHOSEN, k))
            value = numbered(v)
            if self.config != value:
                self.config = value
                out.writes.append((F_CONFIG, value))
            value = listed(v)
            if self.voters != value:
                self.voters = value
                out.writes.append((F_VOTERS, value))
            if numbered(v) > 0:
                value = self.promised if self.promised >= b else b
                if self.promised != value:
                    self.promised = value
                    out.writes.append((F_PROMISED, value))
            return True
        # I-known (values.spec.py:107)
        if k >= self.truncated and k <= self.chosen:
            end = k + 1
            key = self.truncated + 1
            while key < end:
                self.faulty.pop(key, None)
                key += 1
            end = k + 1
            key = self.truncated + 1
            while key < end:
                self.acc.pop(key, None)
                key += 1
            if self.truncated != k:
                self.truncated = k
                out.writes.append((F_TRUNCATED, k))
            if numbered(v) > self.config:
                value = numbered(v)
                if self.config != value:
                    self.config = value
                    out.writes.append((F_CONFIG, value))
                value = listed(v)
                if self.voters != value:
                    self.voters = value
                    out.writes.append((F_VOTERS, value))
                value = self.promised if self.promised >= b else b
                if self.promised != value:
                    self.promised = value
                    out.writes.append((F_PROMISED, value))
            return True
        return False

    def on_accept(self, event: Accept, src: int, now: int, out: Out) -> bool:
        """P2b-known: that slot is chosen, so this is its value; vote for it again; else P2b: accept durably, tell the leader."""
        _, b, c, s, v = event
        if b >= self.promised:
            # P2b-known (values.spec.py:36)
            if s <= self.chosen:
                if self.promised != b:
                    self.promised = b
                    out.writes.append((F_PROMISED, b))
                out.sends.append((b % ROUND, (ACCEPTED, b, c, s)))
                return True
            # P2b (values.spec.py:42)
            if s <= self.chosen + WINDOW:
                if self.promised != b:
                    self.promised = b
                    out.writes.append((F_PROMISED, b))
                if self.acc.get(s, NO_ENTRY)[0] != b:
                    self.acc[s] = (b, v)
                    out.writes.append((F_ACC, s, b, v))
                    end = s + 1
                    key = s
                    while key < end:
                        self.faulty.pop(key, None)
                        key += 1
                out.sends.append((b % ROUND, (ACCEPTED, b, c, s)))
                return True
        return False

    def on_accepted(self, event: Accepted, src: int, now: int, out: Out) -> bool:
        """P3: a majority accepted: chosen, once every slot below is."""
        _, b, _, s = event
        # P3 (values.spec.py:51)
        if b == self.bal and b == self.promised and self.phase != IDLE and s > self.chosen and s < self.next:
            votes = self.votes
            founders = self.founders
            config = self.config
            voters = self.voters
            acc = self.acc
            w = votes.get(s, 0) | 1 << src
            if most(w, founders if config == 0 else voters) and s == self.chosen + 1:
                end = self.next
                t = s + 1
                while t < end and most(votes.get(t, 0), founders if config == 0 else voters):
                    t += 1
                n = t - 1
                if self.chosen != n:
                    self.chosen = n
                    out.writes.append((F_CHOSEN, n))
                end = n + 1
                key = s
                while key < end:
                    self.votes.pop(key, None)
                    key += 1
                out.sends.append((OTHERS, (LEARN, self.bal, config, n)))
                if numbered(acc.get(n, NO_ENTRY)[1]) > 0:
                    value = numbered(acc.get(n, NO_ENTRY)[1])
                    if self.config != value:
                        self.config = value
                        out.writes.append((F_CONFIG, value))
                    value = listed(acc.get(n, NO_ENTRY)[1])
                    if self.voters != value:
                        self.voters = value
                        out.writes.append((F_VOTERS, value))
            else:
                self.votes[s] = w
            return True
        return False

    def on_learn(self, event: Learn, src: int, now: int, out: Out) -> bool:
        """L: what I accepted in that ballot, without a gap and through the first configuration, is chosen."""
        _, b, _, k = event
        # L (values.spec.py:65)
        chosen = self.chosen
        if k > chosen and not (self.phase == LEADING and self.bal == self.promised):
            acc = self.acc
            other = chosen + WINDOW
            t = k if k <= other else other
            end = t + 1
            s = chosen + 1
            while s < end and acc.get(s, NO_ENTRY)[0] == b and numbered(acc.get(s, NO_ENTRY)[1]) == 0:
                s += 1
            n = s - 1
            value = n + 1 if n < t and acc.get(n + 1, NO_ENTRY)[0] == b else n
            if self.chosen != value:
                self.chosen = value
                out.writes.append((F_CHOSEN, value))
            if n < t and acc.get(n + 1, NO_ENTRY)[0] == b:
                value = numbered(acc.get(n + 1, NO_ENTRY)[1])
                if self.config != value:
                    self.config = value
                    out.writes.append((F_CONFIG, value))
                value = listed(acc.get(n + 1, NO_ENTRY)[1])
                if self.voters != value:
                    self.voters = value
                    out.writes.append((F_VOTERS, value))
            return True
        return False

    def on_fetch(self, event: Fetch, src: int, now: int, out: Out) -> bool:
        """C1: supply a chosen value."""
        _, s = event
        # C1 (values.spec.py:79)
        if s > self.truncated and s <= self.chosen and self.faulty.get(s, 0) == 0:
            out.sends.append((src, (CHOSEN, s, self.acc.get(s, NO_ENTRY)[0], self.acc.get(s, NO_ENTRY)[1])))
            return True
        return False

    def on_chosen(self, event: Chosen, src: int, now: int, out: Out) -> bool:
        """C2: learn a chosen value; else D2: learn a chosen value again whose record was damaged."""
        _, s, b, v = event
        # C2 (values.spec.py:84)
        if s == self.chosen + 1 and not (self.phase == LEADING and self.bal == self.promised):
            self.acc[s] = (b, v)
            out.writes.append((F_ACC, s, b, v))
            if self.chosen != s:
                self.chosen = s
                out.writes.append((F_CHOSEN, s))
            end = s + 1
            key = s
            while key < end:
                self.faulty.pop(key, None)
                key += 1
            if numbered(v) > 0:
                value = numbered(v)
                if self.config != value:
                    self.config = value
                    out.writes.append((F_CONFIG, value))
                value = listed(v)
                if self.voters != value:
                    self.voters = value
                    out.writes.append((F_VOTERS, value))
                value = self.promised if self.promised >= b else b
                if self.promised != value:
                    self.promised = value
                    out.writes.append((F_PROMISED, value))
            return True
        # D2 (damage.spec.py:47)
        if s <= self.chosen and self.faulty.get(s, 0) > 0:
            self.acc[s] = (b, v)
            out.writes.append((F_ACC, s, b, v))
            end = s + 1
            key = s
            while key < end:
                self.faulty.pop(key, None)
                key += 1
            if numbered(v) > self.config:
                value = numbered(v)
                if self.config != value:
                    self.config = value
                    out.writes.append((F_CONFIG, value))
                value = listed(v)
                if self.voters != value:
                    self.voters = value
                    out.writes.append((F_VOTERS, value))
                value = self.promised if self.promised >= b else b
                if self.promised != value:
                    self.promised = value
                    out.writes.append((F_PROMISED, value))
            return True
        return False

    def on_boot(self, event: Boot, src: int, now: int, out: Out) -> bool:
        """B: I may have granted a lease and forgotten it: wait as long as the longest."""
        # B (leases.spec.py:36)
        self.granted_until = now + self.longest
        return True

    def on_beat(self, event: Beat, src: int, now: int, out: Out) -> bool:
        """L1: ask every replica to refuse other ballots, and refuse them myself."""
        _, t = event
        # L1 (leases.spec.py:41)
        bal = self.bal
        if self.phase == LEADING and bal == self.promised:
            sends = out.sends
            value = self.longest if self.longest >= t else t
            if self.longest != value:
                self.longest = value
                out.writes.append((F_LONGEST, value))
            other = now + t
            self.granted_until = self.granted_until if self.granted_until >= other else other
            sends.append((OTHERS, (HEARTBEAT, bal, self.config, now, t)))
            sends.append((bal % ROUND, (GRANT, bal, self.config, now, t)))
            return True
        return False

    def on_abdicate(self, event: Abdicate, src: int, now: int, out: Out) -> bool:
        """L4: give up this ballot for good, and its lease with it; promises and votes stay."""
        # L4 (leases.spec.py:59)
        if self.phase != IDLE and self.bal == self.promised:
            self.phase = IDLE
            self.granted_until = now
            out.sends.append((OTHERS, (RELEASE, self.bal, self.config)))
            return True
        return False

    def on_heartbeat(self, event: Heartbeat, src: int, now: int, out: Out) -> bool:
        """L2: grant the newest promised ballot its lease; a newer ballot is promised on the way."""
        _, b, c, t, d = event
        # L2 (leases.spec.py:48)
        if b == self.promised or (b > self.promised and now >= self.granted_until):
            if self.promised != b:
                self.promised = b
                out.writes.append((F_PROMISED, b))
            value = self.longest if self.longest >= d else d
            if self.longest != value:
                self.longest = value
                out.writes.append((F_LONGEST, value))
            other = now + d
            self.granted_until = self.granted_until if self.granted_until >= other else other
            out.sends.append((b % ROUND, (GRANT, b, c, t, d)))
            return True
        return False

    def on_grant(self, event: Grant, src: int, now: int, out: Out) -> bool:
        """L3: count it from its stamp, which is mine and so lies in the past."""
        _, b, _, t, d = event
        # L3 (leases.spec.py:54)
        if b == self.bal and self.phase == LEADING and self.bal == self.promised and t <= now:
            one = self.grants.get(src, 0)
            other = t + (d - d * DRIFT_PPM // 1_000_000 - 1)
            self.grants[src] = one if one >= other else other
            return True
        return False

    def on_release(self, event: Release, src: int, now: int, out: Out) -> bool:
        """L5: the ballot that I granted is dead."""
        _, b, _ = event
        # L5 (leases.spec.py:65)
        if b == self.promised:
            self.granted_until = now
            return True
        return False

    def on_rot(self, event: Rot, src: int, now: int, out: Out) -> bool:
        """D1: what I accepted there cannot be read any more: remember that I did."""
        _, s, b = event
        # D1 (damage.spec.py:41)
        if s > self.truncated and (s <= self.chosen or (s <= self.chosen + WINDOW and self.phase == IDLE)):
            end = s + 1
            key = s
            while key < end:
                self.acc.pop(key, None)
                key += 1
            one = self.faulty.get(s, 0)
            value = self.faulty[s] = one if one >= b else b
            out.writes.append((F_FAULTY, s, value))
            return True
        return False

    def electors(self) -> int:
        """As defined in ballots.spec.py:39."""
        return self.founders if self.config == 0 else self.voters

    def quorum(self, s: int) -> bool:
        """As defined in ballots.spec.py:41."""
        return most(s, self.founders if self.config == 0 else self.voters)

    def leads(self) -> bool:
        """As defined in ballots.spec.py:43."""
        return self.phase == LEADING and self.bal == self.promised

    def accepted(self) -> dict[int, tuple[int, bytes]]:
        """As defined in ballots.spec.py:44."""
        return {s: self.acc.get(s, NO_ENTRY) for s in range(self.chosen + 1, self.chosen + WINDOW + 1) if self.acc.get(s, NO_ENTRY)[0] > 0}

    def holds_lease(self, at: int) -> bool:
        """As defined in leases.spec.py:28."""
        return (
            self.phase == LEADING
            and self.bal == self.promised
            and most(sum(1 << q for q in self.grants if at < self.grants[q]), self.founders if self.config == 0 else self.voters)
        )

    def damaged(self) -> dict[int, int]:
        """As defined in damage.spec.py:20."""
        return {s: self.faulty[s] for s in sorted(self.faulty) if s > self.chosen and s <= self.chosen + WINDOW}

    def intact(self, s: int) -> bool:
        """As defined in damage.spec.py:24."""
        return without(self.proms, self.hurt.get(s, 0), self.founders if self.config == 0 else self.voters)

    def hidden(self) -> dict[int, int]:
        """As defined in damage.spec.py:26."""
        return {s: self.worst[s] for s in sorted(self.worst) if s > self.chosen and self.best.get(s, NO_ENTRY)[0] < self.worst[s]}

    def waits(self, s: int) -> bool:
        """As defined in damage.spec.py:28."""
        return sum(1 << t for t in range(self.chosen + 1, s) if numbered(self.best.get(t, NO_ENTRY)[1]) > 0).bit_count() > 0

    def unsettled(self) -> dict[int, int]:
        """As defined in damage.spec.py:30."""
        return {
            s: self.worst.get(s, 0)
            for s in sorted(self.hidden())
            if not without(self.proms, self.hurt.get(s, 0), self.founders if self.config == 0 else self.voters) and not self.waits(s)
        }

    def gathers(self) -> bool:
        """As defined in damage.spec.py:32."""
        return not most(self.proms, self.founders if self.config == 0 else self.voters) or len(self.unsettled()) > 0


def _nobody(_self: Participant, _event: object, _src: int, _now: int, _out: Out) -> bool:
    """Tag 0 is no event."""
    return False


_STEPS: Final[tuple[Callable[[Participant, Any, int, int, Out], bool], ...]] = (
    _nobody,
    Participant.on_campaign,
    Participant.on_recover,
    Participant.on_prepare,
    Participant.on_promise,
    Participant.on_change,
    Participant.on_propose,
    Participant.on_seek,
    Participant.on_truncate,
    Participant.on_install,
    Participant.on_accept,
    Participant.on_accepted,
    Participant.on_learn,
    Participant.on_fetch,
    Participant.on_chosen,
    Participant.on_boot,
    Participant.on_beat,
    Participant.on_abdicate,
    Participant.on_heartbeat,
    Participant.on_grant,
    Participant.on_release,
    Participant.on_rot,
)
