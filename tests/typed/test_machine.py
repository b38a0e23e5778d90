"""The typed machine: commands in, replies out, and a state that is the same everywhere."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import gaios
from gaios import errors, machine
from gaios.machine import Context
from gaios.typed import Command, Machine, decode_reply, encode
from gaios.typed.machine import CHUNK_BYTES
from tests.typed.bank import Balance, Bank, Close, Deposit, First, NewBank, Overdrawn, Withdraw


def at(slot: int) -> Context:
    return Context(slot, 0, 1_000 + slot, 65_537)


def tell(bank: Machine, command: Command[Any], slot: int = 1) -> Any:
    data = encode(command)
    bank.validate(data)
    reply, effects = bank.apply(data, at(slot))
    assert effects == ()
    return decode_reply(command, reply)


def ask(bank: Machine, question: gaios.Query[Any]) -> Any:
    return decode_reply(question, bank.query(encode(question)))


def test_commands_reach_their_handlers_and_replies_come_back_typed() -> None:
    bank = Bank()
    assert tell(bank, Deposit("alice", 5)) == 5
    assert tell(bank, Deposit("alice", 10**30), 7) == 10**30 + 5
    assert ask(bank, Balance("alice")) == 10**30 + 5
    assert ask(bank, Balance("nobody")) is None
    assert bank.state.last_ms == 1_007
    assert Bank().state.balances == {}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "no command ''"),
        (b"\x80", "no command ''"),
        (b'["Depose","alice",5]', "no command 'Depose'"),
        (b'["Balance","alice"]', "no command 'Balance'"),
        (b'["Deposit","alice"]', "no Deposit: "),
        (b'["Deposit","alice",5,6]', "no Deposit: "),
        (b'["Deposit","alice",5.0]', "no Deposit: "),
        (b'["Deposit","alice","5"]', "no Deposit: "),
        (b'["Deposit","\\ud800",5]', "no Deposit: "),
        (b'["Deposit","\xff",5]', "no Deposit: "),
        (b'["Deposit","alice",5]x', "no Deposit: "),
        (b'["Deposit", "alice", 5]', "another way"),
        (b'["Deposit","al\\u0069ce",5]', "another way"),
        (b'["Deposit",' + b"[" * 100_000, "no Deposit"),
        (b'["Deposit","alice",0]', "an amount is 1 or more"),
    ],
)
def test_bad_bytes_are_refused_before_and_after_they_are_proposed(data: bytes, message: str) -> None:
    """[SAFETY 17] After, in words of ours alone: the refusal is an answer that all replicas remember."""
    bank = Bank()
    with pytest.raises(errors.InvalidCommand, match=message):
        bank.validate(data)
    before = list(bank.snapshot())
    with pytest.raises(errors.InvalidCommand) as refused:
        bank.apply(data, at(1))
    assert "Expected" not in str(refused.value)
    assert "Input" not in str(refused.value)
    assert list(bank.snapshot()) == before
    with pytest.raises(errors.InvalidCommand, match="no query"):
        bank.query(data.replace(b"Balance", b"Balances"))


def test_a_refusal_is_an_answer() -> None:
    bank = Bank()
    tell(bank, Deposit("alice", 5))
    before = bank.checksum()
    with pytest.raises(Overdrawn, match="has 5, not 6"):
        tell(bank, Withdraw("alice", 6))
    assert bank.checksum() == before


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 9))), st.lists(st.tuples(st.sampled_from("abcd"), st.integers(1, 9))))
def test_a_restored_machine_goes_on_as_the_one_that_was_saved(before: list[tuple[str, int]], after: list[tuple[str, int]]) -> None:
    """The order of a dict included, for a handler can see it."""
    bank, other = NewBank(), NewBank()
    for account, amount in before:
        tell(bank, Deposit(account, amount))
    tell(bank, gaios.Upgrade(2))
    if before:
        tell(bank, Close(before[0][0]))
    other.restore(bank.snapshot())
    for account, amount in after:
        assert tell(bank, Deposit(account, amount)) == tell(other, Deposit(account, amount))
    assert ask(bank, First()) == ask(other, First())
    assert b"".join(bank.snapshot()) == b"".join(other.snapshot())
    assert bank.checksum() == other.checksum()
    assert other.version_in_force == 2


def test_a_snapshot_is_of_its_moment_and_comes_in_chunks() -> None:
    bank = Bank()
    for number in range(CHUNK_BYTES // 10):
        bank.state.balances[f"{number:08}"] = 1
    chunks = bank.snapshot()
    bank.state.balances.clear()
    kept = list(chunks)
    assert len(kept) > 1
    assert max(map(len, kept)) == CHUNK_BYTES
    other = Bank()
    other.restore(kept)
    assert len(other.state.balances) == CHUNK_BYTES // 10


@pytest.mark.parametrize(
    "data", [b"", b"[1]", b"[1,{}]x", b'[1,{"balances":{"a":1.5}}]', b'[1,{"balances":{"\\ud800":1}}]', b"[" * 100_000]
)
def test_what_is_no_snapshot_is_refused_and_changes_nothing(data: bytes) -> None:
    bank = Bank()
    tell(bank, Deposit("alice", 5))
    with pytest.raises(errors.ProtocolError, match="not a snapshot of Bank"):
        bank.restore([data])
    assert ask(bank, Balance("alice")) == 5


def test_a_snapshot_of_a_later_version_is_refused() -> None:
    bank = NewBank()
    tell(bank, gaios.Upgrade(2))
    with pytest.raises(errors.ProtocolError, match="version 2 of Bank; this program has versions 1 to 1"):
        Bank().restore(bank.snapshot())


def test_the_checksum_follows_the_state() -> None:
    bank, other = Bank(), Bank()
    seen = {bank.checksum()}
    for number in range(5):
        tell(bank, Deposit("alice", number + 1), number)
        seen.add(bank.checksum())
        tell(other, Deposit("alice", number + 1), number)
    assert len(seen) == 6
    assert other.checksum() == bank.checksum() < 2**64


# ---------------------------------------------------------------------------------------------------------------- versions


def test_a_new_program_does_as_the_old_one_until_the_log_says_otherwise() -> None:
    """Replicas get the new program at different times, and must not differ meanwhile: in replies, refusals and states."""
    old, new = Bank(), NewBank()
    for command in (Deposit("alice", 9), Withdraw("alice", 4), Withdraw("alice", 6), Close("alice")):
        told: list[Any] = []
        for bank in (old, new):
            try:
                told.append(bank.apply(encode(command), at(1)))
            except errors.Error as error:
                told.append(errors.pack(error))
        assert told[0] == told[1]
    assert list(old.snapshot()) == list(new.snapshot())
    assert tell(new, gaios.Upgrade(2)) == 2
    assert ask(new, Balance("the bank")) == 2
    assert tell(new, Withdraw("alice", 2)) == 2
    assert tell(new, Close("alice")) == 2
    assert tell(new, gaios.Upgrade(1)) == 2
    assert tell(new, gaios.Upgrade(2)) == 2


def test_an_old_program_does_not_propose_what_it_cannot_carry_out_and_stops_where_the_log_says_it() -> None:
    """[SAFETY 17] An error that is no answer stops the replica: going on would let replicas differ."""
    old = Bank()
    upgrade = encode(gaios.Upgrade(2))
    with pytest.raises(errors.InvalidCommand, match="has versions 1 to 1, not 2"):
        old.validate(upgrade)
    with pytest.raises(errors.ConfigurationError, match="goes on with version 2 of Bank") as stopped:
        old.apply(upgrade, at(1))
    assert not stopped.value.deterministic
    with pytest.raises(errors.InvalidCommand, match="not 0"):
        NewBank().validate(encode(gaios.Upgrade(0)))
    with pytest.raises(errors.InvalidCommand, match="no command 'Close'"):
        old.validate(encode(Close("alice")))


# ---------------------------------------------------------------------------------------------------------------- classes


def test_a_machine_may_be_of_bytes() -> None:
    class Echo(gaios.Machine):
        def validate(self, command: bytes) -> None: ...
        def apply(self, command: bytes, context: Context) -> tuple[bytes, Sequence[Any]]:
            return command, ()

        def query(self, question: bytes) -> bytes:
            return question

        def checksum(self) -> int:
            return 0

        def snapshot(self) -> Any:
            return iter(())

        def restore(self, chunks: Any) -> None: ...

    assert isinstance(Echo(), machine.Machine)
    assert Echo().apply(b"x", at(1)) == (b"x", ())


def test_a_machine_of_bytes_brings_every_method() -> None:
    with pytest.raises(errors.ConfigurationError, match="but not validate, query, checksum, snapshot, restore"):
        type("Half", (gaios.Machine,), {"apply": lambda *_: (b"", ())})


def test_the_base_alone_is_no_machine() -> None:
    with pytest.raises(errors.ConfigurationError, match="subclassed"):
        Machine()


@pytest.mark.parametrize("version", [0, True, "2", None])
def test_a_version_is_a_number_from_1_on(version: Any) -> None:
    with pytest.raises(errors.ConfigurationError, match="version is a number from 1 on"):
        type("Odd", (Bank,), {"version": version})


def test_a_constructor_of_its_own_need_not_call_ours() -> None:
    class Named(Bank):
        def __init__(self, name: str) -> None:
            self.name = name
            self.state.balances[name] = 1

    assert ask(Named("n"), Balance("n")) == 1
