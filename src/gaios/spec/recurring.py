"""What configurations have in common: their constants, and what happens in them."""

from typing import Final

ROUND: Final = {"ROUND": 4}
CLOCKS: Final = {**ROUND, "SKEW": 1, "DRIFT_PPM": 334_000, "LAST": 3}
MARKED: Final = {"mark": "chosen", "known": "config", "them": "voters"}
"""The mark of what is chosen is written with the step: what its lateness does is the business of `late-marks`."""
VALUES: Final = ("Campaign", "Recover", "Propose")
LEASE: Final = ("Campaign", "Recover", "Beat", "Tick")
FREE: Final = {1: (1, 3), 2: (2,), 3: ()}
