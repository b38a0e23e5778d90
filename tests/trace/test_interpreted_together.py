"""What was recorded, taken a second time by an interpreter of the text that shares no code with the compiler.  [PML §6.1]"""

from pathlib import Path
from typing import Any

from gaios.log.recording import Step
from gaios.paxos import core
from gaios.spec import core_texts, read_specification
from gaios.trace.files import Recording
from tests.spec.interpreter import Interpreter

STEPS_MAX = 1_500
"""Of a boot: an interpreter is slow."""


def as_tuples(event: Any) -> Any:
    return tuple({k: tuple(v) if isinstance(v, list) else v for k, v in f.items()} if isinstance(f, dict) else f for f in event)


def as_lists(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: as_lists(item) for key, item in value.items()}
    return [as_lists(item) for item in value] if isinstance(value, list | tuple) else value


def test_recorded_steps_mean_the_same_to_the_interpreter(sound: Path) -> None:
    """The generated code wrote the recording; where the interpreter differs, one of them misreads the text."""
    specification = read_specification(core_texts())
    steps, labels = 0, set()
    for path in sorted(sound.iterdir()):
        recording = Recording.open(path)
        assert recording is not None
        start = recording.start
        voters = frozenset(member for member in range(start.voters.bit_length()) if start.voters >> member & 1)
        interpreter = Interpreter(specification, start.member, founders=voters)
        interpreter.state |= {"promised": start.promised, "chosen": start.chosen, "truncated": start.truncated, "longest": start.longest}
        interpreter.state["acc"] = {slot: (ballot, value) for slot, ballot, value in start.accepted}
        entries = (entry for frame in recording.frames() for entry in frame.entries if isinstance(entry, Step))
        for entry, _ in zip(entries, range(STEPS_MAX), strict=False):
            out = core.Out()
            fired = interpreter.step(as_tuples(entry.event), entry.src, entry.now, out)
            told = (entry.fired, entry.writes, entry.sends)
            assert (fired, as_lists(out.writes), as_lists(out.sends)) == told, f"{path.name}: {entry.event}"
            labels |= {interpreter.label} if fired else set()
            steps += 1
    assert steps > 1_500
    assert labels >= {"P1a", "P1b", "P1c", "P2a-again", "P2a", "P2b", "P3", "L", "L1", "L2", "L3"}
