"""What a caching session keeps of what it read: answers out of memory that are as good as the cell's.  [CHUBBY §2.7; SAFETY 24]

Rule 1. Nothing is answered from here unless the session's lease is not over by the clock of this moment, and never was since it was kept.
Rule 2. What was asked before a notice to forget its node came, or before everything was forgotten, is not kept when its answer comes.
Rule 3. Everything is forgotten in jeopardy, at another master's first word, and when notices were lost.
Rule 4. It is bounded: the nodes that were kept first go first.  [SAFETY 28]

Left out on purpose: who may keep what; the cell says it with each answer (locks/gate.py).
"""

from typing import Any, Final

from gaios.client.lease import Lease, State

NODES_MAX: Final = 2_048
BYTES_MAX: Final = 16 << 20
"""Of contents and names; each entry counts for `ENTRY_BYTES` besides."""
ENTRY_BYTES: Final = 256


class Fill:
    """A question that was asked, and whether its answer may still be kept."""

    __slots__ = ("is_good", "path")

    def __init__(self, path: str) -> None:
        self.path = path
        self.is_good = True


class Cache:
    """One session's. A *key* is what was asked of a node."""

    def __init__(self, lease: Lease) -> None:
        self._lease = lease
        self._lapses = lease.lapses
        self._kept: dict[str, dict[Any, tuple[Any, int]]] = {}
        """By node and key: what was answered, and its bytes."""
        self._bytes = 0
        self._fills: dict[str, set[Fill]] = {}
        self.hits = self.misses = 0

    def get(self, now: int, path: str, key: Any) -> Any | None:  # noqa: ANN401 (what was kept)
        """What is kept; `now` was taken after it was asked for."""
        found = self._kept.get(path, {}).get(key) if self._is_safe(now) else None
        if found is None:
            self.misses += 1
            return None
        self.hits += 1
        return found[0]

    def begin(self, path: str) -> Fill:
        """The cell is about to be asked; end it by `keep`, or by `leave`."""
        fill = Fill(path)
        self._fills.setdefault(path, set()).add(fill)
        return fill

    def keep(self, now: int, fill: Fill, key: Any, found: Any, size: int) -> None:  # noqa: ANN401 (as above)
        """The cell's answer came, and may be kept."""
        self.leave(fill)
        if not self._is_safe(now) or not fill.is_good:
            return
        kept = self._kept.setdefault(fill.path, {})
        if key in kept:
            self._bytes -= kept[key][1]
        kept[key] = (found, size + ENTRY_BYTES)
        self._bytes += size + ENTRY_BYTES
        while len(self._kept) > NODES_MAX or self._bytes > BYTES_MAX:
            self._drop(next(iter(self._kept)))

    def leave(self, fill: Fill) -> None:
        """It is not kept, or is."""
        fills = self._fills.get(fill.path)
        if fills is not None:
            fills.discard(fill)
            if not fills:
                del self._fills[fill.path]

    def forget(self, path: str) -> None:
        """A notice: what is kept of this node will change."""
        if not path:
            self.flush()
            return
        self._drop(path)
        for fill in self._fills.get(path, ()):
            fill.is_good = False

    def flush(self) -> None:
        """Forget everything."""
        self._kept.clear()
        self._bytes = 0
        for fills in self._fills.values():
            for fill in fills:
                fill.is_good = False

    def _drop(self, path: str) -> None:
        self._bytes -= sum(size for _, size in self._kept.pop(path, {}).values())

    def _is_safe(self, now: int) -> bool:
        lease = self._lease
        if now < lease.end_ns and lease.lapses == self._lapses and lease.state == State.SAFE:
            return True
        self._lapses = lease.lapses
        self.flush()
        return False
