"""What a replica wants done, and in which order.  [SAFETY 5]

A shell carries an `Output` out like this, and only like this:

    1. `copies`, if any: both copies written and synced, one after the other.
    2. `records` appended to the WAL and synced; several Outputs may share one sync.
    3. `after` leaves (or, addressed to this replica, is handed back to it) once 1 and 2 of this and all earlier Outputs are durable;
       then `Replica.synced(number)` is called.
    4. `at_once` and `answers` may leave before. Of a start there is none before its boot is durable.

`effects`, `captures`, `transfers` and `reads` are carried out beside all of that, in any order.  [SAFETY 26]
"""

from typing import Any

from gaios.log.answers import Answer
from gaios.log.codec import Message
from gaios.log.records import Record
from gaios.log.snapshots import Capture

OTHERS = 0
"""As a destination: every other member."""


class Output:
    """One step's consequences. `number` counts Outputs from 1."""

    __slots__ = ("after", "answers", "at_once", "captures", "copies", "effects", "number", "reads", "records", "transfers")

    def __init__(self, number: int) -> None:
        self.number = number
        self.copies: bytes | None = None
        """The new content of the promise copies; None: it stays."""
        self.records: list[Record] = []
        self.after: list[tuple[int, Message]] = []
        self.at_once: list[tuple[int, Message]] = []
        """Messages, each with its destination: a member, or OTHERS."""
        self.answers: list[tuple[Any, Answer]] = []
        """Each with the token of who asked."""
        self.effects: list[Any] = []
        """Of the machine, in order: what applied commands tell this replica's own listeners."""
        self.captures: list[Capture] = []
        """Snapshots that the log asked for: to be made by and by, of the state as it is now."""
        self.transfers: list[tuple[int, Message]] = []
        """What members said about snapshots: whoever keeps this replica's answers them."""
        self.reads: list[tuple[int, int]] = []
        """(member, slot): a chosen value that is on the disk alone; hand it to `Replica.supply`, for that member."""

    def __bool__(self) -> bool:
        """Whether there is anything to do."""
        if self.at_once or self.after or self.answers or self.records:
            return True
        return bool(self.effects or self.reads or self.captures or self.transfers or self.copies is not None)
