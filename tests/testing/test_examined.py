"""A machine that breaks the rules of the seam is found out; one that keeps them is left alone."""

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import pytest

import gaios
from gaios import errors
from gaios.db import Database
from gaios.locks import LockService
from gaios.machine import Context, Machine
from gaios.testing.examined import Examined
from gaios.typed import encode
from tests.typed.bank import Balance, Bank, Deposit, Overdrawn, Withdraw


def at(slot: int) -> Context:
    return Context(slot, 0, 0, 65_537)


class Counter(Machine):
    """Sound; what is below is not."""

    def __init__(self) -> None:
        self.total = 0
        self.hidden = 0

    def validate(self, command: bytes) -> None: ...

    def apply(self, command: bytes, context: Context) -> tuple[bytes, Sequence[Any]]:
        self.total += int(command)
        return b"%d" % self.total, ()

    def query(self, question: bytes) -> bytes:
        return b"%d" % self.total

    def checksum(self) -> int:
        return self.total

    def snapshot(self) -> Iterator[bytes]:
        yield b"%d" % self.total

    def restore(self, chunks: Iterable[bytes]) -> None:
        self.total = int(b"".join(chunks))


class Half(Counter):
    def apply(self, command: bytes, context: Context) -> tuple[bytes, Sequence[Any]]:
        self.total += 1
        raise errors.InvalidCommand(reason="after it changed something")


class Peeks(Counter):
    def query(self, question: bytes) -> bytes:
        self.total += 1
        return b""


class Forgets(Counter):
    """What it counts besides is in no snapshot."""

    def apply(self, command: bytes, context: Context) -> tuple[bytes, Sequence[Any]]:
        self.hidden += 1
        return b"%d" % self.hidden, ()


class Wavers(Counter):
    """Its refusals differ."""

    def apply(self, command: bytes, context: Context) -> tuple[bytes, Sequence[Any]]:
        self.hidden += 1
        raise errors.InvalidCommand(reason=str(self.hidden))


class Unlike(Counter):
    """Its checksum is not that of its state."""

    def apply(self, command: bytes, context: Context) -> tuple[bytes, Sequence[Any]]:
        self.hidden += 1
        return super().apply(command, context)

    def checksum(self) -> int:
        return self.hidden


class Sorted(Bank):
    """Restored, its accounts have another order, which a reply can tell."""

    def restore(self, chunks: Iterable[bytes]) -> None:
        super().restore(chunks)
        self.state.balances = dict(sorted(self.state.balances.items()))


@pytest.mark.parametrize("make", [Counter, Bank, Database, LockService])
def test_a_sound_machine_passes(make: Callable[[], Machine]) -> None:
    examined = Examined(make)
    examined.begin_epoch(at(1))
    before = examined.checksum()
    examined.restore(list(examined.snapshot()))
    assert examined.checksum() == before
    with pytest.raises(errors.InvalidCommand):
        examined.apply_own(b"", at(2))


def test_what_it_says_is_what_its_machine_says() -> None:
    examined = Examined(Bank)
    examined.validate(encode(Deposit("alice", 5)))
    assert examined.apply(encode(Deposit("alice", 5)), at(1)) == (b"5", ())
    assert examined.query(encode(Balance("alice"))) == b"5"
    with pytest.raises(Overdrawn):
        examined.apply(encode(Withdraw("alice", 6)), at(2))
    with pytest.raises(errors.InvalidCommand):
        examined.query(b"")
    assert examined.revision == 2


def test_an_error_that_is_no_answer_is_handed_on() -> None:
    with pytest.raises(errors.ConfigurationError):
        Examined(Bank).apply(encode(gaios.Upgrade(2)), at(1))


@pytest.mark.parametrize(
    ("make", "rule"),
    [(Half, "a refused command changes nothing"), (Forgets, "goes on as"), (Wavers, "goes on as"), (Unlike, "goes on as")],
)
def test_a_command_that_breaks_a_rule_is_found_out(make: Callable[[], Machine], rule: str) -> None:
    examined = Examined(make)

    def thrice() -> None:
        for slot in (1, 2, 3):
            with contextlib.suppress(errors.InvalidCommand):
                examined.apply(b"1", at(slot))

    with pytest.raises(errors.InvariantViolated, match=rule):
        thrice()


def test_a_dict_that_a_snapshot_reorders_is_found_out() -> None:
    examined = Examined(Sorted)
    examined.apply(encode(Deposit("bob", 1)), at(1))
    examined.apply(encode(Deposit("carol", 1)), at(2))
    examined.apply(encode(Deposit("alice", 1)), at(3))
    with pytest.raises(errors.InvariantViolated, match="goes on as"):
        examined.apply(encode(Deposit("dora", 1)), at(4))


def test_a_query_that_changes_something_is_found_out() -> None:
    with pytest.raises(errors.InvariantViolated, match="a query changes nothing"):
        Examined(Peeks).query(b"")
