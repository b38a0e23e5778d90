"""The exhibits, for tests that want bugs which are known to be caught."""

from gaios.sim.museum.exhibits import EXHIBITS, pins

__all__ = ["EXHIBITS", "pins"]
