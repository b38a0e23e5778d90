"""Protocol transcripts: commands to a cell of cores, and what happened. `pytest tests/golden --rewrite` writes them anew; read the diff.

A block is `# why` lines, commands, `----`, what happened, an empty line. Every member's disk is fast unless it is held.

    cell 3 · hold 1 · sync 1 · crash 1 · tick MS · show 1        campaign 1 [ROUND] · recover 1 · lead 1 (both, told in one line)
    deliver [A -> B] [Message] · drop … · delay … · arrive …     propose 1 x · beat 1 MS · abdicate 1 · seek 1 SLOT MEMBER
    block A -> B · open A -> B · stabilize (deliver all)         truncate 1 SLOT
"""

from collections.abc import Callable
from typing import Any

from gaios.spec import compile_participant, core_texts, read_specification
from tests.paxos.cell import Cell, Node

MS = 1_000_000
SPECIFICATION = read_specification(core_texts())


class Stage(Cell):
    """A cell whose schedule is written down: nothing happens by dice."""

    def __init__(self, size: int) -> None:
        self.said: list[str] = []
        self.delayed: list[tuple[int, int, Any]] = []
        self.held: set[int] = set()
        super().__init__(compile_participant(trace=True), size, 0, written=True)
        self.said.clear()

    def input(self, node: Node, event: tuple[Any, ...], src: int = 0) -> bool:
        """One step, told."""
        steps: list[Any] = []
        node.participant.tracer = steps.append
        fired = super().input(node, event, src)
        came = self.show(event) + (f" from {src}" if src and src != node.me else "")
        if not fired:
            self.said.append(f"{node.me} refuses {came}")
        for step in steps:
            writes = "".join(f"; {self.core.FIELD_NAMES[w[0]]} {self.write(w)}" for w in step.writes)
            sends = "".join(f" -> {to or 'all'} {self.show(m)}" for to, m in step.sends)
            self.said.append(f"{node.me} {self.core.RULES[step.rule][0]}: {came}{writes}{sends}")
        if node.me not in self.held:
            self.sync(node, len(node.waiting))
        return fired

    def ballot(self, number: int) -> str:
        """round.member"""
        return f"{number // self.core.ROUND}.{number % self.core.ROUND}" if number else "0"

    def entry(self, entry: tuple[int, bytes]) -> str:
        """ballot:value"""
        return f"{self.ballot(entry[0])}:{entry[1].decode() or 'no-op'}"

    def write(self, write: tuple[Any, ...]) -> str:
        """A durable write's new value."""
        name = self.core.FIELD_NAMES[write[0]]
        if name == "acc":
            return f"{write[1]}={self.entry(write[2:])}"
        return self.ballot(write[1]) if name == "promised" else str(write[1] // MS if name == "longest" else write[1])

    def show(self, message: tuple[Any, ...]) -> str:
        """A message as people read it; the configuration number is left out."""
        name = self.core.EVENT_NAMES[message[0]]
        fields = next(event.fields for event in SPECIFICATION.events if event.name == name)
        shown: dict[str, Callable[[Any], object]] = {
            "Ballot": self.ballot, "Time": lambda ns: ns // MS, "Value": lambda value: value.decode() or "no-op",
        }  # fmt: skip
        parts = []
        for (label, sort), value in zip(fields, message[1:], strict=True):
            if label == "acc":
                parts += [f"{slot}={self.entry(entry)}" for slot, entry in value.items()]
            elif label not in {"cfg", "damaged"}:
                parts.append(f"{label}={shown.get(str(sort), str)(value)}")
        return f"{name}({' '.join(parts)})"

    def command(self, line: str) -> None:
        """One command."""
        word, *rest = line.split()
        if word in {"deliver", "drop", "delay", "arrive", "stabilize"}:
            self._carry(word, rest)
        elif word in {"block", "open"}:
            link = {(int(rest[0]), int(rest[2]))}
            self.cut = self.cut | link if word == "block" else self.cut - link
        elif word == "tick":
            self.true_ns += int(rest[0]) * MS
        else:
            self._member(word, self.nodes[int(rest[0])], rest[1:])

    def _carry(self, word: str, rest: list[str]) -> None:
        """Move messages that match `A -> B` and a name, oldest first, until no more come."""
        box = self.delayed if word == "arrive" else self.network
        ends = (int(rest[0]), int(rest[2])) if "->" in rest else None
        names = [item for item in rest if item.isalpha()]

        def wanted(item: tuple[int, int, Any]) -> bool:
            open_ = word in {"drop", "delay"} or item[:2] not in self.cut
            return open_ and (ends is None or item[:2] == ends) and (not names or self.core.EVENT_NAMES[item[2][0]] in names)

        while chosen := next((item for item in box if wanted(item)), None):
            box.remove(chosen)
            if word in {"drop", "delay"}:
                (self.delayed if word == "delay" else self.past).append(chosen)
                self.said.append(f"{'late' if word == 'delay' else 'lost'} {chosen[0]} -> {chosen[1]} {self.show(chosen[2])}")
            else:
                self.network.insert(0, chosen)
                self.deliver(0)

    def _member(self, word: str, node: Node, rest: list[str]) -> None:
        """A command to one member."""
        core, numbers = self.core, [int(item) for item in rest if item.isdigit()]
        if word == "lead":
            said = len(self.said)
            for line in (f"campaign {node.me}", "stabilize", f"recover {node.me}", "stabilize"):
                self.command(line)
            del self.said[said:]
            self.said.append(f"{node.me} {'leads' if node.participant.leads() else 'does not lead'}: {self.ballot(node.participant.bal)}")
        elif word == "hold":
            self.held.add(node.me)
        elif word == "sync":
            self.held.discard(node.me)
            self.sync(node, len(node.waiting))
        elif word == "crash":
            node.waiting.clear()
            self.crash(node)
        elif word == "campaign" and not rest:
            self.campaign(node)
        elif word == "show":
            p = node.participant
            known = " ".join(f"{slot}={p.acc[slot][1].decode() or 'no-op'}" for slot in range(p.truncated + 1, p.chosen + 1))
            lease = "lease" if p.holds_lease(node.clock(self.true_ns)) else "no lease"
            self.said.append(
                f"{node.me} {core.PHASE_NAMES[p.phase]} promised={self.ballot(p.promised)} chosen={p.chosen} {lease} [{known}]"
            )
        else:
            fields: list[Any] = [rest[0].encode()] if word == "propose" else list(numbers)
            if word in {"campaign", "beat"}:
                fields = [numbers[0] * core.ROUND + node.me if word == "campaign" else numbers[0] * MS]
            self.input(node, (getattr(core, word.upper()), *fields))


def play(text: str) -> str:
    """A transcript with what happens now."""
    blocks, stage = [], None
    for block in text.strip().split("\n\n"):
        given = block.partition("\n----")[0].splitlines()
        for line in given:
            if line.startswith("cell "):
                stage = Stage(int(line.split()[1]))
            elif not line.startswith("#"):
                assert stage is not None, "a transcript begins with `cell N`"
                stage.command(line)
        said = [] if stage is None else [*stage.said]
        if stage is not None:
            stage.said.clear()
        blocks.append("\n".join([*given, "----", *said]))
    return "\n\n".join(blocks) + "\n"
