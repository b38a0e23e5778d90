"""The file of a recording: there before anything is said, bounded, and never in the replica's way."""

import os
from pathlib import Path

import pytest

from gaios.errors import ConfigurationError
from gaios.log.recording import HEADER, Done, Frame, encode_frame
from gaios.server.recorder import Recorder, check_empty, of_this_machine
from gaios.trace.files import frames

NONCE = 0x89ABCDEF01234567
FRAME = Frame(1, 2, 3, [Done(3)], [7])


def recorder(directory: Path, told: list[str], **more: int) -> Recorder:
    return Recorder(directory, clock="c", true_ns=lambda now: now, stopped=told.append, **more)


@pytest.fixture
def told() -> list[str]:
    """Why recordings were stopped."""
    return []


def test_a_frame_is_in_the_file_when_put_returns(tmp_path: Path, told: list[str]) -> None:
    """A process that is killed right after has said nothing that is not there."""
    made = recorder(tmp_path / "new" / "one", told)
    made.begin(3, 7, NONCE)
    path = tmp_path / "new" / "one" / "member-3-boot-7-89abcdef01234567.trace"
    assert path.read_bytes() == HEADER
    made.put(FRAME)
    assert list(frames(path)) == [FRAME]
    made.put(FRAME)
    assert list(frames(path)) == [FRAME, FRAME]
    made.close()
    made.put(FRAME)
    assert list(frames(path)) == [FRAME, FRAME]
    assert not told


def test_the_recordings_of_a_member_have_one_bound_together(tmp_path: Path, told: list[str]) -> None:
    """Crash loops do not fill a disk; other members have bounds of their own."""
    size = len(HEADER) + 2 * len(encode_frame(FRAME))
    for boot in (1, 2, 3):
        made = recorder(tmp_path, told, bytes_max=size)
        made.begin(3, boot, NONCE)
        made.put(FRAME)
        made.put(FRAME)
        made.put(FRAME)
        made.close()
    assert told == 3 * [f"this member's recordings have reached {size} bytes"]
    told.clear()
    first, *_, last = sorted(tmp_path.iterdir())
    assert first.read_bytes()[9] == last.read_bytes()[9] == 1, "marked as stopped"
    assert len(list(frames(first))) > len(list(frames(last))) == 0
    made = recorder(tmp_path, told, bytes_max=size)
    made.begin(4, 1, NONCE)
    made.put(FRAME)
    assert not told


def test_a_recording_that_cannot_be_written_stops_and_says_so(tmp_path: Path, told: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    made = recorder(tmp_path, told)
    made.begin(3, 1, NONCE)
    made.put(FRAME)

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        made.put(FRAME)
        made.put(FRAME)
    (path,) = tmp_path.iterdir()
    assert told == ["No space left on device"]
    assert path.read_bytes()[9] == 1
    assert list(frames(path)) == [FRAME]


def test_a_frame_that_is_cut_short_stops_the_recording(tmp_path: Path, told: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    made = recorder(tmp_path, told)
    made.begin(3, 1, NONCE)
    monkeypatch.setattr(os, "write", lambda *_: 3)
    made.put(FRAME)
    assert told == ["the disk is full"]


def test_a_file_that_cannot_be_made_is_told_and_harms_nothing(tmp_path: Path, told: list[str]) -> None:
    for _ in range(2):
        made = recorder(tmp_path, told)
        made.begin(3, 1, NONCE)
        made.put(FRAME)
    assert len(told) == 1
    assert told[0].startswith("File exists: ")


def test_a_directory_that_cannot_be_made_is_wrong_configuration(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match="cannot record into"):
        recorder(tmp_path / "file" / "inside", [])


def test_recordings_of_two_runs_are_kept_apart(tmp_path: Path) -> None:
    check_empty(tmp_path)
    check_empty(tmp_path / "absent")
    (tmp_path / "a.trace").touch()
    with pytest.raises(ConfigurationError, match="there are recordings in"):
        check_empty(tmp_path)


def test_replicas_of_one_machine_name_the_same_clock(tmp_path: Path) -> None:
    one, other = (of_this_machine(str(tmp_path), print) for _ in range(2))
    assert one.clock == other.clock != ""
