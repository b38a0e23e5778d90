"""A guarded file is whole, and never goes back to an older holder: not beside others, not after a crash or a power cut."""

import fcntl
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from gaios.errors import Fenced, InvalidToken, ProtocolError
from gaios.fencing import file
from gaios.fencing.file import FencedFile
from gaios.fencing.token import Token
from tests.fencing.mutants import bites, mutant, never_decreases
from tests.fencing.powercut import Crash, Disk

OLD, NEW = Token(0, 812), Token(1, 4)
WAIT_S = 60.0


def old_after_new_is_refused(place: Path, module: Any) -> None:
    """The claim, as a function: it has to fail of a mutant."""
    place.mkdir()
    path = place / "state"
    module.FencedFile(path).write(OLD, b"one")
    module.FencedFile(path).write(NEW, b"two")
    with pytest.raises(Fenced) as refused:
        module.FencedFile(path).write(OLD, b"three")
    assert (refused.value.what, refused.value.seen, refused.value.given) == (str(path), "1.4", "0.812")
    with pytest.raises(Fenced):
        module.FencedFile(path).claim(OLD)
    assert path.read_bytes() == b"two"
    module.FencedFile(path).write(NEW, b"four")
    assert path.read_bytes() == b"four"


def test_an_old_token_after_a_newer_one_is_refused_and_nothing_changed(tmp_path: Path) -> None:
    """[SAFETY 23]; an equal token is one holder's next change."""
    old_after_new_is_refused(tmp_path / "place", file)


@pytest.mark.parametrize("broken", ["given > seen", "given == seen", "False"])
def test_a_file_that_compares_wrongly_is_noticed(tmp_path: Path, broken: str) -> None:
    with bites():
        old_after_new_is_refused(tmp_path / "place", mutant(file, "given < seen", broken))


# ---------------------------------------------------------------------------------------------------------- many at once


HOLDER = """
import sys
from gaios.errors import Fenced
from gaios.fencing.file import FencedFile
path, number = sys.argv[1:]
done = 0
try:
    for _ in range(20):
        FencedFile(path).update(f"0.{number}", lambda contents: (contents or b"") + f"0.{number}\\n".encode())
        done += 1
except Fenced:
    pass
print(done)
"""


def test_many_processes_at_once_never_go_back(tmp_path: Path) -> None:
    """No update is lost, none is done twice, and tokens only grow."""
    path = tmp_path / "state"
    command = [sys.executable, "-c", HOLDER, str(path)]
    holders = [subprocess.Popen([*command, str(number)], stdout=subprocess.PIPE, text=True) for number in range(1, 5)]
    done = sum(int(holder.communicate(timeout=WAIT_S)[0]) for holder in holders)
    kept = path.read_text().split()
    assert len(kept) == done
    never_decreases(kept, Token.parse)
    assert kept[-20:] == ["0.4"] * 20
    assert FencedFile(path).seen() == Token(0, 4)


def looks_and_changes_in_one_step(path: Path, module: Any) -> None:
    """Threads that update at once lose nothing."""
    start = threading.Barrier(4)

    def holder(_: int) -> None:
        start.wait(WAIT_S)
        for _ in range(25):
            module.FencedFile(path).update(NEW, lambda contents: b"%d" % (int(contents or 0) + 1))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(holder, range(4)))
    assert path.read_bytes() == b"100"


def test_threads_take_turns(tmp_path: Path) -> None:
    """A lock of the process would not be one between two descriptors."""
    looks_and_changes_in_one_step(tmp_path / "state", file)


def test_an_old_holder_waits_for_the_new_one_and_is_refused(tmp_path: Path) -> None:
    """Rule 1: the new holder is in the middle of its change when the old one comes."""
    guarded = FencedFile(tmp_path / "state")
    entered, go_on = threading.Event(), threading.Event()

    def change(_: bytes | None) -> bytes:
        entered.set()
        assert go_on.wait(WAIT_S)
        return b"new"

    with ThreadPoolExecutor(2) as pool:
        new = pool.submit(guarded.update, NEW, change)
        assert entered.wait(WAIT_S)
        old = pool.submit(guarded.write, OLD, b"old")
        go_on.set()
        assert new.result(WAIT_S) == b"new"
        assert isinstance(old.exception(WAIT_S), Fenced)
    assert guarded.read() == b"new"


def waits(lock: Path) -> bool:
    """Does somebody wait for that lock? The kernel tells."""
    blocked = (line.split() for line in Path("/proc/locks").read_text().splitlines() if "->" in line)
    return any(words[6].endswith(f":{lock.stat().st_ino}") for words in blocked)


