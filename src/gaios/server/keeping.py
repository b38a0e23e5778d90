"""The snapshots that one replica has on its disk: which can be read, which are proved.  [PML §5.5; SAFETY 15, 25, 26]

Rule 1. What cannot be read is no snapshot any more: it is neither given nor offered, and its proof is forgotten with it.
Rule 2. While the newest may yet be proved no other is taken. Replicas write theirs one after the other: under sustained writes each would
have taken a newer one before the next in order had written the same, so that none would be proved, and no log given up. How long to wait is
told by the log's time, so that replicas that wait for different ones all go on with the same.  [SAFETY 26, 28]
Rule 3. Peers that ask for what is truncated are offered the newest that is proved.

Left out on purpose: what is done to files, and what becomes of any of them (snapshots.py, retention.py).
"""

from bisect import insort
from typing import Final

from gaios.log import Replica
from gaios.log.proofs import Proofs
from gaios.log.snapshots import Capture, encode_handle
from gaios.log.sums import Finding
from gaios.server.loading import Found, Kept

WRONG: Final = {
    Finding.ODD: "a majority of the replicas has another snapshot behind that slot",
    Finding.SPLIT: "replicas have different snapshots behind that slot, and no majority agrees: the cell does not serve until one does",
}
"""Why a database is in doubt whose snapshot compares so."""


class Keeping:
    """The part of `Snapshots` that knows what there is."""

    def __init__(self, found: Found, replica: Replica) -> None:
        self.kept = found.kept
        """Durable ones, oldest first."""
        self.proofs = Proofs(replica.me, replica.roster, replica.options, found.proved & {kept.handle.slot for kept in found.kept})
        self._proving: dict[int, int] = {}
        """The Outputs with the records that these are proved, which are waited for: by slot."""
        self._replica = replica
        self._spoilt = list(found.spoilt)
        """Slots of those that cannot be read: their files are to be replaced, or removed."""
        self._why = found.why
        self._ahead = max((kept.handle.slot for kept in self.kept if kept.handle.slot > replica.core.chosen), default=0)
        """The slot of a peer's that was durable when this replica was killed, and is to be taken over; 0: none."""
        for kept in self.kept:
            self.proofs.note(kept.handle.slot, kept.handle.digest)
        self._offer()

    @property
    def newest(self) -> Kept | None:
        """The newest that a start would find."""
        return self.kept[-1] if self.kept else None

    @property
    def proved(self) -> list[Kept]:
        """Those that a majority has, oldest first."""
        return [kept for kept in self.kept if self.proofs.is_proved(kept.handle.slot)]

    @property
    def spoilt(self) -> list[int]:
        """Slots of those that cannot be read."""
        return self._spoilt

    @property
    def why(self) -> list[str]:
        """What is unusual, in sentences."""
        disputed = [
            f"replicas have different snapshots behind slot {kept.handle.slot}, and too few have said theirs to tell which is right"
            for kept in self.kept[-1:]
            if self.proofs.judge(kept.handle.slot).finding is Finding.DISPUTED
        ]
        return [*self._why, *disputed]

    def _waits(self, capture: Capture) -> bool:
        """Whether the newest may yet be proved: the first slot that the log names in a later window ends that.

        A window is as long as all replicas take to begin, and one turn more.
        """
        newest, members = self.newest, len(self._replica.members)
        if newest is None or members < 2 or self.proofs.is_proved(newest.handle.slot):
            return False
        window_ms = (members + 1) * self._replica.options.snapshot_stagger_ms
        return capture.part.time_ms // window_ms <= newest.handle.time_ms // window_ms

    def _at(self, slot: int) -> Kept | None:
        return next((kept for kept in self.kept if kept.handle.slot == slot), None)

    def _put(self, new: Kept) -> None:
        """Keep one that is durable and recorded. What `why` says of a damaged one is over once another is in its place, or a newer one."""
        self.kept[:] = [kept for kept in self.kept if kept.handle.slot != new.handle.slot]
        insort(self.kept, new, key=lambda kept: kept.handle.slot)
        if not any(spoilt > new.handle.slot for spoilt in self._spoilt):
            self._why.clear()

    def _lose(self, kept: Kept, why: str) -> None:
        """It cannot be read any more."""
        self.kept.remove(kept)
        self._spoilt.append(kept.handle.slot)
        self._why.append(why)
        self.proofs.disown([kept.handle.slot])
        self._offer()

    def _weigh(self, now: int, slot: int) -> None:
        """Compare ours with what is known of the others'."""
        kept = self._at(slot)
        if kept is None or self.proofs.is_proved(slot) or slot in self._proving or self._replica.doubt.record is not None:
            return
        if (finding := self.proofs.judge(slot).finding) is Finding.AGREED:
            self._proving[slot] = self._replica.snapshot_is_durable(now, kept.handle, proved=True)
        elif finding in WRONG:
            self._replica.contradict(now, slot, WRONG[finding])

    def _offer(self) -> None:
        self._replica.offer = encode_handle(proved[-1].handle) if (proved := self.proved) else b""
