"""What one client may take up, beside what the log can take."""

from gaios.log import Options
from gaios.server.effects import Limits
from tests.server.parts import HandCell


def test_a_client_alone_can_fill_a_batch_and_is_far_from_filling_the_queue() -> None:
    """[SAFETY 28] Its share is a batch: less would leave a lone client's batches half empty, more would crowd out the others."""
    assert Options().batch_entries <= Limits().requests < Options().queue_entries // 4


def test_a_turn_without_news_wants_nothing_but_the_next_one() -> None:
    cell = HandCell(1)
    cell.elect()
    cell.settle()
    effects = cell.drain(1)
    assert (effects.disk, effects.spare, effects.to_peers, effects.to_clients, effects.local) == (None, None, [], [], [])
    assert effects.deadline_ns > cell.now
