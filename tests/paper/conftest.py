"""Cells in memory for statements that only a whole client can be held to."""

from tests.client.conftest import cell, clock, fake, other

__all__ = ["cell", "clock", "fake", "other"]
