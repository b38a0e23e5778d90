"""The model's nouns share nothing by accident."""

from gaios import lock_api
from gaios.sim.locks.state import Granted, Handle, Node, Session


def test_nothing_is_shared() -> None:
    one, other = Node("/a", 2, directory=False, ephemeral=False), Node("/b", 3, directory=False, ephemeral=False)
    one.opens.append(4)
    one.holders[4] = 5
    one.queue.append(6)
    assert (other.opens, other.holders, other.queue) == ([], {}, [])
    assert not Session(b"t", 1_000, 0).handles


def test_a_handle_waits_for_nothing_and_a_grant_has_not_ended_at_first() -> None:
    handle = Handle(2, Node("/a", 2, directory=False, ephemeral=False), lock_api.Open(2, b"t" * 16, "/a"))
    assert (handle.ticket, handle.sequencer) == (0, None)
    granted = Granted("/a", 2, 2, 3, shared=False, revision=4)
    assert (granted.ended, granted.was_lost) == (0, False)
