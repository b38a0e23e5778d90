"""A store against itself: all that is kept up to date, computed from scratch. For tests, and for whoever doubts."""

from gaios.api import FIRST_REVISION
from gaios.db.store import Store
from gaios.errors import InvariantViolated


def audit(store: Store) -> None:
    """Compute everything that is kept up to date from scratch, and compare. O(everything).

    Raises:
        InvariantViolated: something differs.
    """
    _same("rule 2: a key with records is live or dead", sorted([*store.live, *store.dead]), sorted(store.histories))
    base, log = store.parts()
    again = Store()
    again.load(base, log, store.revision, store.compacted)
    _same("rule 1: histories are base and log", store.histories, again.histories)
    _same("rule 2: live keys", list(store.live), list(again.live))
    _same("rule 2: dead keys", list(store.dead), list(again.dead))
    _same("rule 3: whether records are left behind", store.sweeping, again.sweeping)
    _same("rule 4: total", store.total, again.total)
    _same("rule 4: records of the base", store.base, again.base)
    _same("rule 4: bytes", (store.bytes, store.log_bytes), (again.bytes, again.log_bytes))
    _same("records of the log are in order", sorted(log, key=lambda record: (record.mod_revision, record.key)), log)
    _same("one record a key and revision", len({(record.mod_revision, record.key) for record in log}), len(log))
    _same("a base holds puts", [record for record in base if record.value is None], [])
    _same("no record is of the future", [record for record in log if record.mod_revision > store.revision], [])
    _same("the compaction point is a revision", FIRST_REVISION <= store.compacted <= store.revision, True)


def _same(what: str, kept: object, computed: object) -> None:
    if kept != computed:
        raise InvariantViolated(invariant=what, detail=f"kept {kept!r:.200}, computed {computed!r:.200}")
