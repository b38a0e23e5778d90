"""A directory checked to its end."""

from gaios.storage import Finding, verify
from gaios.storage.segment import OPENING_BYTES
from tests.storage.memory import Memory, lived


def kinds(memory: Memory) -> list[str]:
    return [problem.kind for problem in verify(memory)]


def test_a_whole_directory_has_no_problem() -> None:
    """After a clean end."""
    assert verify(lived(8)[0]) == []


def test_an_empty_directory_misses_everything() -> None:
    """Each file that must be there."""
    assert [(problem.file, problem.kind) for problem in verify(Memory())] == [
        ("promise-1", "missing"),
        ("promise-2", "missing"),
        ("wal/00000001.wal", "missing"),
    ]


def test_every_damage_is_named_with_its_place() -> None:
    """A start stops at the first; an operator wants to know how bad it is."""
    memory, _ = lived(8)
    wals = [name for name in memory.names() if name.endswith(".wal")]
    for name in wals[:3]:
        memory.files[name].current[OPENING_BYTES + 3] ^= 1
    memory.files["promise-2"].current[3] ^= 1
    found = verify(memory)
    places = [(problem.file, problem.offset) for problem in found]
    assert places[0] == ("promise-2", 0)
    assert [(name, OPENING_BYTES) for name in wals[:3]] == [place for place in places if place[1] == OPENING_BYTES]
    assert "proves that it was synced" in found[1].detail


def test_damage_in_one_segment_twice_is_found_twice() -> None:
    """The search goes on with the next intact record."""
    memory, _ = lived(10, 8192)
    data = memory.files["wal/00000001.wal"].current
    for at in (500, 1500):
        data[at] ^= 1
    assert len(verify(memory)) == 2


def test_an_unfinished_write_is_a_tail_and_no_damage() -> None:
    """A replica that was killed is not a damaged one.  [INTERFACE `verify`]"""
    memory, _ = lived(3, 8192)
    data = memory.files["wal/00000001.wal"].current
    end = len(bytes(data).rstrip(b"\0"))
    data[end + 10] = 1
    problems = verify(memory)
    assert [problem.kind for problem in problems] == ["tail"]
    assert Finding(1, *problems[0]).ok
    assert not Finding(1, "f", 0, "header", "d").ok


def test_a_missing_segment_is_named_and_the_rest_is_checked() -> None:
    """What stands behind the gap may be needed for a repair."""
    memory, _ = lived(10)
    del memory.files["wal/00000002.wal"]
    memory.files["wal/00000004.wal"].current[OPENING_BYTES + 70] ^= 1
    assert kinds(memory)[0] == "missing"
    assert "wal/00000004.wal" in {problem.file for problem in verify(memory)}


def test_without_copies_segments_that_were_given_up_are_not_missed() -> None:
    """Nobody knows any more with which one the log began."""
    memory, _ = lived(8)
    assert len([name for name in memory.names() if name.endswith(".wal")]) > 4
    for name in ("promise-1", "promise-2", "wal/00000001.wal", "wal/00000002.wal"):
        del memory.files[name]
    assert [(problem.file, problem.kind) for problem in verify(memory)] == [("promise-1", "missing"), ("promise-2", "missing")]
    del memory.files["wal/00000004.wal"]
    assert "wal/00000004.wal" in [problem.file for problem in verify(memory) if problem.kind == "missing"]


def test_without_copies_the_log_tells_whose_it_is() -> None:
    """Both copies lost is bad enough; the log is checked all the same."""
    memory, _ = lived(8)
    for name in ("promise-1", "promise-2"):
        memory.files[name].current[3] ^= 1
    assert kinds(memory) == ["header", "header"]
    for name in memory.names():
        memory.files[name].current[0] ^= 1
        memory.files[name].current[3] ^= 2
    assert set(kinds(memory)) == {"header", "opening"}


def test_copies_that_contradict_each_other_are_named() -> None:
    """Nobody can tell which is right."""
    memory, _ = lived(8)
    other, _ = lived(7)
    memory.files["promise-2"] = other.files["promise-2"]
    assert "copies" in kinds(memory) or memory.read("promise-1", 80, 20) == memory.read("promise-2", 80, 20)
