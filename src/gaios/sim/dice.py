"""Dice: every random choice of a simulated world, from one seed.  [STYLE 2]

Rule 1. The same seed and the same sequence of throws give the same numbers, on every machine and under every PYTHONHASHSEED.
Rule 2. Each concern throws dice of its own (`split`): a fault more in the network does not change what the disks do.
"""

from collections.abc import Sequence
from hashlib import blake2b
from math import log
from random import Random
from typing import TypeVar

T = TypeVar("T")
_GRAIN_BITS = 20
"""Logarithms are cut to so many binary places: two machines may differ in the last bit of one."""
_GRAINS = -(1 << _GRAIN_BITS)


class Dice:
    """A splittable generator. Not for secrets."""

    __slots__ = ("_path", "_random", "throw")

    def __init__(self, seed: int | str) -> None:
        self._path = str(seed)
        self._random = Random(int.from_bytes(blake2b(self._path.encode(), digest_size=16).digest(), "big"))  # noqa: S311 (not for secrets)
        self.throw = self._random.random
        """The next number of the sequence, 0 or more and less than 1."""

    def split(self, name: str) -> "Dice":
        """Dice of its own for the concern `name`: independent of how often these were thrown."""
        return Dice(f"{self._path}/{name}")

    def chance(self, probability: float) -> bool:
        """True with this probability, 0 to 1."""
        return probability > 0 and self.throw() < probability

    def below(self, count: int) -> int:
        """A whole number from 0 to count - 1."""
        return int(self.throw() * count)

    def between(self, low: int, high: int) -> int:
        """A whole number from low to high, both possible."""
        return low + int(self.throw() * (high - low + 1))

    def skewed(self, low: int, high: int) -> int:
        """A whole number from low to high, small ones as likely as large ones (uniform in the logarithm)."""
        return min(high, int(low * (high / low) ** self.throw()))

    def around(self, mean: int) -> int:
        """A waiting time with this mean: exponential, at most eight times the mean, at least 1."""
        waited = mean * int(_GRAINS * log(1.0 - self.throw())) >> _GRAIN_BITS
        most = 8 * mean
        return 1 if waited < 1 else waited if waited < most else most

    def pick(self, choices: Sequence[T]) -> T:
        """One of them."""
        return choices[int(self.throw() * len(choices))]

    def some(self, choices: Sequence[T], probability: float = 0.5) -> list[T]:
        """A subset in order, each with this probability."""
        return [choice for choice in choices if self.throw() < probability]

    def shuffled(self, choices: Sequence[T]) -> list[T]:
        """All of them in another order."""
        rest = list(choices)
        for at in range(len(rest) - 1, 0, -1):
            other = int(self.throw() * (at + 1))
            rest[at], rest[other] = rest[other], rest[at]
        return rest

    def bytes(self, count: int) -> bytes:
        """So many random bytes."""
        return self._random.randbytes(count)
