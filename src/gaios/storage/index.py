"""Where the newest record of a slot stands, at twelve bytes a slot: old values need not stay in memory.

Slots of one kind are dense and grow, so two arrays hold them; a slot far outside goes into a dictionary.
"""

from array import array

from gaios.storage.record import size

GAP_MAX = 1 << 16
"""Slots that may be skipped inside the arrays, at twelve bytes each, before a slot counts as far outside."""


class Index:
    """The places of one kind's records.

    Invariants:
        1. `places[i]` is segment × 2³² + offset of the newest record of slot `base + i`; 0 where there is none.
        2. `lengths[i]` is the length of its payload.
        3. A slot is in `far` only if its place in the arrays is 0 or outside.
    """

    __slots__ = ("base", "far", "lengths", "places")

    def __init__(self) -> None:
        self.base = 0
        self.places = array("Q")
        self.lengths = array("I")
        self.far: dict[int, tuple[int, int]] = {}

    def add(self, slot: int, segment: int, offset: int, length: int) -> None:
        """A newer record of `slot` stands there."""
        places = self.places
        if not places:
            self.base = slot
        at = slot - self.base
        if at == len(places):
            places.append(segment << 32 | offset)
            self.lengths.append(length)
        elif 0 <= at < len(places) + GAP_MAX:
            if at >= len(places):
                gap = at + 1 - len(places)
                places.frombytes(bytes(gap * places.itemsize))
                self.lengths.frombytes(bytes(gap * self.lengths.itemsize))
            places[at] = segment << 32 | offset
            self.lengths[at] = length
        else:
            self.far[slot] = (segment << 32 | offset, length)
            return
        if self.far:
            self.far.pop(slot, None)

    def find(self, slot: int) -> tuple[int, int, int] | None:
        """Segment, offset and length of payload of a slot's newest record."""
        at = slot - self.base
        if 0 <= at < len(self.places) and self.places[at]:
            place, length = self.places[at], self.lengths[at]
        elif slot in self.far:
            place, length = self.far[slot]
        else:
            return None
        return place >> 32, place & 0xFFFFFFFF, length

    def forget(self, below: int) -> None:
        """Drop all slots below `below`."""
        count = min(max(below - self.base, 0), len(self.places))
        del self.places[:count]
        del self.lengths[:count]
        self.base += count
        self.far = {slot: place for slot, place in self.far.items() if slot >= below}

    def within(self, segment: int, start: int, end: int) -> list[int]:
        """The slots whose newest record has a byte in this range of a segment. An unusual question: every place is looked at."""
        low, high = segment << 32, segment << 32 | end
        near = [self.base + at for at, place in enumerate(self.places) if low < place < high]
        near += [slot for slot, (place, _) in self.far.items() if low < place < high]
        found = []
        for slot in sorted(near):
            place = self.find(slot)
            if place is not None and place[1] + size(place[2]) > start:
                found.append(slot)
        return found
