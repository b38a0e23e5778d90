"""What a put costs five replicas but for sockets and disks, in microseconds: `python -m bench.node_speed [CLIENTS] [--profile]`.

Five nodes in one process carry out what clients send; each frame is decoded and encoded as on the wire, disks do nothing but write into
memory. The best of some rounds is printed, so that a noisy machine tells the same twice. A real cell's figure has the kernel, and five cold
processes, on top: that is `gaios bench put`.
"""

import cProfile
import pstats
import sys
from time import process_time_ns

from gaios import api, entry
from gaios.transport import Decoder, Kind, encode_submit
from tests.server.parts import HandCell

ROUNDS = 7
SLOTS = 40
GROUPS = 4
"""Turns of the loop in which a slot's clients come."""


class Bench:
    """A cell and its clients, each with one put under way."""

    def __init__(self, clients: int) -> None:
        self.cell = HandCell(5)
        self.master = self.cell.elect()
        self.clients = range(1, clients + 1)
        self.sequences = dict.fromkeys(self.clients, 0)
        self.decoders = {client: Decoder(1 << 20, magic=False) for client in self.clients}
        self.identities: dict[int, entry.Identity] = {}
        for client in self.clients:
            self.cell.ask(self.master, client, 1, entry.register())
        self.cell.run(20_000_000)
        for client in self.clients:
            (answer,) = self.cell.answers(self.master, client)
            self.identities[client] = entry.Identity(answer.slot, answer.index)
        self.cell.frames[self.master].clear()
        self.number = 0
        self.value = bytes(256)

    def frames(self) -> list[tuple[int, bytes]]:
        """What each client sends for its next put."""
        made = []
        for client in self.clients:
            self.number += 1
            self.sequences[client] += 1
            sequence = self.sequences[client]
            command = api.encode(api.MultiOp(then=(api.Put(b"bench/%08d" % (self.number * 7_919 % 10_000), self.value),)))
            data = entry.encode(entry.Kind.COMMAND, self.identities[client], sequence, sequence - 1, command)
            made.append((client, encode_submit(sequence + 1, data)))
        return made

    def slot(self, frames: list[tuple[int, bytes]]) -> None:
        """One round of all clients."""
        cell, master = self.cell, self.master
        node = cell.nodes[master]
        cell.now += 3_000_000
        step = -(-len(frames) // GROUPS)
        for begin in range(0, len(frames), step):
            for client, data in frames[begin : begin + step]:
                for kind, body in self.decoders[client].feed(data):
                    node.client_frame(cell.now, client, kind, body)
            if begin + step >= len(frames):
                cell.now += 10_000_000
            cell.drain(master)
        cell.settle()
        for client in self.clients:
            (frame,) = cell.frames[master].pop(client)
            assert frame[0] == Kind.ANSWER


def main(clients: int, *, profile: bool) -> None:
    """Print the figure, or where the time goes."""
    bench = Bench(clients)
    for node in bench.cell.nodes.values():
        node.check = lambda: None  # type: ignore[method-assign]
    fastest = float("inf")
    profiler = cProfile.Profile()
    for _ in range(ROUNDS):
        rounds = [bench.frames() for _ in range(SLOTS)]
        if profile:
            profiler.enable()
        start = process_time_ns()
        for frames in rounds:
            bench.slot(frames)
        fastest = min(fastest, (process_time_ns() - start) / SLOTS / clients / 1_000)
        profiler.disable()
    if profile:
        pstats.Stats(profiler).sort_stats("tottime").print_stats(45)
    print(f"{clients} clients: {fastest:.1f} µs a put over five replicas")


if __name__ == "__main__":
    main(next((int(word) for word in sys.argv[1:] if word.isdecimal()), 64), profile="--profile" in sys.argv)
