"""overlay"""

from gaios.locks.change import Ended, Told
from gaios.locks.service import LockService
from gaios.locks.steward import Book, Reply, Steward

__all__ = ["Book", "Ended", "LockService", "Reply", "Steward", "Told"]
