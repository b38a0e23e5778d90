"""A cell of cores under a random schedule: loss, duplicates, reordering, crashes that keep what was synced, clocks that drift.

The harness is what `log/`, storage and the network are to the core, with nothing in between: it carries out `Out` in the order that
the contract prescribes, and decides everything else by dice. After every step it checks:

Agreement     a slot has one value: in every member that knows it to be chosen, and in every majority of votes.
Ballots       a ballot proposes one value for a slot, and is claimed by one life of its owner.
Promises      never go back, not even through a crash.
Leases        while a leader holds its lease, no majority has promised a higher ballot.
Maps          hold no defaults, and nothing that was truncated.
"""

import random
from collections.abc import Iterable, Mapping
from types import ModuleType
from typing import Any

from gaios import entry
from gaios.configuration import FORMAT, Configuration, Member, listed, newest, numbered
from gaios.errors import InvariantViolated
from gaios.paxos.codec import check_message

TERM_NS = 700_000_000
DRIFT_PPM = 1_000
NETWORK_MAX = 300
"""Messages under way; when there are more, the oldest are lost. What a member says to itself is lost with its life only."""
Message = tuple[Any, ...]


def _most(part: set[int], whole: int) -> bool:
    """Whether a majority of some members, a bit mask, is among these."""
    return 2 * sum(whole >> member & 1 for member in part) > whole.bit_count()


def _speaks(core: ModuleType, event: Message) -> bool:
    """Whether it makes a member say what others count."""
    return event[0] in (core.CAMPAIGN, core.PREPARE, core.ACCEPT, core.HEARTBEAT)


class Node:
    """One member: its core, what its disk holds, what waits for its disk."""

    def __init__(self, core: ModuleType, me: int, voters: int, offset: int, ppm: int, chosen: Mapping[int, tuple[int, bytes]]) -> None:
        """`chosen`: what was ever chosen, for whoever has a snapshot of it."""
        self.core, self.me, self.voters, self.offset, self.ppm, self.chosen = core, me, voters, offset, ppm, chosen
        self.durable: dict[str, Any] = {
            "promised": 0, "acc": {}, "chosen": 0, "truncated": 0, "config": 0, "voters": 0, "longest": 0, "faulty": {},
        }  # fmt: skip
        self.base = {"config": 0, "voters": 0}
        """The members as of what was truncated."""
        self.wants = False
        """To change the members, as soon as nothing is open."""
        self.unread: set[int] = set()
        """Chosen slots that a start could not read, in which a newer configuration may stand."""
        self.life = 0
        self.marked = 0
        self.waiting: list[tuple[list[tuple[Any, ...]], list[tuple[int, Message]]]] = []
        self.participant: Any = None

    def clock(self, true_ns: int) -> int:
        """What this member's clock says."""
        return self.offset + true_ns + true_ns * self.ppm // 1_000_000

    def start(self) -> None:
        """A new life, with what the disk holds."""
        self.life += 1
        self.waiting = []
        self.participant = self.core.Participant(self.me, self.voters)
        self.marked = self.durable["chosen"]
        found = newest(self.durable["acc"], self.marked)
        known = {"config": found[1].number, "voters": found[1].voters} if found else self.base
        maps = {name: dict(self.durable[name]) for name in ("acc", "faulty")}
        self.unread = {slot for slot in maps["faulty"] if (found[0] if found else 0) < slot <= self.marked}
        self.participant.restore(**{**self.durable, **known, **maps})

    @property
    def is_unsure(self) -> bool:
        """Whether a newer configuration may govern than it knows: it must say nothing, as in log/.  [SAFETY 18]"""
        participant = self.participant
        unread = self.unread & participant.faulty.keys()
        found = newest(participant.acc, participant.chosen) if unread else None
        return any(slot > (found[0] if found else 0) for slot in unread)

    def write(self, writes: list[tuple[Any, ...]]) -> None:
        """Make writes durable."""
        for field, *values in writes:
            name = self.core.FIELD_NAMES[field]
            if name == "acc":
                slot, *entry = values
                self.durable["acc"][slot] = tuple(entry)
                self.durable["faulty"].pop(slot, None)
            elif name == "faulty":
                self.durable["faulty"][values[0]] = values[1]
            else:
                self.durable[name] = values[0]
                if name == "truncated":
                    self.durable["chosen"] = max(self.durable["chosen"], values[0])
                    found = newest(self.chosen, values[0])
                    self.base = {"config": found[1].number, "voters": found[1].voters} if found else self.base
                    self.durable["acc"] = {slot: entry for slot, entry in self.durable["acc"].items() if slot > values[0]}
                    self.durable["faulty"] = {slot: bal for slot, bal in self.durable["faulty"].items() if slot > values[0]}


