"""Remote backups: what a cell can be made anew from when a majority of it has lost its disks.  [SAFETY 2, 16, 23; PML §5.5]

    URL/head                the newest state of the store: which backups count, which generations were given out    (conditional put)
    URL/ID/manifest         one backup: what it is made of, and the proof that it can be restored                   (created, never changed)
    URL/ID/closing          what proves the chunks of its snapshot
    URL/ID/c/000000 …       chunks, each compressed; one that the backup before has too is named there and not sent again
    URL/ID/l/0000… …        pieces of the log: chosen values, in order, compressed

    store = stores.open_store("s3://bucket/prefix")            or file:///DIR
    save(store, directory, …) -> Saved                         a replica may run on the directory meanwhile
    choose(store, …) -> Plan; rebuild(store, plan) -> Rebuilt  a machine in memory, as it was behind a slot
    reserve(store, …) -> generation; rebase(rebuilt, …) -> Base        what a new cell's directories are made with

Rule 1. An object that counts is never changed but for `head`, and that only under the condition that it is still what was read.
Rule 2. A backup counts when `head` names it, and `head` names none that was not read back, restored and compared first.
Rule 3. Nothing that a backup named by `head` needs is ever deleted; what a backup takes over from an earlier one it takes from the newest
that `head` names, and when `head` has changed meanwhile it begins anew.
Rule 4. Whatever an object holds, reading raises `BackupDamaged`, and nothing else.

Pure are `manifest`, `pieces` and `rebase`; the others read a directory, or go to a store.
"""
