r"""The lock service: a pure machine on the database.  [CHUBBY §2]

    service = LockService()                             # a gaios.Machine
    reply, effects = service.apply(command, context)    # of gaios.lock_api or gaios.api
    reply, effects = service.apply_own(charge, context) # the master's
    answer = service.query(question)

    effects: Told(session, notice)    what a session is to be told
             Ended(session)           it is over
             api.Event                of every key that was changed, last; for watches

Rule 1. Every command is carried out whole, as one MultiOp of the database, or refused whole.  [CHUBBY §2.10]
Rule 2. The state is keys below `\0gaios/` (docs/decisions/0009); all else is made of them.
Rule 3. What one command may cost is bounded, with a typed error where the bound is met.  [SAFETY 28]

`Steward` is the master's side: how time passes, and how notices travel; its `Gate` holds changes of what others may have
cached. Left out on purpose: what a client makes of them (client/).
"""

from gaios.locks.change import Ended, Told
from gaios.locks.service import LockService, is_lock_command
from gaios.locks.steward import Steward

__all__ = ["Ended", "LockService", "Steward", "Told", "is_lock_command"]
