"""Whatever comes from the wire becomes a message of exact types and ranges, or a `ProtocolError`."""

import random
from typing import Any

import msgspec
import pytest

from gaios.errors import ProtocolError
from gaios.paxos import core
from gaios.paxos.codec import check_message

B = core.ROUND + 1
GOOD: dict[str, tuple[Any, ...]] = {
    "Prepare": (core.PREPARE, B, 1),
    "Promise": (core.PROMISE, B, 1, 3, {4: (B, b"x"), 5: (B, b"")}, {6: B}),
    "Accept": (core.ACCEPT, B, 1, 4, b"value"),
    "Accepted": (core.ACCEPTED, B, 1, 4),
    "Learn": (core.LEARN, B, 1, 4),
    "Fetch": (core.FETCH, 4),
    "Chosen": (core.CHOSEN, 4, B, b""),
    "Heartbeat": (core.HEARTBEAT, B, 1, 5, 700),
    "Grant": (core.GRANT, B, 1, 5, 700),
    "Release": (core.RELEASE, B, 1),
}
MAX = (1 << 63) - 1


def through_the_wire(message: tuple[Any, ...]) -> Any:
    """A message as it comes out of a MessagePack decoder."""
    return msgspec.msgpack.decode(msgspec.msgpack.encode(message))


def test_there_is_an_example_of_every_message() -> None:
    """The tests below cover all of them."""
    assert {message[0] for message in GOOD.values()} == core.MESSAGES


@pytest.mark.parametrize("name", GOOD)
def test_what_the_core_says_passes_unchanged(name: str) -> None:
    """As a list, as decoders make it, and as a tuple; both become the tuple."""
    assert check_message(through_the_wire(GOOD[name])) == GOOD[name]
    assert check_message(GOOD[name]) == GOOD[name]
    assert type(check_message(list(GOOD[name]))) is tuple


@pytest.mark.parametrize("name", GOOD)
def test_a_message_that_is_too_short_or_too_long_is_refused(name: str) -> None:
    """Fields are not guessed."""
    for wrong in (GOOD[name][:-1], (*GOOD[name], 0)):
        with pytest.raises(ProtocolError):
            check_message(list(wrong))


@pytest.mark.parametrize("name", GOOD)
@pytest.mark.parametrize("wrong", [-1, MAX + 1, True, 1.0, None, "text", [], {}, {1: -1}, float("nan"), 10**40], ids=repr)
def test_a_field_of_another_type_or_out_of_range_is_refused(name: str, wrong: object) -> None:
    """Each field is checked, and the error names it."""
    message = GOOD[name]
    for index in range(1, len(message)):
        if isinstance(message[index], dict) and isinstance(wrong, dict) and not wrong:
            continue
        with pytest.raises(ProtocolError, match=name):
            check_message([*message[:index], wrong, *message[index + 1 :]])


@pytest.mark.parametrize("field", [1, 3])
def test_the_highest_number_passes(field: int) -> None:
    """Numbers end at 2**63 - 1, which fits everybody's integers."""
    message = list(GOOD["Accepted"])
    message[field] = MAX
    assert check_message(message) == tuple(message)


@pytest.mark.parametrize("name", [name for name, message in GOOD.items() if B in message])
def test_ballot_0_is_never_said(name: str) -> None:
    """It means that there is none, and a map must not hold it."""
    with pytest.raises(ProtocolError, match="bal must be a number from 1"):
        check_message([0 if field == B else field for field in GOOD[name]])


@pytest.mark.parametrize(
    "report",
    [
        {4: [0, b"x"]}, {4: [B]}, {4: [B, b"x", 1]}, {4: [B, "x"]}, {4: B}, {-1: [B, b""]}, {"4": [B, b""]}, {True: [B, b""]},
        {slot: [B, b""] for slot in range(1, core.WINDOW + 2)}, [[4, B, b""]], None,
    ],
)  # fmt: skip
def test_a_malformed_report_is_refused(report: object) -> None:
    """The largest thing that a peer may send is bounded too.  [SAFETY 28]"""
    with pytest.raises(ProtocolError, match=r"Promise\.acc"):
        check_message([core.PROMISE, B, 1, 0, report, {}])


def test_a_report_shares_nothing_with_what_came() -> None:
    """A decoder may use its objects again."""
    raw: dict[int, Any] = {4: [B, b"x"]}
    message = check_message([core.PROMISE, B, 1, 0, raw, {}])
    raw[4][1] = b"y"
    raw[5] = [B, b""]
    assert message[4] == {4: (B, b"x")}


@pytest.mark.parametrize("nothing", [None, 5, b"", "", [], (), {}, [None], [[]], ["1"], [True, B, 1], [0], [-1], [10**30], [1.5]], ids=repr)
def test_what_is_no_message_is_refused(nothing: object) -> None:
    """Any object at all may be asked about."""
    with pytest.raises(ProtocolError):
        check_message(nothing)


@pytest.mark.parametrize("tag", sorted(set(range(1, len(core.EVENT_NAMES))) - core.MESSAGES))
def test_an_input_is_not_taken_from_the_wire(tag: int) -> None:
    """Nobody else may make this replica campaign, propose or truncate."""
    with pytest.raises(ProtocolError):
        check_message([tag, B])


def test_only_protocol_errors_leave_it() -> None:
    """A hundred thousand malformed messages, from a pinned seed; those that pass are messages again."""
    dice = random.Random(1)
    atoms: list[Any] = [0, 1, -1, B, MAX, MAX + 1, True, None, 1.5, b"", b"x", "x", [], {}, [B, b"x"], {4: [B, b"x"]}, {4: B}, {4: 4}]
    good = [list(message) for message in GOOD.values()]
    passed = 0
    for _ in range(100_000):
        message = list(dice.choice(good))
        for _ in range(dice.randint(1, 2)):
            index = dice.randrange(len(message) + 1)
            message[index : index + dice.randint(0, 1)] = [dice.choice(atoms)]
        try:
            checked = check_message(message)
        except ProtocolError:
            continue
        assert checked == tuple(check_message(list(checked)))
        passed += 1
    assert 0 < passed < 50_000
