"""Bytes that somebody got wrong, or sent on purpose: good ones damaged in a few places, from a seed."""

import random
from collections.abc import Iterator, Sequence

INPUTS = 100_000
"""Of each fuzz test."""
_SPECIAL = (0x00, 0x7F, 0x80, 0x90, 0x91, 0xA0, 0xC0, 0xC1, 0xC4, 0xC6, 0xCF, 0xD3, 0xDC, 0xDD, 0xDE, 0xDF, 0xFF)
"""Where msgpack changes its mind, and the ends of a byte."""


def damaged(good: Sequence[bytes], seed: int, inputs: int = INPUTS) -> Iterator[bytes]:
    """Flipped, cut, spliced, repeated, and now and then made of dice alone."""
    dice = random.Random(seed)
    for _ in range(inputs):
        kind = dice.random()
        if kind < 0.1:
            yield dice.randbytes(dice.randrange(64))
            continue
        data = bytearray(good[int(dice.random() * len(good))])
        for _ in range(1 + int(dice.random() * 3)):
            place = int(dice.random() * (len(data) + 1))
            if kind < 0.5:
                data[place : place + 1] = bytes((dice.choice(_SPECIAL),))
            elif kind < 0.7:
                data[place : place + 1] = bytes((int(dice.random() * 256),))
            elif kind < 0.8:
                del data[place : place + 1 + int(dice.random() * 8)]
            elif kind < 0.9:
                del data[place:]
            else:
                data[place:place] = data[int(dice.random() * (len(data) + 1)) :][:16]
        yield bytes(data)
