"""Files are taken for what they are: recordings, torn at the end or not; anything else is named and refused."""

from pathlib import Path

import pytest

from gaios.errors import ConfigurationError
from gaios.log.recording import HEADER, HEADER_BYTES
from gaios.trace.files import Recording, find, frames


def first(directory: Path) -> Path:
    return min(directory.iterdir())


def test_a_torn_last_frame_is_where_a_recording_ends(copy: Path) -> None:
    """A process was killed while it wrote: what that frame tells of was not carried out."""
    path = first(copy)
    whole = list(frames(path))
    data = path.read_bytes()
    for cut in (1, 7, 9, 20):
        path.write_bytes(data[:-cut])
        assert list(frames(path)) == whole[:-1]
    for junk in (b"\1", b"\xff\0\0\0\0\0\0", b"\xff\0\0\0\0\0\0\0\0"):
        path.write_bytes(data + junk)
        assert list(frames(path)) == whole


def test_damage_in_the_middle_is_named_with_its_place(copy: Path) -> None:
    path = first(copy)
    data = bytearray(path.read_bytes())
    data[HEADER_BYTES + 40] ^= 1
    path.write_bytes(data)
    with pytest.raises(ConfigurationError, match=f"{path.name} is damaged: the frame at byte {HEADER_BYTES} is not"):
        list(frames(path))


def test_a_frame_that_no_process_wrote_is_refused(copy: Path) -> None:
    path = first(copy)
    path.write_bytes(HEADER + b"\xff\xff\xff\xff\0\0\0\0")
    with pytest.raises(ConfigurationError, match="a frame of 4294967295 bytes"):
        Recording.open(path)


def test_a_recording_knows_its_start_and_whether_it_is_whole(copy: Path) -> None:
    path = first(copy)
    recording = Recording.open(path)
    assert recording is not None
    assert recording.is_whole
    assert (recording.start.member, recording.start.boot, recording.name) == (1, 1, path.name)
    data = bytearray(path.read_bytes())
    data[9] = 1
    path.write_bytes(data)
    stopped = Recording.open(path)
    assert stopped is not None
    assert not stopped.is_whole


def test_a_process_that_ended_before_its_first_turn_recorded_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.trace").write_bytes(HEADER)
    assert Recording.open(tmp_path / "a.trace") is None


@pytest.mark.parametrize(
    ("data", "why"),
    [(b"", "does not begin like"), (b"something else altogether", "does not begin like"), (b"gaiosrec\2" + bytes(7), "has format 2")],
)
def test_what_is_no_recording_is_refused(tmp_path: Path, data: bytes, why: str) -> None:
    path = tmp_path / "x"
    path.write_bytes(data)
    with pytest.raises(ConfigurationError, match=why):
        Recording.open(path)


def test_a_recording_begins_with_a_start(copy: Path) -> None:
    path = first(copy)
    data = path.read_bytes()
    length = int.from_bytes(data[HEADER_BYTES : HEADER_BYTES + 4], "little")
    path.write_bytes(data[:HEADER_BYTES] + data[HEADER_BYTES + 8 + length :])
    with pytest.raises(ConfigurationError, match="does not begin with a start"):
        Recording.open(path)


def test_a_directory_stands_for_all_in_it(copy: Path, tmp_path: Path) -> None:
    assert find([str(copy)]) == sorted(copy.iterdir())
    with pytest.raises(ConfigurationError, match="there is no "):
        find([str(tmp_path / "absent")])
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigurationError, match="no recordings"):
        find([str(tmp_path / "empty")])
    with pytest.raises(ConfigurationError, match="is named twice"):
        find([str(copy), str(first(copy))])
    with pytest.raises(ConfigurationError, match="cannot read"):
        Recording.open(copy)
