"""The store of backups, as a source of snapshots for this replica: what is asked of it, on a thread of its own.  [PML §5.5; SAFETY 28]

    Effects.asked ──► ask() ──► the thread ──► backup/supply.py ──► OFFER, PART, GONE ──► node.store_said, on the loop's thread

Rule 1. The loop never waits for a store. One question is under way at a time, and a few wait; the thread ends when none does.
Rule 2. A store that does not answer, or not yet, is not asked again for `PAUSE_S`: what was asked meanwhile stays unanswered, as a peer's
frames do that are lost. So what came of a snapshot is kept, and the rest comes when the store is back.
Rule 3. What the store does not have, or has damaged, is gone: whoever asked goes elsewhere. So is all of it where the store is another
cell's, or does not let us in.
Rule 4. What went wrong is told once, until something went well.

Left out on purpose: when the store is asked, and why its answers may be taken (seeking.py).
"""

import time
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from threading import Lock, Thread
from typing import TYPE_CHECKING, Final

from gaios.errors import AnotherCell, BackupDamaged, ConfigurationError, Error
from gaios.log.codec import ASK, GONE, OFFER, PART, WANT, Message
from gaios.log.snapshots import encode_handle
from gaios.server.logs import Logger
from gaios.server.node import Node

if TYPE_CHECKING:
    from gaios.backup.supply import Supply

PAUSE_S: Final = 15.0
HANGS_S: Final = 60.0
"""After so long a store is told to hang. Its thread waits on: it cannot be ended, and a second one would wait beside it."""
WAITING_MAX: Final = 16
"""Questions that wait; of more the oldest is dropped: it is asked again."""
Here = Callable[[Callable[[int], None]], Callable[[], None]]
"""Turns a function that is to be called on the loop's thread, with the time, into one that another thread may call."""


class Remote:
    """Questions to the store of backups, on their way, and the thread that asks them."""

    def __init__(self, url: str, cell: str, node: Node, log: Logger) -> None:
        """`cell` is this cell's id in hexadecimal; `node` is told what the store says, and what ails it."""
        node.snapshots.has_store = True
        self._url, self._cell, self._node, self._log = url, cell, node, log
        self._lock = Lock()
        self._waiting: deque[Message] = deque()
        self._under_way: Message | None = None
        self._began_s = 0.0
        self._is_told_to_hang = False
        self._thread: Thread | None = None
        self._supply: Supply | None = None
        self._not_before_s, self._refuses = 0.0, False

    def ask(self, asked: Sequence[Message], here: Here) -> None:
        """Have these answered by and by, on the loop's thread. Called there; returns at once."""
        with self._lock:
            self._waiting += [each for each in dict.fromkeys(asked) if each not in self._waiting and each != self._under_way]
            while len(self._waiting) > WAITING_MAX:
                self._waiting.popleft()
            if self._thread is None and self._waiting:
                self._thread = Thread(target=self._run, args=(here,), name="store", daemon=True)
                self._thread.start()
            hangs = self._under_way is not None and time.monotonic() - self._began_s >= HANGS_S and not self._is_told_to_hang
            self._is_told_to_hang = self._is_told_to_hang or hangs
        if hangs:
            self._tell("store_hangs", f"it has not answered for {HANGS_S:.0f} s")

    def close(self) -> None:
        """Nothing more is asked. The thread is not waited for: a store may hang."""
        with self._lock:
            self._waiting.clear()

    # -- on the thread ---------------------------------------------------------------------------------------------------

    def _run(self, here: Here) -> None:
        while True:
            with self._lock:
                if not self._waiting:
                    self._thread = self._under_way = None
                    return
                message = self._under_way = self._waiting.popleft()
                self._began_s = time.monotonic()
            answer, told = self._answer(message)
            with self._lock:
                self._under_way, self._is_told_to_hang = None, False
            here(partial(self._answered, answer=answer, told=told))()

    def _answer(self, message: Message) -> tuple[Message | None, tuple[str, str] | None]:
        """What the store says, if anything; and what to tell of it, if that is news: an event and why, both empty where all is well."""
        gone = (GONE, *message[1:3]) if message[0] == ASK else None
        if time.monotonic() < self._not_before_s:
            return gone if self._refuses else None, None
        try:
            if message[0] == WANT:
                handle = self._open().newest(message[1])
                damaged = self._open().damaged
                if handle is not None:
                    return (OFFER, encode_handle(handle)), ("store_damaged", damaged[0]) if damaged else ("", "")
                return None, ("store_has_none", f"no backup in it begins with a sound snapshot behind slot {message[1]} or a later one")
            _, slot, digest, part = message
            data = self._open().part(slot, digest, part)
        except BackupDamaged as error:
            return gone, ("store_damaged", str(error))
        except (AnotherCell, ConfigurationError) as error:
            self._pause(refuses=True)
            return gone, ("store_refused", str(error))
        except Exception as error:  # noqa: BLE001 (whatever a library raises: it must not end this thread in silence)
            self._pause(refuses=False)
            return None, ("store_failed", str(error) if isinstance(error, Error) else repr(error))
        return (gone, None) if data is None else ((PART, slot, digest, part, data), ("", ""))

    def _open(self) -> "Supply":
        if self._supply is None:
            from gaios.backup.stores import open_store  # noqa: PLC0415 (a replica that never asks needs none of it)
            from gaios.backup.supply import Supply  # noqa: PLC0415 (as above)

            self._supply = Supply(open_store(self._url), self._cell)
        return self._supply

    def _pause(self, *, refuses: bool) -> None:
        self._not_before_s, self._refuses = time.monotonic() + PAUSE_S, refuses

    # -- on the loop's ---------------------------------------------------------------------------------------------------

    def _answered(self, now: int, answer: Message | None, told: tuple[str, str] | None) -> None:
        if told is not None:
            self._tell(*told)
        if answer is not None:
            self._node.store_said(now, answer)

    def _tell(self, event: str, problem: str) -> None:
        if problem and problem != self._node.snapshots.store_problem:
            self._log.warning(event, url=self._url, reason=problem)
        self._node.snapshots.store_problem = problem
