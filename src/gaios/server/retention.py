"""Which snapshots stay, and through which slot the log goes.  [PML §5.5; SAFETY 26, 28]

Rule 1. Only snapshots that are proved count. The newest `keep_snapshots` of them stay, and the log above the oldest of those.
Rule 2. Older ones, and older log, stay as long as policy says; then the oldest goes first: the log behind a snapshot, then that one.
Rule 3. Of those that are not proved the newest stay, as many, for they may be proved yet; older ones than that are of no use, nor are those
that are older than what is proved, once enough is.
"""

from collections.abc import Callable, Sequence
from typing import Final, Protocol

from gaios.log.options import Options
from gaios.server.loading import Kept

_HOUR_MS: Final = 3_600_000


class Log(Protocol):
    """What the log on the disk can tell and do."""

    def kept_bytes(self, through: int) -> int:
        """How long it would be without what a snapshot behind that slot covers."""
        ...

    def give_up(self, through: int) -> None:
        """Drop whole segments that such a snapshot covers, when there is time."""
        ...


def settle(
    kept: Sequence[Kept],
    is_proved: Callable[[int], bool],
    options: Options,
    time_ms: int,
    through: int,
    log_bytes: int,
    *,
    is_full: bool,
) -> tuple[int, list[int]]:
    """Through which slot the log goes, and whose snapshots' slots go too.

    `kept` is in order; the log through `through` goes already, and what it has above takes `log_bytes`. `is_full`: whatever need not stay
    goes. `time_ms` is the log's own time, in ms.
    """
    enough = options.keep_snapshots
    proved = [each for each in kept if is_proved(each.handle.slot)]
    others = [each for each in kept if not is_proved(each.handle.slot)]
    stay = others[-enough:]
    if through and not proved:
        stay = [*others[:1], *stay]  # what the log begins behind
    settled = proved[-1].handle.slot if len(proved) >= enough else 0
    gone = [each.handle.slot for each in others if each not in stay or each.handle.slot < settled]
    takes = sum(each.stored for each in kept if each.handle.slot not in gone)
    while len(proved) >= enough:
        oldest = proved[0]
        is_old = time_ms - oldest.handle.time_ms > options.keep_hours * _HOUR_MS
        if not (is_full or is_old or takes + log_bytes > options.keep_bytes):
            break
        if through < oldest.handle.slot:
            through = oldest.handle.slot
        elif len(proved) > enough:
            gone.append(oldest.handle.slot)
            takes -= oldest.stored
            del proved[0]
        else:
            break
    return through, gone
