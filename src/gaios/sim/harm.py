"""What is called damaged on a simulated disk: that, and nothing else, may be what rot left there.  [SAFETY 7, 15]

Rule 1. A range of the log that a start, a read, the scrub, or a start after an imagined power cut calls damaged has a byte in it that rot
left; one without length, where nothing stands that should, has one behind it. The end of a segment may be called damaged where the
beginning of the next one is, which would tell where it was.
Rule 2. A snapshot that the scrub calls damaged has such a byte, too; so has a promise copy, unless the start found it so already: a crash
may have cut the writing of it short, and it may take a while until it is written anew.
Rule 3. A file that is gone when it is asked about was given up meanwhile; a start misses none but those that rot took.

Left out on purpose: whether all that rots is found, which is for the tests of the scrub and of starts to say.
"""

from collections.abc import Iterable, Sequence

from gaios.sim.disk import Disk
from gaios.sim.history import Violation
from gaios.sim.observations import Observations
from gaios.sim.world import World
from gaios.storage import Damage, Piece, Place, Problem, segment

NAME = "damage is where it is found"
_END = 1 << 62


class Harm:
    """Of one seat's disk."""

    def __init__(self, world: World, observations: Observations, replica: int, disk: Disk) -> None:
        self._world, self._observations, self._replica, self._disk = world, observations, replica, disk
        self._cut_short: list[str] = []
        """Promise copies that were so at the start."""

    def started(self, found: Sequence[Damage | Problem]) -> None:
        """A start found this."""
        self._cut_short = [each.file for each in found if isinstance(each, Problem)]
        self.in_log("start", [each.place for each in found if isinstance(each, Damage)])

    def in_log(self, where: str, places: Iterable[Place], *, may_be_gone: bool = False) -> None:
        """These ranges were called damaged; `may_be_gone`: some time ago."""
        for place in places:
            file = segment.name(place.segment)
            if may_be_gone and file not in self._disk.names():
                continue
            if place.end == segment.SEGMENT_BYTES_MAX and self._loses_its_beginning(place.segment + 1, may_be_gone=may_be_gone):
                continue
            self._judge(where, file, place.start, place.end if place.end > place.start else _END)

    def _loses_its_beginning(self, number: int, *, may_be_gone: bool) -> bool:
        """Whether nothing tells any more where the segment before this one ended."""
        file = segment.name(number)
        return self._disk.may_be_rotten(file, 0, segment.OPENING_BYTES) or (may_be_gone and file not in self._disk.names())

    def scrubbed(self, piece: Piece | None) -> Piece | None:
        """The scrub read this a moment ago."""
        found = piece.damage if piece is not None else None
        if isinstance(found, Place):
            self.in_log("scrub", [found])
        elif found is not None and found.file not in self._cut_short:
            self._judge("scrub", found.file, 0, _END)
        return piece

    def _judge(self, where: str, file: str, start: int, end: int) -> None:
        if not self._disk.may_be_rotten(file, start, end):
            until = f" to {end}" if end < _END else " on"
            detail = (
                f"replica {self._replica} ({where}) at {self._world.now_ns} ns: {file}, from byte {start}{until}, and nothing rotted there"
            )
            self._observations.broken.append(Violation(NAME, detail))
