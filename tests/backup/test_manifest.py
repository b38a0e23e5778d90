"""Documents come back as they were, or not at all."""

import pytest

from gaios.backup.manifest import Entry, Head, Manifest, Piece, Proof, Snapshot, decode, encode, identifier, objects, seal_of, taken_ms_of
from gaios.errors import BackupDamaged

ENTRY = Entry(id="i", slot=3, chain="aa", epoch=1, time_ms=2, taken_ms=4, seal="s")
HEAD = Head(cell="c", generation=2, backups=[ENTRY])
SNAPSHOT = Snapshot(slot=2, chain="bb", epoch=1, digest="dd", size=9, closing="i/closing", chunks=["h/c/000000", "i/c/000001"])
MANIFEST = Manifest(
    id="i",
    cell="c",
    slot=3,
    chain="aa",
    epoch=1,
    time_ms=2,
    generation=0,
    taken_ms=4,
    software="0",
    machine=2,
    feature=1,
    snapshot=SNAPSHOT,
    log=[Piece(object="i/l/3", first=3, last=3, digest="ee")],
    proof=Proof(time_ms=4, slot=3, chain="aa", checksum=(1 << 64) - 1, digest="ff"),
)


def test_documents_come_back_as_they_were() -> None:
    """Numbers of 64 bits included."""
    assert decode(Head, encode(HEAD), "head") == HEAD
    assert decode(Manifest, encode(MANIFEST), "m") == MANIFEST
    assert HEAD.newest == ENTRY
    assert Head(cell="c").newest is None


@pytest.mark.parametrize("data", [encode(HEAD), encode(MANIFEST)])
def test_no_flipped_bit_is_believed(data: bytes) -> None:
    """In the body or in the seal."""

    def read(data: bytes) -> Head | Manifest:
        return decode(Head, data, "it") if is_head else decode(Manifest, data, "it")

    is_head = data == encode(HEAD)
    for at in range(len(data)):
        for bit in (1, 32):
            broken = data[:at] + bytes([data[at] ^ bit]) + data[at + 1 :]
            try:
                found = read(broken)
            except BackupDamaged:
                continue
            # A letter's case in the envelope's names, or the seal's own digits, is all that may change without being noticed.
            assert found == read(data)
    with pytest.raises(BackupDamaged):
        read(data[:-1])


def test_a_later_version_is_refused() -> None:
    """It is not guessed at."""
    later = Head(version=2, cell="c")
    with pytest.raises(BackupDamaged, match="format 2"):
        decode(Head, encode(later), "head")


def test_of_a_head_that_is_damaged_it_is_said_how_to_go_on_without_it() -> None:
    """Every command reads it first, the one that proves all backups, too."""
    for data in (b"", encode(HEAD)[:-2], encode(HEAD).replace(b'"cell":"', b'"cell":"x'), encode(Head(version=2, cell="c"))):
        with pytest.raises(BackupDamaged) as damaged:
            decode(Head, data, "head")
        assert "gaios snapshot verify" not in damaged.value.hint
        assert "bring that object back" in damaged.value.hint


def test_a_seal_tells_documents_apart() -> None:
    """The head names each manifest by it."""
    other = Head(cell="d")
    assert seal_of(encode(HEAD), "head") != seal_of(encode(other), "head")


def test_a_name_tells_the_slot_and_when_it_was_begun() -> None:
    """So cut-short uploads can be told from those that go on."""
    name = identifier(12, 1_700, "abcd")
    assert taken_ms_of(f"{name}/c/000001") == 1_700
    assert taken_ms_of("head") is None
    assert taken_ms_of("a-b-c/x") is None
    assert identifier(9, 5, "x") < identifier(10, 4, "x")


def test_a_backup_needs_what_it_took_over_too() -> None:
    """Wherever it stands."""
    assert objects(MANIFEST) == {"i/manifest", "i/closing", "h/c/000000", "i/c/000001", "i/l/3"}
