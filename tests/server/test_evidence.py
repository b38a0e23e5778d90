"""What is kept of a wrong state: whole, bounded, and never in anybody's way."""

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from gaios.errors import ProtocolError
from gaios.log import Evidence
from gaios.server import evidence

CHUNKS = [b"first", b"x" * 70_000, b""]


def found(name: str = "slot-7-boot-1-1", chunks: list[bytes] | None = None) -> Evidence:
    return Evidence(name, {"slot": 7, "ring": [[7, b"c", 1, 2]]}, iter(CHUNKS if chunks is None else chunks))


def keep(where: Path, what: Evidence, **bounds: int) -> list[tuple[str, str]]:
    said: list[tuple[str, str]] = []
    evidence.keep(where, what, lambda event, why: said.append((event, why)), **bounds)
    return said


def test_what_was_kept_can_be_read_again(tmp_path: Path) -> None:
    path = tmp_path / "evidence" / "slot-7-boot-1-1.evidence"
    assert keep(tmp_path, found()) == [("evidence_kept", str(path))]
    head, chunks = evidence.read(path)
    assert head == {"slot": 7, "ring": [[7, b"c", 1, 2]]}
    assert list(chunks) == CHUNKS
    assert path.stat().st_mode & 0o077 == 0


def test_a_thread_of_its_own_keeps_it(tmp_path: Path) -> None:
    said: list[str] = []
    evidence.keep_aside(tmp_path, found(), lambda event, _: said.append(event)).join()
    assert said == ["evidence_kept"]


def test_only_the_newest_are_kept(tmp_path: Path) -> None:
    for number in range(evidence.FILES_MAX + 3):
        keep(tmp_path, found(f"slot-{number}-boot-1-1"))
    names = {path.name for path in (tmp_path / "evidence").iterdir()}
    assert len(names) == evidence.FILES_MAX
    assert f"slot-{evidence.FILES_MAX + 2}-boot-1-1.evidence" in names


def test_none_is_larger_than_its_bound(tmp_path: Path) -> None:
    keep(tmp_path, found(), bytes_max=100)
    _, chunks = evidence.read(tmp_path / "evidence" / "slot-7-boot-1-1.evidence")
    assert list(chunks) == [b"first"]


def test_what_cannot_be_kept_is_said_and_harms_nobody(tmp_path: Path) -> None:
    def broken() -> Iterator[bytes]:
        yield b"x"
        raise ValueError("this state cannot be encoded")

    ((event, why),) = keep(tmp_path, Evidence("slot-7-boot-1-1", {}, broken()))
    assert event == "evidence_not_kept"
    assert "cannot be encoded" in why
    (tmp_path / "full").write_bytes(b"")
    ((event, _),) = keep(tmp_path / "full", found())
    assert event == "evidence_not_kept"


def test_what_was_not_kept_takes_no_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It shares the disk with the log: a part of it that a full disk, or a killed process, left would keep that full."""

    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        ((event, why),) = keep(tmp_path, found())
    assert event == "evidence_not_kept"
    assert "No space left" in why
    assert list((tmp_path / "evidence").iterdir()) == []
    (tmp_path / "evidence" / "slot-6-boot-1-1.evidence.new").write_bytes(b"begun")
    for number in range(evidence.FILES_MAX):
        keep(tmp_path, found(f"slot-{number}-boot-2-1"))
    assert len(list((tmp_path / "evidence").iterdir())) == evidence.FILES_MAX
    assert not list((tmp_path / "evidence").glob("*.new"))


@pytest.mark.parametrize("damage", [0, 9, 13, 30, -1])
def test_a_damaged_file_is_refused(tmp_path: Path, damage: int) -> None:
    keep(tmp_path, found())
    path = tmp_path / "evidence" / "slot-7-boot-1-1.evidence"
    data = bytearray(path.read_bytes())
    data[damage] ^= 1
    path.write_bytes(data)
    with pytest.raises(ProtocolError, match=r"evidence|damaged"):
        list(evidence.read(path)[1])


def test_a_file_that_ends_early_is_refused(tmp_path: Path) -> None:
    keep(tmp_path, found())
    path = tmp_path / "evidence" / "slot-7-boot-1-1.evidence"
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(ProtocolError, match="ends before its end"):
        list(evidence.read(path)[1])
