"""Every number that the client's behaviour hangs on, with its unit and its reason.  [SAFETY 28]"""

from typing import Final

MS: Final = 1_000_000
"""Nanoseconds in a millisecond."""
NEVER: Final = 1 << 62
"""A time that does not come, ns."""

WINDOW: Final = 512
"""Commands of one session that are not yet resolved: half of the answers that the cell's exactly-once table keeps for a client."""
CALLS_MAX: Final = 16_384
"""Calls under way or waiting; one more is `Overloaded`."""
PAYLOAD_BYTES_MAX: Final = 2 << 20
"""Bytes of one call: less than a replica's limit for a client's frame. The database's own limits are lower."""
CALL_BYTES_MAX: Final = 64 << 20
"""Bytes of calls under way or waiting."""
ENDPOINTS_MAX: Final = 64
"""Addresses known: those given, and those that replicas named."""

PING_AFTER: Final = 150 * MS
"""A replica that owes an answer for so long is asked whether it is there: above a slow sync."""
SILENT_AFTER: Final = 300 * MS
"""One that then says nothing for so long is no longer taken for the master; what it was sent stays open."""
DEAD_AFTER: Final = 3_000 * MS
"""And for so long: its connection is given up, and what it was sent is in doubt."""
OPEN_WITHIN: Final = 1_000 * MS
"""Dialling and shaking hands."""
OWN_PAUSE: Final = 100 * MS
"""A tick that comes so late says that this process stood still, not that a replica was silent."""
KEEP_ALIVE: Final = 1_000 * MS
"""A connection that carries watches is never quiet for longer."""
SAY_SOMETHING: Final = 15_000 * MS
"""However much it hears, a connection with watches says something this often: replicas cut clients that say nothing for a minute."""
LINGER: Final = 2_000 * MS
"""Connections that were opened to find the master are closed after this when nothing runs on them."""

WARM_UP: Final = 3_000 * MS
"""For so long a new client looks for the master although nobody has asked for anything yet."""
SEEK_FIRST: Final = 15 * MS
"""A search asks one replica first, and waits so long before it asks the others: most searches end with the first answer."""
SEEK_EVERY: Final = (25 * MS, 45 * MS)
"""Between two rounds of a search, by lot, at its beginning; also, who declined is not asked again before that."""
SEEK_SLOWER: Final = 2
"""Then a round comes after a quarter to a half (one in so much) of the time searched so far, by lot: many clients that ask a cell without a
master hinder it. They do not wait that long for its word: whoever becomes master says so unasked to all that are connected."""
SEEK_PATIENT: Final = 500 * MS
"""And after this at the latest."""
SEEK_WIDTH: Final = 2
"""Replicas asked a round, in turn: two, so that a paused one does not cost a round; not all, for the sake of cells with many clients."""
ASK_AGAIN: Final = 10 * MS
"""The least time between two questions to one replica: two that take each other for the master cannot make a client spin."""
REDIAL: Final = (15 * MS, 200 * MS)
"""After a connection failed, the next is tried no sooner: doubling from the first to the second, by lot."""
BACK_OFF: Final = (10 * MS, 320 * MS)
"""After `Overloaded`, or a watch that the replica ended: doubling from the first to the second, by lot."""

DRIFT_PPM: Final = 1_000
"""How much faster one clock may run than another, parts per million: as the replicas' own bound."""
SENT_MAX: Final = 1_024
"""KeepAlives of one session that no charge is known to list; one that was forgotten extends nothing."""
