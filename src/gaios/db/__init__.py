"""The database: a pure machine on the log, with every revision since the last compaction.  [PML §5.6]

    database = Database()                           # a gaios.Machine
    reply, effects = database.apply(command, ctx)   # effects: the api.Events of one revision, ordered by key
    answer = database.query(question)

    hub = Hub(database)                             # who waits for which events; pure too
    hub.publish(effects)                            # after each command, or after several: in order
    hub.watch(token, key, end, from_revision)       # raises Compacted, Overloaded, KeyTooLong, InvalidCommand
    for token, events, next_revision, error in hub.drain(ready): ...

Rule 1. A revision is a state. A MultiOp that changes something makes one, whatever the number of its operations; one that changes nothing,
or fails, makes none.
Rule 2. A revision holds at most one event of a key: the key's last change in that MultiOp. What an operation saw of those before it is in
its result and nowhere else. A key that came and went within one MultiOp leaves a delete.
Rule 3. Everything that one command or one page may cost is bounded, with a typed error where the bound is met.  [SAFETY 28]
Rule 4. Compaction takes effect at once and is tidied up little by little, as commands are applied: the same at every replica.  [SAFETY 27]
Rule 5. The checksum follows every change; it is that of the state computed from scratch.  [PML §6.2]

Left out on purpose: sessions and retries (log/), locks (locks/), leases of keys, how an event travels (server/).
"""

from gaios.db.database import Database
from gaios.db.watch import Delivery, Hub

__all__ = ["Database", "Delivery", "Hub"]
