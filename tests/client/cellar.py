"""A cell in memory for callers that block."""

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Any

from tests.client.fake import FakeCell
from tests.servers import PATIENCE_S


class Cellar:
    """A cell on a loop and a thread of its own, since the twin's caller blocks."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        self.fake = FakeCell(3)
        self.run(self.fake.__aenter__())

    def run(self, what: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(what, self.loop).result(PATIENCE_S)

    def do(self, what: Callable[[], None]) -> None:
        async def on_loop() -> None:
            what()

        self.run(on_loop())

    def close(self) -> None:
        self.run(self.fake.__aexit__())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(PATIENCE_S)
        self.loop.close()


def wait(holds: Callable[[], object]) -> None:
    """Until something holds."""
    end = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < end, "it did not come to hold"
        time.sleep(0.005)
