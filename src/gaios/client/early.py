"""What a session is told while handles are being opened: it may be about one of which nobody knows yet that it is open.

A notice can overtake the answer to the Open that it is about. So while anything is being opened, what is for no known handle is kept.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from gaios.client.lease import AskAgain
from gaios.lock_api import Notice

EARLY_MAX: Final = 1_024
"""Beyond it all are dropped, and every handle that is being opened is told that some were lost."""


class Early:
    """One session's."""

    def __init__(self) -> None:
        self._opens = 0
        """Handles that are being opened."""
        self._kept: list[AskAgain | Notice] = []

    @contextmanager
    def opening(self) -> Iterator[None]:
        """A handle is being opened until the end of the body. When none is any more, nothing is kept."""
        self._opens += 1
        try:
            yield
        finally:
            self._opens -= 1
            if not self._opens:
                self._kept.clear()

    def keep(self, news: AskAgain | Notice) -> None:
        """Something was told that is for no handle that is known, or for all."""
        if not self._opens:
            return
        if len(self._kept) >= EARLY_MAX:
            self._kept = [AskAgain(lost=True)]
        self._kept.append(news)

    def of(self, handle: int) -> list[AskAgain | Notice]:
        """What is for this handle, in order."""
        return [news for news in self._kept if isinstance(news, AskAgain) or news.handle == handle]
