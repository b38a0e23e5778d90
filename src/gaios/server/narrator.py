"""What a replica's log file tells of its life: who is master, how disks and databases are, who is missing. Each change once.  [PML §6.3]"""

from typing import Final

from gaios.log import Room
from gaios.server.logs import Logger
from gaios.server.node import Node

LOOK_NS: Final = 1_000_000_000
"""Between two looks at the gauge."""
ALARM_NS: Final = 2_000_000_000
"""A member that did not count for so long is told of: a restart is over by then."""


class Narrator:
    """Looks at a node after each turn."""

    def __init__(self, node: Node, log: Logger) -> None:
        self._node, self._log = node, log
        self._standing: tuple[int, int, int] | None = None
        """What a role follows from: a glance, for most turns change nothing."""
        self._shown: tuple[str, int, int] = ("", 0, 0)
        self._room = Room.PLENTY
        self._fetches = 0
        self._look_due = 0
        self._missing: dict[int, str] = {}
        """Members that are told to be missing, and why."""

    def look(self, now: int) -> None:
        """Tell what changed."""
        replica = self._node.replica
        standing = (replica.master, replica.ballot, replica.config)
        if standing != self._standing:
            self._standing = standing
            self._tell_role()
        if replica.space.room != self._room:
            self._tell_room(replica.space.room)
        if replica.doubt.news:
            for event, fields in replica.doubt.news:
                self._log.warning(event, **fields)
            replica.doubt.news.clear()
        for is_found, fields in self._node.damages.news(self._node.snapshots):
            if is_found:
                self._log.warning("damage_found", **fields)
            else:
                self._log.info("damage_repaired", **fields)
        if (snapshots := self._node.snapshots).fetches != self._fetches and snapshots.fetched is not None:
            self._fetches = snapshots.fetches
            slot, peers, store = snapshots.fetched
            self._log.info("snapshot_fetched", slot=slot, parts_from_peers=peers, parts_from_store=store)
        if now >= self._look_due:
            self._look_due = now + LOOK_NS
            self._tell_missing(now)

    def _tell_missing(self, now: int) -> None:
        """A master says which members it cannot count on: one that never takes part looks like all is well.  [PML §6.3]"""
        replica, before, self._missing = self._node.replica, self._missing, {}
        if not replica.is_serving:
            return
        for member, reason, since_ns in replica.unfit(now):
            if now - since_ns < ALARM_NS and member not in before:
                continue
            self._missing[member] = reason
            if before.get(member) != reason:
                place = replica.members[member]
                fields = {"reason": str(reason), "for_ms": (now - since_ns) // 1_000_000, "tolerates": replica.tolerates(now)}
                self._log.warning("member_missing", peer=place, **fields, problem=self._node.problems.get(place))
        for member in before.keys() - self._missing.keys():
            self._log.info("member_back", peer=replica.members.get(member, member), tolerates=replica.tolerates(now))

    def _tell_role(self) -> None:
        replica = self._node.replica
        shown, self._shown = self._shown, (replica.role, replica.ballot, replica.master)
        if shown == self._shown:
            return
        before, (role, ballot, master) = shown[0], self._shown
        if role == "master":
            event = "became_master"
        else:
            event = "lost_mastership" if before == "master" else "follows" if master else "seeks_master"
        self._log.info(event, ballot=ballot, master=master or None, slot=replica.chosen)

    def _tell_room(self, room: Room) -> None:
        self._room = room
        free_bytes = self._node.commit.journal.free_bytes()
        if room == Room.PLENTY:
            self._log.info("disk_has_room", free_bytes=free_bytes)
        else:
            event = "disk_full" if room == Room.SHORT else "disk_full_no_reserve"
            self._log.warning(event, left_bytes=free_bytes, hint="free space; it goes on by itself")
