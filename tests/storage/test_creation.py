"""What is made is what a start expects, whatever an interrupted creation left."""

from gaios.storage import Identity, Journal, Record, create, verify
from tests.storage.memory import Memory

ME = Identity(b"c" * 16, 1, 0)
STATE = Record(1, 0, 0, b"state")


def test_a_directory_that_was_made_can_be_opened_and_holds_its_first_state() -> None:
    memory = Memory()
    memory.execute(create(ME, b"promise", STATE, segment_bytes=1_024))
    assert verify(memory) == []
    _, recovered = Journal.open(ME, memory)
    assert (recovered.copies, recovered.records, recovered.cut) == (b"promise", [STATE], None)


def test_what_an_interrupted_creation_left_behind_is_replaced() -> None:
    once, twice = Memory(), Memory()
    once.execute(create(ME, b"promise", STATE, segment_bytes=1_024))
    twice.execute(create(ME, b"other", STATE, segment_bytes=2_048)[:-1])
    twice.execute(create(ME, b"promise", STATE, segment_bytes=1_024, leftovers=twice.names()))
    assert {name: twice.read(name, 0, 1 << 20) for name in twice.names()} == {name: once.read(name, 0, 1 << 20) for name in once.names()}


def test_a_first_state_that_needs_more_room_gets_it() -> None:
    memory = Memory()
    large = Record(1, 0, 0, b"s" * 5_000)
    memory.execute(create(ME, b"promise", large, segment_bytes=1_024))
    _, recovered = Journal.open(ME, memory)
    assert recovered.records == [large]
