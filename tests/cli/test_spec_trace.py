"""spec trace says whether recordings are legal, by its code too, and which rules they cover.  [INTERFACE `spec trace`]"""

from collections.abc import Callable
from pathlib import Path

import pytest

from gaios.paxos import core
from gaios.sim import RunOptions, run
from tests.cli.conftest import Done
from tests.trace.tapes import LEFT, all_places, tapes

Cli = Callable[..., Done]


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory: Path = tmp_path_factory.mktemp("recorded")
    run(5, RunOptions(record=str(directory)))
    return directory


def test_a_legal_recording_is_done_and_tells_what_it_covers(sound: Path, cli: Cli) -> None:
    done = cli("spec", "trace", str(sound), "--json")
    assert done.code == 0
    told = done.json
    assert told["violations"] == []
    assert told["steps"] > 1_000
    assert told["coverage"]["P2b"] > 100
    assert told["coverage"]["T"] == 0
    assert {"files", "seconds", "members", "boots", "slots", "unverified", "notes", "refused"} <= set(told)
    lines = cli("spec", "trace", *map(str, sound.iterdir())).out.decode().splitlines()
    assert lines[-1] == "legal"
    assert any(line.startswith("rules carried out: P1a ") for line in lines)
    assert any(line.startswith("rules never carried out: ") for line in lines)


def test_an_illegal_step_is_no_and_is_named(sound: Path, cli: Cli) -> None:
    place = next(each for each in all_places(tapes(sound), LEFT) if each.entry[2][0][1][0][0] == core.ACCEPT)
    place.entry[2][0][1][0][1] += 1
    place.tape.keep()
    done = cli("spec", "trace", str(sound), "--json")
    assert done.code == 1
    (found,) = done.json["violations"]
    assert (found["file"], found["step"]) == (place.tape.name, place.number)
    assert set(found) == {"file", "step", "rule", "expected", "found"}
    lines = cli("spec", "trace", str(sound)).out.decode().splitlines()
    assert lines[-2].startswith(f"illegal: {place.tape.name}, step {place.number}: ")
    assert lines[-1] == "illegal"


def test_nonsense_is_wrong_usage_and_says_why(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("no recording at all, but long enough")
    for arguments, why in (
        ([], "needs FILE"),
        ([str(tmp_path / "absent")], "there is no "),
        ([str(tmp_path)], "no recordings"),
        ([str(tmp_path / "note.txt")], "is no recording"),
    ):
        done = cli("spec", "trace", *arguments)
        assert (done.code, done.out) == (2, b"")
        assert why in done.err


def test_what_cannot_be_checked_is_told(sound: Path, cli: Cli) -> None:
    some = [str(path) for path in sound.iterdir() if "member-1-" in path.name]
    lines = cli("spec", "trace", *some).out.decode().splitlines()
    assert any(line.startswith("note: nobody recorded member ") for line in lines)
    assert any("came from boots that nobody recorded" in line for line in lines)
