"""Claims about the queue of waiting entries.  [SAFETY 28]"""

import pytest

from gaios.errors import Overloaded
from gaios.log.options import Options
from gaios.log.queue import Queue


def test_entries_leave_in_the_order_they_came() -> None:
    """And as many as a batch holds."""
    queue = Queue(Options(batch_entries=2))
    for number in range(3):
        queue.put(number, b"%d" % number)
    assert queue.batch() == [(0, b"0"), (1, b"1")]
    assert queue.batch() == [(2, b"2")]
    assert queue.batch() == []


def test_a_batch_is_bounded_in_bytes_but_never_empty() -> None:
    """One large entry goes alone."""
    queue = Queue(Options(batch_bytes=10))
    queue.put(1, bytes(50))
    queue.put(2, bytes(4))
    assert [token for token, _ in queue.batch()] == [1]
    assert [token for token, _ in queue.batch()] == [2]


@pytest.mark.parametrize("options", [Options(queue_entries=2), Options(queue_bytes=20)])
def test_a_full_queue_refuses(options: Options) -> None:
    """And takes again once there is room."""
    queue = Queue(options)
    queue.put(1, bytes(10))
    queue.put(2, bytes(10))
    with pytest.raises(Overloaded):
        queue.put(3, bytes(10))
    queue.batch()
    queue.put(3, bytes(10))
    assert len(queue) == 1


def test_draining_empties_the_queue() -> None:
    """What was never proposed is handed back."""
    queue = Queue(Options(queue_bytes=20))
    queue.put(1, bytes(20))
    assert queue.drain() == [(1, bytes(20))]
    queue.put(2, bytes(20))
    assert len(queue) == 1


def test_the_queue_knows_when_its_bytes_fill_a_batch() -> None:
    """Large entries need no company."""
    queue = Queue(Options(batch_bytes=10))
    queue.put(1, bytes(9))
    assert not queue.fills_a_batch
    queue.put(2, bytes(1))
    assert queue.fills_a_batch
