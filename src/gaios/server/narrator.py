"""What a replica's log file tells of its life: who is master, how its disk and its database are. Each change once."""

from gaios.log import Room
from gaios.server.logs import Logger
from gaios.server.node import Node


class Narrator:
    """Looks at a node after each turn."""

    def __init__(self, node: Node, log: Logger) -> None:
        self._node, self._log = node, log
        self._shown: tuple[str, int, int] = ("", 0, 0)
        self._room = Room.PLENTY

    def look(self) -> None:
        """Tell what changed."""
        replica = self._node.replica
        if (replica.role, replica.ballot, replica.master) != self._shown:
            self._tell_role()
        if replica.space.room != self._room:
            self._tell_room(replica.space.room)
        if replica.doubt.news:
            for event, fields in replica.doubt.news:
                self._log.warning(event, **fields)
            replica.doubt.news.clear()

    def _tell_role(self) -> None:
        replica = self._node.replica
        before, self._shown = self._shown[0], (replica.role, replica.ballot, replica.master)
        role, ballot, master = self._shown
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
