"""Entries and batches are bytes that nobody re-encodes, and no bytes confuse their decoder.  [SAFETY 17, 19]"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gaios import entry
from gaios.errors import InvalidCommand, ProtocolError
from tests.hostile import INPUTS, damaged

U32 = st.integers(0, 2**32 - 1)
U64 = st.integers(0, 2**64 - 1)
IDENTITIES = st.builds(entry.Identity, U64, U32)
ENTRIES = st.builds(entry.Entry, st.integers(0, 255), IDENTITIES, U64, U64, st.binary(max_size=200), st.integers(0, 2**48 - 1))
COMMAND = entry.encode(entry.Kind.COMMAND, entry.Identity(7, 1), 3, 2, b"put")


@given(st.lists(ENTRIES, max_size=5), U64)
def test_a_batch_gives_back_its_entries(batch: list[entry.Entry], time_ms: int) -> None:
    """In order, byte for byte, also of kinds that this version does not know: to stop is not the decoder's business."""
    value = entry.batch([entry.bind(entry.encode(*each[:5]), each.reign) for each in batch], time_ms)
    assert list(entry.entries(value)) == batch
    assert entry.batch_time_ms(value) == time_ms


def test_a_no_op_holds_nothing() -> None:
    """A gap that a new master filled applies nothing.  [PML §4.2]"""
    assert list(entry.entries(entry.NOOP)) == []
    assert entry.batch_time_ms(entry.NOOP) == 0


@given(st.binary(max_size=200))
def test_random_bytes_are_a_typed_error(data: bytes) -> None:
    """A decoder of untrusted bytes knows two outcomes."""
    try:
        list(entry.entries(data))
    except ProtocolError as error:
        assert error.reason  # noqa: PT017 (either outcome is right; nothing else is)
    try:
        entry.check_submitted(data)
    except InvalidCommand as error:
        assert error.reason  # noqa: PT017 (as above)


@given(st.data())
def test_a_damaged_entry_is_an_entry_or_a_typed_error(data: st.DataObject) -> None:
    """Every byte of the header may be wrong."""
    bad = bytearray(COMMAND)
    bad[data.draw(st.integers(0, len(bad) - 1))] = data.draw(st.integers(0, 255))
    try:
        entry.check_submitted(bytes(bad))
    except InvalidCommand as error:
        assert error.reason  # noqa: PT017 (as above)


@pytest.mark.parametrize("cut", range(len(COMMAND)))
def test_a_truncated_entry_is_refused(cut: int) -> None:
    """Whatever its length."""
    with pytest.raises(InvalidCommand):
        entry.check_submitted(COMMAND[:cut])
    with pytest.raises(ProtocolError):
        list(entry.entries(entry.batch([COMMAND[:cut]], 0)))


def test_a_client_may_not_open_an_epoch() -> None:
    """Only a master's own value may.  [SAFETY 14]"""
    with pytest.raises(InvalidCommand, match="kind 3"):
        entry.check_submitted(entry.epoch(65537))


def test_bytes_behind_the_entry_are_refused() -> None:
    """A second entry must not hide behind a checked one."""
    with pytest.raises(InvalidCommand, match="follow"):
        entry.check_submitted(COMMAND + COMMAND)
    with pytest.raises(ProtocolError, match="follow"):
        list(entry.entries(entry.batch([COMMAND], 0) + b"x"))


def test_a_sequence_that_is_acknowledged_is_refused() -> None:
    """A client that says it saw the answer does not ask again."""
    with pytest.raises(InvalidCommand, match="not above"):
        entry.check_submitted(entry.encode(entry.Kind.COMMAND, entry.Identity(7, 1), 2, 2, b""))


def test_an_unknown_format_is_refused_before_its_length_is_believed() -> None:
    """A later version's bytes must not be read with this version's layout."""
    with pytest.raises(InvalidCommand, match="format 2"):
        entry.check_submitted(b"\x02" + COMMAND[1:])
    with pytest.raises(ProtocolError, match="format 9"):
        list(entry.entries(b"\x09" + entry.batch([COMMAND], 0)[1:]))


def test_sizes_are_what_the_drawing_says() -> None:
    """The layout in the module's docstring is a promise to files on disk."""
    assert entry.BATCH_HEADER_BYTES == 16
    assert entry.ENTRY_HEADER_BYTES == 40
    assert entry.check_submitted(entry.register()) == entry.Entry(entry.Kind.REGISTER, entry.NOBODY, 0, 0, b"")
    assert entry.entries(entry.batch([entry.epoch(65537)], 1))[0].identity.slot == 65537


def test_hostile_bytes_are_entries_or_a_typed_error() -> None:
    """A client's entry, a peer's batch: 100,000 of each, damaged."""
    good = [COMMAND, entry.register(), entry.epoch(65537), entry.encode(entry.Kind.COMMAND, entry.Identity(1, 0), 1, 0, b"x" * 40)]
    refused = 0
    for data in damaged(good, seed=7):
        try:
            entry.check_submitted(data)
        except InvalidCommand:
            refused += 1
    assert INPUTS // 4 < refused < INPUTS
    refused = 0
    for data in damaged([entry.batch(good, 5), entry.batch([], 0), entry.batch([COMMAND], 1 << 60)], seed=8):
        try:
            entry.batch_time_ms(data)
            list(entry.entries(data))
        except ProtocolError:
            refused += 1
    assert INPUTS // 4 < refused < INPUTS


def test_bits_of_a_later_version_are_refused() -> None:
    """What is zero today may mean something tomorrow: better an error than a silent guess."""
    for place in (1, 2, 3):
        value = entry.batch([COMMAND], 0)
        with pytest.raises(ProtocolError, match="bits"):
            list(entry.entries(value[:place] + b"\x01" + value[place + 1 :]))


@given(st.integers(1, 2**48 - 1))
def test_a_master_binds_an_entry_to_its_reign_and_changes_nothing_else(ballot: int) -> None:
    """[PML §5.3]"""
    bound = entry.bind(COMMAND, ballot)
    (found,) = entry.entries(entry.batch([bound], 0))
    assert found == entry.check_submitted(COMMAND)._replace(reign=ballot)
    with pytest.raises(InvalidCommand, match="no reign"):
        entry.check_submitted(bound)


def test_a_registration_carries_nothing() -> None:
    """What is not looked at must not be kept by five disks."""
    with pytest.raises(InvalidCommand, match="nothing"):
        entry.check_submitted(entry.encode(entry.Kind.REGISTER, entry.NOBODY, 0, 0, b"x"))
    with pytest.raises(InvalidCommand, match="nothing"):
        entry.check_submitted(entry.encode(entry.Kind.REGISTER, entry.Identity(1, 1), 0, 0, b""))


def test_a_time_is_read_from_a_batch_only() -> None:
    """Bytes that are no batch have no time."""
    for data in (b"\x01", b"\x02" * 16):
        with pytest.raises(ProtocolError):
            entry.batch_time_ms(data)


def test_a_client_may_not_speak_for_a_master() -> None:
    """[SAFETY 14] Whatever ballot it names."""
    with pytest.raises(InvalidCommand, match="kind 4"):
        entry.check_submitted(entry.master(65_537, b"charge"))


def test_a_check_is_a_masters_own_and_no_client_sends_one() -> None:
    data = entry.check(5 << 16 | 2)
    (found,) = entry.entries(entry.batch([data], 7))
    assert found == (entry.Kind.CHECK, (5 << 16 | 2, 0), 0, 0, b"", 0)
    with pytest.raises(InvalidCommand, match="kind 7"):
        entry.check_submitted(data)
