"""Every call, session and belief has its bar in the lane of its client."""

from gaios import lock_api
from gaios.sim.history import DONE, UNKNOWN
from gaios.sim.locks.history import CLOSED, Asked, Belief, Life, Recalled, Records
from gaios.sim.locks.spans import Bar, bars

TOKEN = b"t" * 16
GRANT = lock_api.Sequencer("/l", shared=False, generation=0, revision=7)
STAT = lock_api.Stat(3, 1, 0, 1, 0, 0, 0, directory=False, ephemeral=False, acl=("", "", ""))


def test_bars() -> None:
    records = Records()
    records.asked = [
        Asked(1, 4, lock_api.Acquire(2, TOKEN, 3), 1, 10, 2, 20, DONE, lock_api.Acquired(None, waits=True), slot=5),
        Asked(2, 4, lock_api.CheckSequencer(GRANT), 1, 10, None, 0, UNKNOWN, None,
              error="Unknown: lost"),
    ]  # fmt: skip
    records.lives = [Life(2, 4, 1_000, 5, ended_ns=40, how=CLOSED), Life(9, 5, 2_000, 6)]
    records.beliefs = [Belief(4, 2, 3, "/l", 3, shared=True, grant=(0, 8), lock_delay_ms=0, from_ns=20, until_ns=30)]
    records.recalled = [Recalled(3, 4, "/f", lock_api.GetContentsAndStat(2, TOKEN, 3), lock_api.ContentsAndStat(b"", STAT), 3, 4, 15, 15)]
    assert list(bars(records, 99)) == [
        Bar(10, 20, 4, "call done", "lock call 1: Acquire session 2 handle 3 → done, slot 5.0, Acquired"),
        Bar(10, 99, 4, "call unknown", "lock call 2: CheckSequencer → unknown, Unknown: lost"),
        Bar(15, 15, 4, "call done", "lock call 3: GetContentsAndStat session 2 handle 3 → from its cache, ContentsAndStat"),
        Bar(5, 40, 4, "session", "session 2, 1000 ms, closed"),
        Bar(6, 99, 5, "session", "session 9, 2000 ms, lives"),
        Bar(20, 30, 4, "held", "holds /l shared, grant 0.8, handle 3 of session 2"),
    ]
