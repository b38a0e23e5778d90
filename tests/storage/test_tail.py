"""The end of what was read of a log, and why nothing follows."""

from gaios.storage import record
from gaios.storage.record import Header
from gaios.storage.tail import Tail, fault_of_record, walk, written
from tests.storage.memory import ME, VALUE
from tests.storage.test_scan import Writer, begun


def tail_of(writer: Writer) -> tuple[bytes, Tail]:
    data = writer.memory.read(writer.file, 0, writer.memory.size(writer.file))
    tail = Tail()
    return data, tail


def test_what_is_written_ends_behind_the_last_byte_that_is_not_zero() -> None:
    for data, end in ((b"", 0), (bytes(9_000), 0), (b"\1" + bytes(9_000), 1), (bytes(8_191) + b"\1", 8_192)):
        assert written(data) == end


def test_a_jump_goes_on_as_if_all_before_were_there() -> None:
    """And what nothing proves durable begins with the batch that it lands in."""
    writer = begun()
    at = writer.add(VALUE, 2, 0)
    later = writer.add(VALUE, 3, 0)
    writer.spoil(at)
    data, tail = tail_of(writer)
    (header,) = record.candidates(data, at + 1, record.seed(ME), 1)
    tail.jump(header)
    found: list[Header] = [each for each, _ in walk(data, tail, record.seed(ME))]
    assert [each.offset for each in found] == [later]
    assert (tail.sequence, tail.batch, tail.unproven) == (3, 3, later)


def test_a_fault_says_where_it_is_and_whether_a_crash_explains_it() -> None:
    writer = begun()
    data, tail = tail_of(writer)
    tail.segment, tail.offset = 1, 80
    assert not fault_of_record(writer.file, bytes(len(data)), tail, record.seed(ME)).certain
    fault = fault_of_record(writer.file, data, tail, record.seed(ME))
    assert (fault.problem.file, fault.problem.offset) == (writer.file, 80)
