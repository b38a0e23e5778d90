"""The bounds fit each other, and the frames that carry what they bound.  [SAFETY 28]"""

from hypothesis import given
from hypothesis import strategies as st

from gaios import api, transport
from gaios.db import bounds


@given(st.binary(max_size=50), st.none() | st.binary(max_size=50), *[st.integers(0, api.NUMBER_MAX)] * 3)
def test_a_record_takes_no_more_than_is_counted_for_it(key: bytes, value: bytes | None, version: int, create: int, mod: int) -> None:
    """Frames and buffers are sized by `RECORD_WIRE_BYTES`; a page's own head comes on top."""
    event = api.Event(key, value, version, create, mod)
    assert len(api.encode(event)) <= len(key) + len(value or b"") + bounds.RECORD_WIRE_BYTES
    assert event.type == ("delete" if value is None else "put")
    longest = api.Event(b"k" * 1_024, b"v" * api.VALUE_BYTES_MAX, *[api.NUMBER_MAX] * 3)
    assert len(api.encode(longest)) <= 1_024 + api.VALUE_BYTES_MAX + bounds.RECORD_WIRE_BYTES


def test_what_is_bounded_fits_a_frame() -> None:
    """A revision's events, a MultiOp's reply and a page each travel in one."""
    head = 64 + 2 * api.OPERATIONS_MAX * bounds.RECORD_WIRE_BYTES
    page = api.PAGE_BYTES_MAX + api.PAGE_ENTRIES_MAX * bounds.RECORD_WIRE_BYTES
    largest_entry = api.KEY_BYTES_MAX + api.VALUE_BYTES_MAX + bounds.RECORD_WIRE_BYTES
    for size in (bounds.CHANGE_BYTES_MAX, bounds.REPLY_BYTES_MAX, page, largest_entry, api.COMMAND_BYTES_MAX):
        assert size + head <= transport.CLIENT_BYTES_MAX


def test_no_command_within_the_limits_of_its_form_puts_too_much() -> None:
    """Only what a range reaches can meet the bounds on changes; a MultiOp of puts never does."""
    assert api.OPERATIONS_MAX <= bounds.CHANGES_MAX
    assert api.COMMAND_BYTES_MAX + api.OPERATIONS_MAX * bounds.RECORD_WIRE_BYTES <= bounds.CHANGE_BYTES_MAX


def test_history_is_a_part_of_the_whole() -> None:
    """What is live always has room beside what is past."""
    assert 2 * bounds.HISTORY_BYTES_MAX <= bounds.DATABASE_BYTES_MAX
