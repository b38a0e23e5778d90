"""The client: a pure core (`core.Core`), an asyncio shell around it (`connect`, `Cell`), and a twin of that without async (`sync`)."""

from gaios.client.aio import Cell, connect
from gaios.client.results import Deleted, Done, Entries, Number, Swapped
from gaios.client.status import CellStatus, ReplicaStatus
from gaios.client.watch import Watch

__all__ = ["Cell", "CellStatus", "Deleted", "Done", "Entries", "Number", "ReplicaStatus", "Swapped", "Watch", "connect"]