class Cell:
    """Members, the network between them, and what must hold."""

    def __init__(
        self, core: ModuleType, size: int, seed: int, *, lazy: str = "", written: bool = False, changes: bool = False, rots: bool = False
    ) -> None:
        """`written`: a schedule without dice, members 1 to size, clocks that agree. `changes`: leaders change the members, roughly.

        `rots`: records rot, each on one disk only.
        """
        self.changes = changes
        self.configurations: list[tuple[int, int, int]] = []
        """Those that were chosen, in order: slot, number, voters."""
        self.put_to: dict[tuple[int, int], int] = {}
        """Under which configuration a slot was proposed in a ballot."""
        self.lazy = lazy
        self.rot_dice = random.Random(seed) if rots else None
        self.rotted: set[int] = set()
        """Slots of which one copy rotted."""
        self.core, self.dice = core, random.Random(seed)
        self.true_ns = 0
        self.snapshot: dict[int, tuple[int, bytes]] = {}
        """What was chosen, as members hold it: whoever installs a snapshot takes it from here."""
        members = list(range(1, size + 1)) if written else self.dice.sample(range(1, 9), size)
        drifts = (0, DRIFT_PPM, self.dice.randrange(DRIFT_PPM))
        self.founders = sum(1 << member for member in (members[: size - 1] if changes else members))
        self.nodes = {
            member: Node(
                core,
                member,
                self.founders,
                *((0, 0) if written else (self.dice.randrange(10**12), self.dice.choice(drifts))),
                self.snapshot,
            )
            for member in sorted(members)
        }
        self.network: list[tuple[int, int, Message]] = []
        """Messages under way: sender, receiver, message."""
        self.past: list[tuple[int, int, Message]] = []
        self.chosen: dict[int, bytes] = {}
        self.proposed: dict[tuple[int, int], bytes] = {}
        self.votes: dict[tuple[int, int], set[int]] = {}
        self.claims: dict[int, tuple[int, int]] = {}
        self.learned = dict.fromkeys(self.nodes, 0)
        self.promised = dict.fromkeys(self.nodes, 0)
        self.values = 0
        self.cut: set[tuple[int, int]] = set()
        """Links on which messages wait: partitions, also one-way ones."""
        self.favourite = self.dice.choice(members)
        """Who campaigns more than others: a member that leads again meets its own past."""
        self.rivalry = self.dice.choice((0.05, 0.2, 1.0))
        """How often others campaign while there is a leader; much of it leaves little time to choose anything."""
        self.frailty = self.dice.choice((0.05, 0.3, 1.0))
        """How often members crash."""
        self.leases = self.silent = 0
        """How often a lease was held, and how often a member said nothing because it could not tell who the members are."""
        for node in self.nodes.values():
            node.start()
        for node in self.nodes.values():
            self.input(node, (core.BOOT,))

    # -- the world -------------------------------------------------------------------------------------------------------

    def input(self, node: Node, event: Message, src: int = 0) -> bool:
        """One step of one member, and what must hold after it."""
        out = self.core.Out()
        if _speaks(self.core, event) and node.is_unsure:
            self.silent += 1
            return False
        fired: bool = node.participant.step(event, src or node.me, node.clock(self.true_ns), out)
        after = [(to, message) for to, message in out.sends if message[0] in self.core.AFTER]
        for to, message in out.sends:
            if message[0] == self.core.ACCEPT:
                self._proposed(message)
            if message[0] not in self.core.AFTER:
                self._send(node, to, message)
        writes = self._lazily(node, out.writes, after) if self.lazy else out.writes
        if writes or after:
            node.waiting.append((writes, after))
        self._check(node)
        return fired

    def _lazily(self, node: Node, writes: list[tuple[Any, ...]], after: list[tuple[int, Message]]) -> list[tuple[Any, ...]]:
        """Write `chosen` only beside other records, or when a vote is about to leave that a start could not report without it."""
        core, chosen = self.core, node.participant.chosen
        kept = [write for write in writes if write[0] != core.F_CHOSEN]
        far = any(m[0] == core.ACCEPTED and m[3] > node.marked + core.WINDOW for _, m in after) and self.lazy == "safe"
        if chosen > node.marked and (kept or far):
            node.marked = chosen
            kept.append((core.F_CHOSEN, chosen))
        return kept

    def _send(self, node: Node, to: int, message: Message) -> None:
        raw = [list(part) if isinstance(part, tuple) else part for part in message]
        if check_message(raw) != message:
            raise InvariantViolated(invariant="the codec lets pass what the core says", detail=f"{message}")
        if message[0] == self.core.PREPARE and self.claims.setdefault(message[1], (node.me, node.life)) != (node.me, node.life):
            raise InvariantViolated(invariant="a ballot is claimed once", detail=f"{message[1]} by {node.me}, life {node.life}, again")
        if message[0] == self.core.ACCEPTED:
            self._voted(node.me, message)
        targets = [other for other in self.nodes if other != node.me] if to == self.core.OTHERS else [to]
        self.network += [(node.me, target, message) for target in targets]

    def sync(self, node: Node, batches: int) -> None:
        """The disk carries out what waits, in order; then the messages leave that waited for it."""
        for _ in range(batches):
            writes, after = node.waiting.pop(0)
            node.write(writes)
            for to, message in after:
                self._send(node, to, message)

    def crash(self, node: Node) -> None:
        """Lose all that was not synced, but for the beginning of it, torn anywhere; start anew."""
        unsynced = [write for writes, _ in node.waiting for write in writes]
        node.write(unsynced[: self.dice.randrange(len(unsynced) + 1)])
        self.network = [item for item in self.network if item[:2] != (node.me, node.me)]
        self._rot(node, node.durable["acc"])
        node.start()
        self.learned[node.me] = min(self.learned[node.me], node.participant.chosen)
        self.input(node, (self.core.BOOT,))

    def _rot(self, node: Node, slots: Iterable[int]) -> int:
        """One of these records rots, if the dice say so; which."""
        whole = sorted(set(slots) & set(node.durable["acc"]) - self.rotted)
        if self.rot_dice is None or not whole or self.rot_dice.random() < 0.5:
            return 0
        changes = [slot for slot in whole if numbered(node.durable["acc"][slot][1])]
        slot = self.rot_dice.choice(changes if changes and self.rot_dice.random() < 0.5 else whole)
        self.rotted.add(slot)
        ballot = node.durable["acc"].pop(slot)[0]
        node.durable["faulty"][slot] = max(ballot, self.rot_dice.choice((0, node.durable["promised"])))
        return slot

    def deliver(self, index: int) -> None:
        """One message arrives."""
        src, to, message = self.network.pop(index)
        self.past.append((src, to, message))
        if len(self.past) > 600:
            del self.past[: self.dice.randrange(300)]
        self.input(self.nodes[to], message, src)

    # -- a schedule ------------------------------------------------------------------------------------------------------

    def run(self, steps: int, *, faults: float) -> None:
        """So many random steps; `faults` scales loss, duplicates, crashes and rival candidates."""
        for _ in range(steps):
            self.step(faults)

    def step(self, faults: float) -> None:
        """Something happens."""
        dice, core = self.dice, self.core
        node = dice.choice(list(self.nodes.values()))
        leaders = [other for other in self.nodes.values() if other.participant.leads()]
        x = dice.random()
        if x < 0.5:
            for _ in range(1 + len(self.network) // 8):
                self.carry(faults)
        elif x < 0.7:
            busy = [other for other in self.nodes.values() if other.waiting]
            if busy:
                node = dice.choice(busy)
                self.sync(node, dice.randint(1, len(node.waiting)))
        elif x < 0.71:
            if dice.random() < faults * self.frailty:
                self.crash(node)
        elif x < 0.72:
            self.cut = self._partition() if dice.random() < faults else set()
        elif x < 0.75:
            self.pass_time()
        elif x < 0.77:
            node = self.nodes[self.favourite] if dice.random() < 0.5 else node
            if dice.random() < (faults * self.rivalry if leaders else 0.5):
                self.campaign(node)
        elif x < 0.79:
            if self.past and dice.random() < faults:
                self.network.append(dice.choice(self.past))
        elif x < 0.795:
            if dice.random() < faults:
                self.input(dice.choice(leaders) if leaders and dice.random() < 0.8 else node, (core.ABDICATE,))
        else:
            self.duties(dice.choice(leaders) if leaders and dice.random() < 0.5 else node)

    def carry(self, faults: float) -> None:
        """The network delivers, loses or repeats one message, often the oldest."""
        dice = self.dice
        if len(self.network) > NETWORK_MAX:
            self.network = [item for item in self.network[:50] if item[0] == item[1]] + self.network[50:]
        ready = [index for index, item in enumerate(self.network) if item[:2] not in self.cut] if self.cut else range(len(self.network))
        if ready:
            index = ready[0] if dice.random() < 0.7 else dice.choice(ready)
            if dice.random() < 0.05 * faults and self.network[index][0] != self.network[index][1]:
                self.network.pop(index)
                return
            if dice.random() < 0.05 * faults:
                self.network.append(self.network[index])
            self.deliver(index)

    def _partition(self) -> set[tuple[int, int]]:
        """Some members are cut off, in one direction or in both; often none."""
        if self.dice.random() < 0.5:
            return set()
        lost = self.dice.sample(sorted(self.nodes), self.dice.randint(1, len(self.nodes) // 2))
        ways = self.dice.choice(("to", "from", "both"))
        links = {(a, b) for a in self.nodes for b in self.nodes if a != b}
        return {(a, b) for a, b in links if (ways != "from" and b in lost) or (ways != "to" and a in lost)}

    def pass_time(self) -> None:
        """A little, much, or to the brink of somebody's grant."""
        dice = self.dice
        x = dice.random()
        if x < 0.5:
            self.true_ns += dice.randrange(TERM_NS // 20)
        elif x < 0.8:
            self.true_ns += dice.randrange(TERM_NS)
        else:
            node = dice.choice(list(self.nodes.values()))
            left = node.participant.granted_until - node.clock(self.true_ns)
            if left > 0:
                self.true_ns += max(0, left * 1_000_000 // (1_000_000 + node.ppm) + dice.randint(-2, 2))

    def campaign(self, node: Node) -> None:
        """Claim the next ballot of its own."""
        core, participant = self.core, node.participant
        self.input(node, (core.CAMPAIGN, (participant.promised // core.ROUND + 1) * core.ROUND + node.me))

    def duties(self, node: Node) -> None:
        """What a log does when it has nothing else to do."""
        core, dice, participant = self.core, self.dice, node.participant
        known = max(other.participant.chosen for other in self.nodes.values())
        if participant.phase == core.PREPARING:
            self.input(node, (core.RECOVER,))
        self._scrub(node)
        if participant.chosen < known or dice.random() < 0.1:
            slot = participant.chosen + dice.randint(0, 1)
            self.input(node, (core.SEEK, slot, dice.choice([member for member in self.nodes if member != node.me])))
        if dice.random() < (0.3 if participant.leads() else 0.02):
            self.input(node, (core.BEAT, dice.choice((TERM_NS, TERM_NS // 3))))
        if participant.leads():
            if self.changes and (node.wants or dice.random() < 0.2):
                node.wants = not self.change(node)  # everything below must be chosen first, so nothing else is proposed meanwhile
            elif dice.random() < 0.6:
                self.values += 1
                self.input(node, (core.PROPOSE, b"%d" % self.values))
            for slot in range(participant.chosen + 1, participant.next):
                if dice.random() < 0.1:
                    self._send(node, core.OTHERS, (core.ACCEPT, participant.bal, participant.config, slot, participant.acc[slot][1]))
            if dice.random() < 0.3 and participant.chosen:
                self._send(node, core.OTHERS, (core.LEARN, participant.bal, participant.config, participant.chosen))
        durable = min(other.durable["chosen"] for other in self.nodes.values())
        if durable > participant.truncated and dice.random() < 0.05:
            self.input(node, (core.TRUNCATE, dice.randint(participant.truncated, durable)))
        marked = max(other.durable["chosen"] for other in self.nodes.values())
        if marked > participant.chosen and dice.random() < 0.02:
            # A peer's snapshot, which has its record behind its mark.
            slot = dice.randint(participant.chosen, marked)
            self.input(node, (core.INSTALL, slot, *self._governing(slot)))
            if slot:  # an older one comes late
                self.input(node, (core.INSTALL, slot - 1, *self._governing(slot - 1)))
        if node.is_unsure and dice.random() < 0.5:
            slot = dice.randint(participant.truncated, participant.chosen)
            self.input(node, (core.INSTALL, slot, *self._governing(slot)))

    def _governing(self, slot: int) -> tuple[bytes, int]:
        """The newest configuration at or below a slot, with the ballot that it was proposed in first."""
        found = newest(self.snapshot, slot)
        if found is None:
            return b"", 0
        value = self.snapshot[found[0]][1]
        return value, min(ballot for (ballot, at), proposed in self.proposed.items() if at == found[0] and proposed == value)

    def change(self, node: Node) -> bool:
        """Any others may govern from here on; whether that was proposed."""
        voters = self.dice.sample(sorted(self.nodes), self.dice.randint(1, len(self.nodes)))
        listed = tuple(Member(voter, voter) for voter in voters)
        configuration = Configuration(FORMAT, node.participant.config + 1, max(self.nodes) + 1, listed)
        command = entry.configuration(node.participant.bal, configuration.encode())
        return self.input(node, (self.core.CHANGE, entry.batch([command], self.dice.randrange(10**9))))

    def _scrub(self, node: Node) -> None:
        """Rot is found while a member runs, and what was lost is asked for."""
        core, participant = self.core, node.participant
        if self.rot_dice is None:
            return
        if not node.waiting and self.rot_dice.random() < 0.05 and (slot := self._rot(node, range(1, participant.chosen + 1))):
            self.input(node, (core.ROT, slot, node.durable["faulty"][slot]))
        if self.rot_dice.random() < 0.01:
            self.input(node, (core.ROT, participant.truncated, 1))  # needs no repair
        for slot in [slot for slot in participant.faulty if slot <= participant.chosen]:
            self.input(node, (core.SEEK, slot, self.rot_dice.choice([member for member in self.nodes if member != node.me])))

    def settle(self, rounds: int = 300) -> bool:
        """Without faults: does a leader come, and does every member learn a new value? A leader that gets nowhere gives up, as in log/."""
        core, goal = self.core, b"the last one"
        self.cut = set()
        for _ in range(rounds):
            self.true_ns += 2 * TERM_NS
            for node in self.nodes.values():
                self.input(node, (core.ABDICATE,))
            node = self.dice.choice(list(self.nodes.values()))
            newest = max(other.participant.promised for other in self.nodes.values())
            self.input(node, (core.CAMPAIGN, (newest // core.ROUND + 1) * core.ROUND + node.me))
            self.run(300, faults=0.0)
            self.input(node, (core.PROPOSE, goal))
            self.run(300, faults=0.0)
            if all(goal in self.known(other) for other in self.nodes.values()):
                return True
        return False

    def known(self, node: Node) -> set[bytes]:
        """The values that a member still has and knows to be chosen."""
        participant = node.participant
        return {participant.acc[slot][1] for slot in range(participant.truncated + 1, participant.chosen + 1) if slot in participant.acc}

    # -- what must hold --------------------------------------------------------------------------------------------------

    def _proposed(self, message: Message) -> None:
        _, ballot, number, slot, value = message
        self.put_to.setdefault((ballot, slot), number)
        if self.proposed.setdefault((ballot, slot), value) != value:
            raise InvariantViolated(invariant="one value per ballot and slot", detail=f"{message} after {self.proposed[ballot, slot]!r}")

    def _voted(self, member: int, message: Message) -> None:
        _, ballot, _, slot = message
        voted = self.votes.setdefault((ballot, slot), set())
        voted.add(member)
        number, electors = next(((number, voters) for at, number, voters in reversed(self.configurations) if at < slot), (0, self.founders))
        if number == self.put_to[ballot, slot] and _most(voted, electors):
            self._choose(slot, self.proposed[ballot, slot], f"votes in ballot {ballot}")

    def _choose(self, slot: int, value: bytes, where: str) -> None:
        if slot not in self.chosen and numbered(value):
            self.configurations = sorted([*self.configurations, (slot, numbered(value), listed(value))])
        self.snapshot.setdefault(slot, (0, value))
        if self.chosen.setdefault(slot, value) != value:
            raise InvariantViolated(invariant="agreement", detail=f"slot {slot} chose {self.chosen[slot]!r} and {value!r} ({where})")

    def _check(self, node: Node) -> None:
        participant, core = node.participant, self.core
        for slot in range(max(self.learned[node.me], participant.truncated) + 1, participant.chosen + 1):
            if slot in participant.faulty:
                continue
            if slot not in participant.acc:
                raise InvariantViolated(invariant="what is chosen is known", detail=f"{node.me} has no slot {slot}")
            self._choose(slot, participant.acc[slot][1], f"learned by {node.me}")
        self.learned[node.me] = participant.chosen
        if node.durable["promised"] < self.promised[node.me] or participant.promised < node.durable["promised"]:
            raise InvariantViolated(invariant="a promise is kept", detail=f"{node.me}: {self.promised[node.me]}, {participant.promised}")
        self.promised[node.me] = node.durable["promised"]
        for name in ("acc", "best", "votes", "grants", "faulty", "worst", "hurt"):
            defaults = (0, core.NO_ENTRY)
            if any(value in defaults for value in getattr(participant, name).values()):
                raise InvariantViolated(invariant="maps hold no defaults", detail=f"{name} of {node.me}")
        if participant.acc and min(participant.acc) <= participant.truncated:
            raise InvariantViolated(invariant="what is truncated is gone", detail=f"{node.me} has {min(participant.acc)}")
        for other in self.nodes.values():
            holder = other.participant
            if holder.phase == core.LEADING and holder.holds_lease(other.clock(self.true_ns)):
                self.leases += 1
                higher = {q.me for q in self.nodes.values() if q.participant.promised > holder.bal}
                if _most(higher, holder.electors()):
                    raise InvariantViolated(
                        invariant="a lease is refused promises", detail=f"{other.me} holds {holder.bal}, {higher} left it"
                    )
