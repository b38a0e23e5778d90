"""Choices by lot, from a seed: so the client is a function of what it is told, and two clients do not act at the same moment."""


class Dice:
    """Numbers from a seed. Whoever knows the seed knows them all: they are no secrets."""

    __slots__ = ("_state",)

    def __init__(self, seed: int) -> None:
        self._state = seed & 0xFFFF_FFFF_FFFF_FFFF

    def below(self, limit: int) -> int:
        """0 to limit - 1."""
        self._state = (self._state * 6364136223846793005 + 1442695040888963407) & 0xFFFF_FFFF_FFFF_FFFF
        return (self._state >> 24) % limit

    def between(self, bounds: tuple[int, int]) -> int:
        """From the first to the second."""
        return bounds[0] + self.below(bounds[1] - bounds[0] + 1)

    def back_off(self, tries: int, bounds: tuple[int, int]) -> int:
        """How long to wait after so many failures: doubling from the first bound to the second, then anything from half of it on."""
        longest = min(bounds[0] << min(tries - 1, 16), bounds[1])
        return self.between((longest // 2, longest))
