"""The planted bugs are what they say they are; that they are caught is `tests/museum`'s."""

from gaios.log.applier import Applier
from gaios.log.sessions import Sessions
from gaios.sim.museum.snapshot_bugs import EXHIBITS
from gaios.storage.snapshot import Writer
from gaios.storage.words import Sync


def test_a_planted_bug_is_gone_afterwards() -> None:
    """Whatever it replaced is there again."""
    sound = Applier.capture, Sessions.snapshot, Writer.end
    for exhibit in EXHIBITS:
        with exhibit.plant():
            pass
    assert (Applier.capture, Sessions.snapshot, Writer.end) == sound


def test_the_name_comes_before_the_bytes() -> None:
    """The one thing that is left out is the sync."""
    exhibit = next(each for each in EXHIBITS if "name before" in each.name)
    writer = Writer(bytes(16), 7)
    with exhibit.plant():
        planted = writer.end(b"closing")
    assert not any(isinstance(operation, Sync) for operation in planted)
    assert len(planted) == len(Writer(bytes(16), 7).end(b"closing")) - 1
