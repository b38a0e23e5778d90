"""The lock service: a pure machine on the database, and the master's side of sessions.  [CHUBBY §2]"""

from gaios.locks.steward import Book, Reply, Steward

__all__ = ["Book", "Reply", "Steward"]
