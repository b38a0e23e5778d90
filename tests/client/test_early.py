"""What overtakes the word that a handle is open is not lost; what nobody waits for is not kept."""

from gaios.client.early import EARLY_MAX, Early
from gaios.client.lease import AskAgain
from gaios.lock_api import CONTENTS_MODIFIED, Notice

MINE, OTHER = Notice(7, CONTENTS_MODIFIED), Notice(8, CONTENTS_MODIFIED)


def test_a_handle_is_given_what_was_for_it_and_for_all() -> None:
    early = Early()
    with early.opening():
        for news in (MINE, OTHER, AskAgain(), MINE):
            early.keep(news)
        assert early.of(7) == [MINE, AskAgain(), MINE]


def test_nothing_is_kept_unless_something_is_being_opened() -> None:
    early = Early()
    early.keep(MINE)
    with early.opening():
        assert early.of(7) == []
        with early.opening():
            early.keep(MINE)
        assert early.of(7) == [MINE], "one is still being opened"
    with early.opening():
        assert early.of(7) == []


def test_too_many_are_dropped_and_that_is_told() -> None:
    early = Early()
    with early.opening():
        for _ in range(EARLY_MAX + 1):
            early.keep(OTHER)
        early.keep(MINE)
        assert early.of(7) == [AskAgain(lost=True), MINE]
