"""The order of the merged check: each member's boots one after the other, and nothing heard before it was said.

Rule 1. A frame that came is checked once the boot that it claims to be from has said all of it. Whoever waits for that waits alone.
Rule 2. When everybody waits, something was heard that was never said, or before it was said: the first such frame is illegal.
"""

from collections.abc import Iterator
from itertools import chain, pairwise
from typing import NamedTuple

from gaios.log.recording import Came, Entry, Frame, Left, encode
from gaios.trace.files import Recording
from gaios.trace.words import Illegal, shown


class Place(NamedTuple):
    """An entry, and where it stands."""

    recording: Recording
    number: int
    entry: Entry
    frame: Frame

    @property
    def is_last(self) -> bool:
        """Whether its frame ends with it."""
        return self.number == self.frame.first + len(self.frame.entries) - 1


class Lane:
    """One member's entries, over all its boots."""

    def __init__(self, recordings: list[Recording]) -> None:
        self.recordings = recordings
        self._places = self._all()
        self.place: Place | None = next(self._places, None)
        """Of the next entry; None at the end."""

    def step(self) -> None:
        """On to the next entry.

        Raises:
            Missing: entries are missing before it.
        """
        self.place = next(self._places, None)

    def _all(self) -> Iterator[Place]:
        for recording in self.recordings:
            for frame, following in pairwise(chain(recording.frames(), [None])):
                assert frame is not None
                end = frame.first + len(frame.entries)
                # Told before the frame is looked at: what is missing from it would be found as something else.
                if following is not None and following.first != end:
                    raise Missing(Place(recording, end, following.entries[0], following), following.first)
                for number, entry in enumerate(frame.entries, frame.first):
                    yield Place(recording, number, entry, frame)


class Missing(Illegal):
    """Entries are missing from a recording."""

    def __init__(self, place: Place, first: int) -> None:
        super().__init__("V1 nothing is missing", f"step {place.number}", f"step {first}")
        self.place = place


class Said:
    """What every boot said so far, to whom."""

    def __init__(self, recordings: list[Recording]) -> None:
        self._said: dict[tuple[int, int], dict[bytes, int]] = {}
        for recording in recordings:
            self._said.setdefault((recording.start.member, recording.start.boot), {})
        self._stopped: set[tuple[int, int]] = set()

    def stopped(self, member: int, boot: int) -> None:
        """The recording of a boot ends before the boot does."""
        self._stopped.add((member, boot))

    def add(self, member: int, boot: int, left: Left) -> None:
        """Frames left."""
        said = self._said[member, boot]
        for members, messages in left.frames:
            mask = 0
            for each in members:
                mask |= 1 << each
            for message in messages:
                key = encode(message)
                said[key] = said.get(key, 0) | mask

    def is_recorded(self, member: int, boot: int) -> bool:
        """Whether everything that a boot says is, or will be, known."""
        return (member, boot) in self._said and (member, boot) not in self._stopped

    def unsaid(self, me: int, came: Came) -> list[object]:
        """What of a frame was not said by now."""
        said = self._said.get((came.member, came.boot), {})
        return [message for message in came.messages if not said.get(encode(message), 0) >> me & 1]


def never_said(came: Came, unsaid: list[object]) -> Illegal:
    """The finding about a frame that came too soon, or from nowhere."""
    expected = f"every message of the frame sent before by member {came.member}, boot {came.boot}"
    return Illegal("V1 every message was sent", expected, f"{shown(unsaid[0])}, which it did not send")


def will_be_said(lane: Lane, boot: int, me: int, message: object) -> bool:
    """Whether the recordings of a boot say a message anywhere."""
    key = encode(message)
    return any(
        me in members and any(encode(each) == key for each in messages)
        for recording in lane.recordings
        if recording.start.boot == boot
        for frame in recording.frames()
        for entry in frame.entries
        if isinstance(entry, Left)
        for members, messages in entry.frames
    )
