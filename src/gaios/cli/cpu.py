"""What the replicas of a cell have used of their processors, read from the outside.

Each replica's admin port is asked for `gaios_process_cpu_seconds_total`.
"""

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gaios.client import CellStatus

METRIC = b"gaios_process_cpu_seconds_total "
ANSWER_BYTES_MAX = 1 << 20
TIMEOUT_S = 2.0


class Meter:
    """Reads the sum over the replicas that answered when it was made."""

    def __init__(self, admins: list[str]) -> None:
        self.admins = admins

    @classmethod
    def of(cls, told: "CellStatus") -> "Meter":
        """A meter for all replicas that answered."""
        return cls([replica.admin for replica in told.replicas if replica.admin and replica.role != "unreachable"])

    async def read(self) -> float | None:
        """Seconds of all of them; None if one does not tell, for then the sum would be wrong."""
        found = await asyncio.gather(*(cpu_seconds(admin) for admin in self.admins))
        known = [value for value in found if value is not None]
        return sum(known) if known and len(known) == len(found) else None


async def cpu_seconds(admin: str) -> float | None:
    """What one replica's process has used since it started, user and system; None if it does not tell."""
    try:
        async with asyncio.timeout(TIMEOUT_S):
            return parse(await get(admin, "/metrics"))
    except (OSError, TimeoutError, ValueError, asyncio.IncompleteReadError):
        return None


def parse(metrics: bytes) -> float | None:
    """The process' seconds in the text format of Prometheus."""
    for line in metrics.splitlines():
        if line.startswith(METRIC):
            return float(line[len(METRIC) :])
    return None


async def get(address: str, path: str) -> bytes:
    """What one HTTP GET answers, head and body together."""
    host, _, port = address.rpartition(":")
    reader, writer = await asyncio.open_connection(host.strip("[]"), int(port))
    try:
        writer.write(f"GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n".encode())
        data = b""
        while len(data) < ANSWER_BYTES_MAX and (part := await reader.read(65_536)):
            data += part
        return data
    finally:
        writer.close()
