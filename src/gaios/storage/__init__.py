"""What a replica must never forget: a write-ahead log and two copies of its promise, as bytes on a disk.  [PML §4.2; SAFETY 5, 7, 15]

It knows no Paxos: a record is a kind, two numbers and bytes. A pure core says what is to be done; a shell (`storage.disk.Disk`, or the
simulator's disk) does it.

    operations = create(identity, copies, state_record)          # once, when the cell is created: carry them out, then write the manifest

    journal, recovered = Journal.open(identity, reader, indexed={ACCEPT})      # raises StateMissing, StateDamaged, AnotherCell
    recovered.copies                bytes: promise, boot, …
    recovered.records               Record(kind, slot, ballot, payload) in order, `STATE` records included
    recovered.operations            carry out before anything is said; may be queued before the first batch
    recovered.cut                   the unfinished write that was cut, or None
    recovered.damaged               Damage(segment, start, end, …): bytes that were durable and cannot be read, for the caller to repair
    journal.boot = n                before the first batch, once it is known

    operations = journal.batch(copies, records, state)           # the next one only when all operations of this one were carried out;
                                                                 # `state()` gives the STATE record if a segment begins
    operations = journal.mark()     when a batch's sync has returned and nothing else is to be written
    operations = journal.prepare()  at any time, in the background; then journal.spares.made(), or .no_room() and once more later
    journal.lacks(records, state)   asked before `batch`: the size of a file that has to be made first, so that no batch can lack space
    operations = journal.close()    a clean shutdown's last
    journal.locate(kind, slot) -> Location | None;  journal.read(reader, location) -> Record
    operations = journal.give_up(through)      whole old segments that a durable snapshot covers; between two batches

    scrub_segment(reader, identity, number), scrub_snapshot(reader, cell, slot), scrub_copies(reader)     pieces, read at each step
    verify(reader) -> list[Problem]

Operations (`words.py`) are carried out in order; what each promises about crashes is rule 3 there. Not carried out, or failed, means:
stop. A `Reader` has `names()`, `size(name)`, `read(name, offset, length)`.

Files: `promise-1`, `promise-2`, `wal/00000001.wal` …; `wal/next`, `wal/reserve-1`, `wal/reserve-2` and `wal/new` on their way to a number;
`snap/….snap`, one a snapshot (`snapshot.py`), and `snap/new` on its way to a name; `lock` is the shell's.

Left out on purpose: when to give up old segments (a snapshot's work), what damaged records held (the caller's peers know).
"""

from gaios.storage.creation import create
from gaios.storage.journal import Journal
from gaios.storage.record import MARK, PAYLOAD_BYTES_MAX, REPAIR, STATE, Location
from gaios.storage.scrub import PIECE_BYTES, Piece, scrub_copies, scrub_segment, scrub_snapshot
from gaios.storage.segment import SEGMENT_BYTES, SEGMENT_BYTES_MIN
from gaios.storage.verify import Finding, verify
from gaios.storage.words import (
    UNREADABLE,
    Create,
    Damage,
    Identity,
    Operation,
    Place,
    Problem,
    Reader,
    Record,
    Recovered,
    Remove,
    Rename,
    Sync,
    SyncDirectory,
    Write,
    refusal,
)

__all__ = [
    "MARK",
    "PAYLOAD_BYTES_MAX",
    "PIECE_BYTES",
    "REPAIR",
    "SEGMENT_BYTES",
    "SEGMENT_BYTES_MIN",
    "STATE",
    "UNREADABLE",
    "Create",
    "Damage",
    "Finding",
    "Identity",
    "Journal",
    "Location",
    "Operation",
    "Piece",
    "Place",
    "Problem",
    "Reader",
    "Record",
    "Recovered",
    "Remove",
    "Rename",
    "Sync",
    "SyncDirectory",
    "Write",
    "create",
    "refusal",
    "scrub_copies",
    "scrub_segment",
    "scrub_snapshot",
    "verify",
]