@pytest.mark.parametrize("anew", [False, True], ids=["deleted", "made anew"])
def test_a_lock_file_that_is_not_the_one_excludes_nobody(tmp_path: Path, *, anew: bool) -> None:
    """Whoever waited for it takes the new one."""
    guarded = FencedFile(tmp_path / "state")
    entered, go_on = threading.Event(), threading.Event()

    def change(_: bytes | None) -> bytes:
        entered.set()
        assert go_on.wait(WAIT_S)
        return b"first"

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(guarded.update, OLD, change)
        assert entered.wait(WAIT_S)
        second = pool.submit(guarded.update, OLD, lambda contents: (contents or b"") + b" second")
        lock = tmp_path / "state.lock"
        deadline = time.monotonic() + WAIT_S
        while not waits(lock):
            assert time.monotonic() < deadline
            time.sleep(0.005)
        lock.unlink()
        if anew:
            lock.touch()
        go_on.set()
        assert first.result(WAIT_S) == b"first"
        assert second.result(WAIT_S) == b"first second"
    guarded.write(NEW, b"third")
    assert guarded.read() == b"third"


# ------------------------------------------------------------------------------------------------ crashes and power cuts


CONTENTS_SYNC = "            os.fsync(descriptor)\n"
TOKEN_SYNC = "        # Also for a token that was there: who wrote it may have died before this.\n        os.fsync(directory)\n"
RAISE = "            self._raise_to(directory, given)\n"
REPLACE = "            contents = change(self.read())\n            self._replace(self.path, contents)\n"
LAST_SYNC = "            self._replace(self.path, contents)\n            os.fsync(directory)\n"


@pytest.fixture
def instant_sync(monkeypatch: pytest.MonkeyPatch) -> None:
    """`Disk` knows what is durable; the real disk need not."""
    monkeypatch.setattr(os, "fsync", lambda _: None)


def survives(place: Path, module: Any) -> int:
    """A write that crashes before any call, done again by the next process; after either, the power may fail at any moment.

    Returns how many directories were looked at.
    """
    looked = 0
    crash_before = 1
    crashed = True
    while crashed:
        directory = place / str(crash_before)
        directory.mkdir(parents=True)
        FencedFile(directory / "state").write(OLD, b"old contents")
        disk = Disk(directory)
        module.os = disk
        disk.crash_before = crash_before
        try:
            module.FencedFile(directory / "state").write(NEW, b"new contents")
            crashed = False
        except Crash:
            crashed = True
        disk.crash_before = None
        looked += check(disk.cuts, place / "cut")
        disk.cuts.clear()
        module.FencedFile(directory / "state").write(NEW, b"new contents")
        looked += check(disk.cuts, place / "cut")
        # It has returned: whatever happens now, the change is there.
        for names in disk.outcomes():
            assert names["state"] == b"new contents", names
            assert names["state.fence"] == b"1.4\n", names
        crash_before += 1
    return looked


def check(cuts: list[dict[str, bytes]], place: Path) -> int:
    """Each is a directory in which the file is whole, and its token as new as it."""
    different = {tuple(sorted(names.items())) for names in cuts}
    for names in different:
        place.mkdir(exist_ok=True)
        for path in place.iterdir():
            path.unlink()
        for name, contents in names:
            (place / name).write_bytes(contents)
        guarded = FencedFile(place / "state")
        kept, seen = guarded.read(), guarded.seen()
        assert kept in {b"old contents", b"new contents"}, names
        assert seen is not None, names
        assert seen == NEW or kept == b"old contents", f"the new contents came with {seen}: {names}"
        if seen == NEW:
            with pytest.raises(Fenced):
                guarded.write(OLD, b"older contents")
        guarded.write(NEW, b"newest contents")
        assert guarded.read() == b"newest contents"
    return len(different)


@pytest.mark.usefixtures("instant_sync")
def test_a_crash_or_a_power_cut_at_any_call_leaves_a_whole_file_and_its_token(tmp_path: Path) -> None:
    """Rules 2 to 4."""
    planted = mutant(file, REPLACE, REPLACE)
    assert survives(tmp_path, planted) > 20


@pytest.mark.usefixtures("instant_sync")
@pytest.mark.parametrize(
    ("sound", "broken"),
    [
        (CONTENTS_SYNC, ""),
        (TOKEN_SYNC, ""),
        (TOKEN_SYNC, "        if given != seen:\n            os.fsync(directory)\n"),
        (LAST_SYNC, "            self._replace(self.path, contents)\n"),
        (RAISE + REPLACE, REPLACE + RAISE),
        ("        os.replace(new, path)", "        path.write_bytes(contents)"),
        ("        while left:\n", "        if left:\n"),
    ],
    ids=[
        "contents unsynced",
        "token unsynced",
        "token of the dead unsynced",
        "end unsynced",
        "contents first",
        "not renamed",
        "half written",
    ],
)
def test_a_step_that_is_left_out_is_noticed(tmp_path: Path, sound: str, broken: str) -> None:
    """Each sync and the order are needed."""
    with bites():
        survives(tmp_path, mutant(file, sound, broken))


