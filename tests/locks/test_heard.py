"""A charge's list of sessions."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gaios.errors import InvalidCommand
from gaios.lock_api import SESSIONS_MAX
from gaios.locks import heard
from gaios.locks.heard import encode as encode_heard
from tests.hostile import damaged


@given(st.sets(st.integers(1, (1 << 63) - 1)) | st.sets(st.integers(1, 300)))
def test_every_list_comes_back_as_it_went(sessions: set[int]) -> None:
    assert heard.decode(encode_heard(sorted(sessions))) == sorted(sessions)


@pytest.mark.parametrize(
    "bad",
    [
        b"\x00",
        b"\x05\x00",
        b"\x80",
        b"\x05\x80",
        b"\x80\x00",
        b"\x80" * 10 + b"\x01",
        encode_heard([1 << 63]),
        b"\x01" * (SESSIONS_MAX + 1),
    ],
    ids=["zero", "twice", "cut", "cut later", "long zero", "long", "no revision", "too many"],
)
def test_what_is_no_list_is_refused(bad: bytes) -> None:
    with pytest.raises(InvalidCommand):
        heard.decode(bad)


def test_hostile_lists_are_refused_or_rise() -> None:
    for data in damaged([encode_heard([5, 900, 901, 1 << 40])], seed=1, inputs=5_000):
        try:
            sessions = heard.decode(data)
        except InvalidCommand:
            continue
        assert sessions == sorted(set(sessions))