FOREVER = """
import sys
from gaios.fencing.file import FencedFile
number = int(sys.argv[2])
while True:
    number += 1
    FencedFile(sys.argv[1]).write(f"0.{number}", b"%d\\n" % number * 20_000)
"""


def test_a_process_that_is_killed_leaves_a_whole_file(tmp_path: Path) -> None:
    """The same with a real process and kill -9, wherever it just was."""
    path = tmp_path / "state"
    number = 0
    for _ in range(3):
        holder = subprocess.Popen([sys.executable, "-c", FOREVER, str(path), str(number)])
        deadline = time.monotonic() + WAIT_S
        while (seen := FencedFile(path).seen()) is None or seen.revision < number + 3:
            assert time.monotonic() < deadline
            assert holder.poll() is None
            time.sleep(0.005)
        holder.send_signal(signal.SIGKILL)
        holder.wait()
        contents = FencedFile(path).read()
        assert contents is not None
        written = int(contents.split(b"\n", 1)[0])
        assert contents == b"%d\n" % written * 20_000
        newest = FencedFile(path).seen()
        assert newest is not None
        assert newest.revision - 1 <= written <= newest.revision
        number = newest.revision


# ----------------------------------------------------------------------------------------------------- the rest of it


def test_a_claim_changes_no_contents_and_locks_the_older_out(tmp_path: Path) -> None:
    """A new holder claims before it reads; what the old one still had under way comes too late."""
    guarded = FencedFile(tmp_path / "state")
    assert guarded.read() is None
    assert guarded.seen() is None
    guarded.claim(NEW)
    assert guarded.read() is None
    assert guarded.seen() == NEW
    with pytest.raises(Fenced):
        guarded.write(OLD, b"late")
    assert guarded.read() is None


def test_a_file_that_was_there_before_is_adopted(tmp_path: Path) -> None:
    """Its permissions stay."""
    path = tmp_path / "state"
    path.write_bytes(b"before")
    path.chmod(0o640)
    assert FencedFile(path).update("0.1", lambda contents: (contents or b"") + b" after") == b"before after"
    assert path.read_bytes() == b"before after"
    assert path.stat().st_mode & 0o777 == 0o640


def test_two_names_of_a_file_share_its_token(tmp_path: Path) -> None:
    """A symbolic link is no way around the guard, and stays one."""
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real" / "state")
    FencedFile(tmp_path / "link").write(NEW, b"new")
    assert (tmp_path / "link").is_symlink()
    with pytest.raises(Fenced):
        FencedFile(tmp_path / "real" / "state").write(OLD, b"old")


def test_a_change_that_raises_leaves_the_file_as_it_is(tmp_path: Path) -> None:
    guarded = FencedFile(tmp_path / "state")
    guarded.write(OLD, b"old")
    with pytest.raises(ZeroDivisionError):
        guarded.update(OLD, lambda _: b"%d" % (1 // 0))
    assert guarded.read() == b"old"
    guarded.write(OLD, b"free again")
    assert not list(tmp_path.glob("*.new"))


@pytest.mark.parametrize("damage", [b"", b"\n", b"1\n", b"x" * 1000, b"1.4", b"\xff\xfe", b"1.4\n1.5\n"])
def test_a_damaged_token_lets_nobody_in(tmp_path: Path, damage: bytes) -> None:
    """No token would be older than any."""
    guarded = FencedFile(tmp_path / "state")
    guarded.write(NEW, b"new")
    (tmp_path / "state.fence").write_bytes(damage)
    if damage == b"1.4":
        assert guarded.seen() == NEW
        return
    with pytest.raises(ProtocolError, match=r"state\.fence is damaged"):
        guarded.write(NEW, b"newer")
    assert guarded.read() == b"new"


def test_a_wait_that_is_interrupted_leaves_nothing_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A signal may end it."""

    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    planted = mutant(file, REPLACE, REPLACE)
    planted.os = Disk(tmp_path)
    monkeypatch.setattr(fcntl, "flock", interrupted)
    with pytest.raises(KeyboardInterrupt):
        planted.FencedFile(tmp_path / "state").write(NEW, b"")
    assert not planted.os.descriptors


def test_what_is_no_token_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidToken):
        FencedFile(tmp_path / "state").write("newest", b"")
    assert not list(tmp_path.iterdir())


def test_a_directory_that_is_not_there_is_the_callers_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        FencedFile(tmp_path / "missing" / "state").write(NEW, b"")
