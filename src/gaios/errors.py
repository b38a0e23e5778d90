"""Every error that gaios raises, in one tree.

    Error
    ├── Refused                    the command did not and will not take effect
    │   ├── InvalidCommand         it cannot be understood, or exceeds a limit
    │   │   ├── NotThisCell
    │   │   ├── KeyTooLong · ValueTooLong · TooManyOperations · CommandTooLong
    │   ├── NotMaster              ask another replica
    │   ├── Overloaded             a bounded queue is full; try again later
    │   ├── Unavailable            no master answered before the deadline
    │   │   └── Diverged           this replica's database differs from the others', so it serves nobody
    │   ├── Compacted              that revision's history was dropped
    │   ├── FutureRevision         that revision does not exist yet
    │   ├── NotANumber             increment of a value that is not a decimal number
    │   ├── TooMuchWork            a MultiOp or page would look at, change or return too much at once
    │   ├── DatabaseFull           the database holds as much as it may; deletes and compactions still work
    │   ├── DiskFull               the disks of too many replicas are full; reads, deletes and compactions still work
    │   ├── UnknownSession         the cell does not know this client (any more)
    │   ├── InvalidToken           that is no fencing token
    │   ├── Fenced                 whoever receives the change has seen a newer token: the lock was lost
    │   └── LockRefused            the lock service says no
    │       ├── SessionExpired · UnknownLockSession · UnknownHandle · HandleInvalid · ReadOnlyHandle
    │       ├── NoSuchNode · NodeExists · WrongKindOfNode · NotEmpty · PermissionDenied
    │       └── LockConflict · StaleSequencer · LimitReached
    ├── StaleRequest               it was carried out and answered before; the answer is forgotten
    ├── Unknown                    the outcome is not known: it may have taken effect, now or later
    ├── ProtocolError              bytes that break the wire's rules
    │   ├── BootRefused            a member that comes in a boot which is not its newest
    │   └── NewerFormat            and they are of a newer format
    ├── NotAcquired                a lock that was not free in time
    ├── NotInTime                  something that was waited for did not happen in time
    ├── NotDue                     somebody has done it in this period already
    ├── Disagreement               a number that all who use a thing have to agree on, and do not
    ├── HandlePoisoned             a handle whose user wanted its calls to fail
    ├── LockLost                   a lock that is not held any more, or may not be
    │   └── LostBeforeCall         and its holder's call was not sent
    ├── ConfigurationError         wrong usage or configuration
    │   └── AnotherCell · DirectoryInUse · StaleBackup
    ├── PortTaken                  a listening address is in use
    ├── StateMissing               a listed replica's directory or promise state is not there
    ├── Removed                    the cell has no such member any more
    ├── StateLost                  its directory holds an older state than the cell has seen of it, or is a copy of one in use
    ├── StateDamaged               bytes on disk that must not be trusted
    ├── ReplicaFailed              replicas of a local cell that cannot start from their disks
    ├── BackupDamaged              what a store of backups holds is not what was put there
    ├── DiskFailed                 a write or sync failed: this replica has stopped
    ├── TooOld                     a newer version wrote this: what stands there is neither skipped nor guessed
    │   └── UnknownKind            a log entry of a kind that this version cannot apply
    └── InvariantViolated          gaios found itself wrong

Each class answers two questions.

*deterministic*: would every replica raise this for the same command in the same state? Then it is an answer, and a replica goes
on after applying the command. If not, raising it while applying must stop the replica: the alternative is silent divergence.

*definite*: is it certain that the command did not take effect and never will? If not, only a retry with the same identity is
safe. When in doubt it is False.  [SAFETY 17, 20]

Arguments are keyword-only and stay as attributes of the same name; a message says what happened, to which thing, and what to do now.
So an error crosses a wire as its class's name and those arguments: `pack`, `unpack`.
"""

import re
from typing import Any, ClassVar, Final

import msgspec

_PLAIN: Final = re.compile(r"[A-Za-z0-9_./:@%+=-]+")


def _explained(path: str, sequencer: str = "") -> str:
    """What to type to be told of a lock; whatever its name is made of, a shell takes it for one word."""
    name = f"/ls/local{path}"
    if not _PLAIN.fullmatch(name):
        name = "'" + name.replace("'", "'\\''") + "'"
    return f"gaios explain --lock {name}" + (f" --sequencer {sequencer}" if sequencer else "")


class Error(Exception):
    """Root of the tree above. Never raised itself."""

    deterministic: ClassVar[bool] = False
    definite: ClassVar[bool] = False
    hint: str = ""
    """What the reader can do now; empty where the message says it."""


class Refused(Error):
    """The command did not and will not take effect."""

    definite = True


class InvalidCommand(Refused):
    """A command that cannot be understood. Raised before it is proposed, or, for old bytes, answered at apply.  [SAFETY 17]"""

    deterministic = True

    def __init__(self, *, reason: str) -> None:
        self.reason = reason
        super().__init__(f"invalid command: {reason}")


class NotThisCell(InvalidCommand):
    """A path that names another cell than the one that was asked."""

    def __init__(self, *, path: str, named: str, name: str, id: str) -> None:  # noqa: A002 (as everywhere of a cell)
        self.path, self.named, self.name, self.id = path, named, name, id
        self.hint = f"connect to {named}, or write /ls/{name}/… or /ls/local/… for this cell"
        super().__init__(reason=f"{path} is of the cell {named!r}; this is the cell {name!r}, whose id is {id}")


class KeyTooLong(InvalidCommand):
    """A key that is empty or longer than `api.KEY_BYTES_MAX`."""

    def __init__(self, *, length: int, limit: int) -> None:
        self.length, self.limit = length, limit
        super().__init__(reason=f"a key must have 1 to {limit} bytes; this one " + (f"has {length}" if length else "is empty"))


class ValueTooLong(InvalidCommand):
    """A value longer than `api.VALUE_BYTES_MAX`."""

    def __init__(self, *, length: int, limit: int) -> None:
        self.length, self.limit = length, limit
        super().__init__(reason=f"a value has {length} bytes; at most {limit} are allowed")


class TooManyOperations(InvalidCommand):
    """More than `api.OPERATIONS_MAX` entries in a MultiOp's guard, then or otherwise."""

    def __init__(self, *, where: str, count: int, limit: int) -> None:
        self.where, self.count, self.limit = where, count, limit
        super().__init__(reason=f"{where!r} has {count} entries; at most {limit} are allowed")


class CommandTooLong(InvalidCommand):
    """A command longer than `api.COMMAND_BYTES_MAX`."""

    def __init__(self, *, length: int, limit: int) -> None:
        self.length, self.limit = length, limit
        super().__init__(reason=f"the command has {length} bytes; at most {limit} are allowed: split it")


class NotMaster(Refused):
    """This replica is not the master, or not yet able to serve as one.

    `master` is the client address `HOST:PORT` of the replica to ask, empty when this one does not know.
    """

    def __init__(self, *, replica: int, master: str = "") -> None:
        self.replica, self.master = replica, master
        super().__init__(f"replica {replica} is not the master; " + (f"ask {master}" if master else "it knows of none yet"))


class Overloaded(Refused):
    """A bounded queue is full. Consensus goes on; new work is turned away until some is done.  [SAFETY 28]"""

    def __init__(self, *, what: str, limit: int, unit: str) -> None:
        self.what, self.limit, self.unit = what, limit, unit
        super().__init__(f"{what} is full ({limit} {unit}); try again in a moment")


class Unavailable(Refused):
    """No master could be reached before the deadline, and nothing was sent that could still take effect."""

    def __init__(self, *, waited_ms: int, reason: str) -> None:
        self.waited_ms, self.reason = waited_ms, reason
        # Where nobody waited, the time explains nothing.
        super().__init__(f"the cell did not answer within {waited_ms} ms: {reason}" if waited_ms else reason)


class Diverged(Unavailable):
    """A replica whose database came to another state at `slot` than it should: it is in quarantine, serves nobody, and rebuilds itself."""

    hint = "gaios status says how far it is; where no replica serves, gaios diff shows what differs"

    def __init__(self, *, slot: int, reason: str) -> None:
        self.slot, self.reason, self.waited_ms = slot, reason, 0
        Refused.__init__(self, f"this replica's database is in quarantine since slot {slot}: {reason}")


class Compacted(Refused):
    """History before `compacted` was dropped; `revision` lies before it."""

    deterministic = True

    def __init__(self, *, revision: int, compacted: int) -> None:
        self.revision, self.compacted = revision, compacted
        super().__init__(f"revision {revision} was compacted; the oldest readable one is {compacted}")


class FutureRevision(Refused):
    """A revision that the database has not reached."""

    deterministic = True

    def __init__(self, *, revision: int, current: int) -> None:
        self.revision, self.current = revision, current
        super().__init__(f"revision {revision} does not exist yet; the current one is {current}")


class NotANumber(Refused):
    """An increment met a value that is not a decimal number, or would leave the 64-bit range."""

    deterministic = True

    def __init__(self, *, key: bytes, reason: str) -> None:
        self.key, self.reason = key, reason
        super().__init__(f"cannot increment {repr(key)[1:]}: {reason.replace('value b', 'value ', 1)}; nothing was changed")


class TooMuchWork(Refused):
    """One MultiOp, or one page, would hold up the whole cell: `do` more than `limit` `unit`.  [SAFETY 28]"""

    deterministic = True

    def __init__(self, *, do: str, limit: int, unit: str) -> None:
        self.do, self.limit, self.unit = do, limit, unit
        super().__init__(f"this would {do} more than {limit} {unit} at once; nothing was changed: use smaller ranges, one after another")


class DatabaseFull(Refused):
    """A put or an increment would take the database past its bound. Reads, deletes and compactions still work.  [SAFETY 28]"""

    deterministic = True

    def __init__(self, *, limit: int) -> None:
        self.limit = limit
        super().__init__(f"the database holds all of its {limit} bytes; delete keys, then compact: gaios compact REV")


class DiskFull(Refused):
    """The cell's log has no room for what grows, because the disks of `replicas` are full; ids, as `2, 3`. Nothing was proposed.

    `reserve`: there is some left in which reads, KeepAlives, deletes and compactions go on; else reads alone do.  [SAFETY 28]
    """

    def __init__(self, *, replicas: str, reserve: bool) -> None:
        self.replicas, self.reserve = replicas, reserve
        self.hint = "free space on their file systems, it goes on by itself; gaios status shows them"
        goes_on = "reads, deletes and compactions still work" if reserve else "reads still work"
        disks = f"the disks of replicas {replicas} are" if "," in replicas else f"the disk of replica {replicas} is"
        super().__init__(f"no room for a write: {disks} full; {goes_on}; nothing was changed")


class UnknownSession(Refused):
    """The exactly-once table does not know this client: it was evicted, or belongs to another cell.  [SAFETY 19]

    It is definite for the attempt that met it; a client that had sent an earlier attempt reports `Unknown`.
    """

    deterministic = True

    def __init__(self, *, slot: int, index: int) -> None:
        self.slot, self.index = slot, index
        super().__init__(f"the cell does not know client {slot}.{index}; register again")


class InvalidToken(Refused):
    """Something else where a fencing token `GENERATION.REVISION` was expected. Its first 80 characters are kept."""

    def __init__(self, *, given: str) -> None:
        self.given = given[:80]
        super().__init__(f"not a fencing token: {self.given!r}; one looks like 0.812: the sequencer's generation and revision")


class Fenced(Refused):
    """What receives a change has seen a newer token than the one that came with it. Nothing was changed.  [SAFETY 23]

    `what` was guarded; the tokens `seen` and `given` are `GENERATION.REVISION`.
    """

    def __init__(self, *, what: str, seen: str, given: str) -> None:
        self.what, self.seen, self.given = what, seen, given
        lost = f"{what} has seen token {seen}, newer than {given}: the lock was lost, and its next holder was here"
        super().__init__(f"{lost}; nothing was changed: acquire the lock again, and read before you write")


class LockRefused(Refused):
    """The lock service's answer is no."""

    deterministic = True


class SessionExpired(LockRefused):
    """A session that has ended: everything that it held was given up."""

    def __init__(self, *, session: int) -> None:
        self.session = session
        self.hint = f"see why: gaios explain --session {session}"
        super().__init__(f"session {session} is over: it expired or was closed, and nothing is held by it any more; open a new one")


class UnknownLockSession(LockRefused):
    """No session of this number, or not with this token."""

    def __init__(self, *, session: int) -> None:
        self.session = session
        super().__init__(f"the cell knows no session {session} with this token; open one")


class UnknownHandle(LockRefused):
    """The session has no such handle (any more)."""

    def __init__(self, *, session: int, handle: int) -> None:
        self.session, self.handle = session, handle
        super().__init__(f"session {session} has no open handle {handle}; open the node")


class HandleInvalid(LockRefused):
    """A handle is bound to one instance of a node, and that was deleted.  [CHUBBY §2.3]"""

    def __init__(self, *, handle: int, path: str) -> None:
        self.handle, self.path = handle, path
        self.hint = f"see who deleted it, if its lock was held: {_explained(path)}"
        super().__init__(f"/ls/local{path} was deleted after handle {handle} was opened; open it again")


class ReadOnlyHandle(LockRefused):
    """A handle that was opened for reading alone."""

    def __init__(self, *, handle: int, path: str) -> None:
        self.handle, self.path = handle, path
        super().__init__(f"handle {handle} of /ls/local{path} is for reading alone; open it with write=True")


class NoSuchNode(LockRefused):
    """A path at which there is nothing."""

    def __init__(self, *, path: str) -> None:
        self.path = path
        super().__init__(f"there is no node /ls/local{path}")


class NodeExists(LockRefused):
    """Something that had to be created is there already."""

    def __init__(self, *, path: str) -> None:
        self.path = path
        super().__init__(f"there is a node /ls/local{path} already")


class WrongKindOfNode(LockRefused):
    """A file where a directory has to be, or the other way round. `expected`: `file` or `directory`."""

    def __init__(self, *, path: str, expected: str) -> None:
        self.path, self.expected = path, expected
        super().__init__(f"/ls/local{path} is not a {expected}")


class NotEmpty(LockRefused):
    """A directory with children cannot be deleted."""

    def __init__(self, *, path: str, children: int) -> None:
        self.path, self.children = path, children
        super().__init__(f"/ls/local{path} has {children} children; delete them first")


class PermissionDenied(LockRefused):
    """The access list that a node names does not have this principal. `right`: `read`, `write` or `change`."""

    def __init__(self, *, principal: str, right: str, path: str, acl: str) -> None:
        self.principal, self.right, self.path, self.acl = principal, right, path, acl
        super().__init__(f"{principal!r} may not {right} /ls/local{path}: the access list /acl/{acl} does not name it")


class LockConflict(LockRefused):
    """A handle that holds or awaits a lock in one mode asks for it in the other."""

    def __init__(self, *, handle: int, path: str) -> None:
        self.handle, self.path = handle, path
        super().__init__(f"handle {handle} holds or awaits the lock /ls/local{path} in the other mode; release it first")


class StaleSequencer(LockRefused):
    """The grant that a sequencer names is not held any more: whoever shows it has lost the lock.  [SAFETY 23]"""

    def __init__(self, *, path: str, generation: int, revision: int) -> None:
        self.path, self.generation, self.revision = path, generation, revision
        self.hint = f"see why: {_explained(path, f'{generation}.{revision}')}"
        super().__init__(f"the grant {generation}.{revision} of the lock /ls/local{path} is not held any more; acquire it again first")


class LimitReached(LockRefused):
    """`what` has as many `unit` as it may.  [SAFETY 28]"""

    def __init__(self, *, what: str, limit: int, unit: str) -> None:
        self.what, self.limit, self.unit = what, limit, unit
        super().__init__(f"{what} has {limit} {unit}, and no more are allowed; close or release some first")


class StaleRequest(Error):
    """A session's request that was carried out and acknowledged before; its answer is gone. A correct client never sends one."""

    deterministic = True

    def __init__(self, *, sequence: int, acknowledged: int) -> None:
        self.sequence, self.acknowledged = sequence, acknowledged
        super().__init__(f"request {sequence} was answered before (this client acknowledged all through {acknowledged})")


class Unknown(Error):
    """The command may have taken effect, or may still. Look before you repeat it.  [SAFETY 20]"""

    def __init__(self, *, reason: str) -> None:
        self.reason = reason
        super().__init__(f"outcome unknown: {reason}; the command may have taken effect: read before you repeat it")


class ProtocolError(Error):
    """Bytes that break the wire's or a file's rules. The connection that they came over is closed; nothing else happens."""

    def __init__(self, *, reason: str) -> None:
        self.reason = reason
        super().__init__(f"protocol error: {reason}")


class BootRefused(ProtocolError):
    """A peer has seen a newer boot of the member that dials, or another process with the same one: this one must stop.  [SAFETY 3]"""

    def __init__(self, *, reason: str) -> None:
        super().__init__(reason=reason)


class NewerFormat(ProtocolError):
    """Bytes of a format that is newer than this version: where they are certain to be what was written, that is `TooOld`."""


class NotAcquired(Error):
    """A lock was not free in time; nobody waits for it any more. `why`, if it is not because somebody else has it."""

    definite = True

    def __init__(self, *, path: str, waited_ms: int, why: str = "") -> None:
        self.path, self.waited_ms, self.why = path, waited_ms, why
        self.hint = "see which replicas answer: gaios status" if why else f"see who has it: {_explained(path)}"
        told = f"was not acquired within {waited_ms} ms: {why}" if why else f"was not free within {waited_ms} ms"
        super().__init__(f"the lock /ls/local{path} {told if waited_ms else 'is not free'}")


class NotInTime(Error):
    """What was waited for did not happen in time; nobody waits for it any more."""

    definite = True

    def __init__(self, *, what: str, waited_ms: int) -> None:
        self.what, self.waited_ms = what, waited_ms
        super().__init__(f"{what}: not within {waited_ms} ms")


class NotDue(Error):
    """It was done in this period already; `period` is its number since 1970, of `every_ms` each."""

    definite = True

    def __init__(self, *, what: str, period: int, every_ms: int) -> None:
        self.what, self.period, self.every_ms = what, period, every_ms
        super().__init__(f"{what} was done in period {period} (of {every_ms} ms) already; it is due in the next one")


class Disagreement(Error):
    """All who use a thing have to name the same number, and this one is another; what was agreed on stands at the key `where`."""

    definite = True

    def __init__(self, *, what: str, agreed: int, given: int, where: str) -> None:
        self.what, self.agreed, self.given, self.where = what, agreed, given, where
        super().__init__(
            f"{what} has {agreed} by agreement, not {given}: give the same number everywhere, or put another at the key {where}"
        )


class HandlePoisoned(Error):
    """`Node.poison` was called: its calls fail, those that were under way too.  [CHUBBY §2.6]"""

    definite = True

    def __init__(self, *, path: str) -> None:
        self.path = path
        super().__init__(f"the handle of /ls/local{path} was poisoned: its calls fail; close it, and open another")


class LockLost(Error):
    """A lock is not held any more, or may not be: whoever goes on without a checked sequencer may not be alone.  [SAFETY 22]"""

    def __init__(self, *, path: str, sequencer: str, reason: str) -> None:
        self.path, self.sequencer, self.reason = path, sequencer, reason
        self.hint = f"see why: {_explained(path, sequencer)}"
        super().__init__(f"the lock /ls/local{path} ({sequencer}) is lost: {reason}")


class LostBeforeCall(LockLost):
    """A call was made by a lock's holder after its lease: nothing was sent.  [SAFETY 22]"""

    definite = True


class ConfigurationError(Error):
    """Wrong usage or configuration. Exit code 2."""

    definite = True

    def __init__(self, *, reason: str, hint: str = "") -> None:
        self.reason, self.hint = reason, hint
        super().__init__(reason)


class AnotherCell(ConfigurationError):
    """A directory, or a peer, that belongs to another cell or another member.  [SAFETY 2, 4]"""

    def __init__(self, *, what: str, found: str, expected: str) -> None:
        self.what, self.found, self.expected = what, found, expected
        super().__init__(
            reason=f"{what} belongs to {found}, not to {expected}",
            hint="point this replica at its own directory (--dir), or correct its configuration",
        )


class DirectoryInUse(ConfigurationError):
    """Another process holds the lock of this directory."""

    def __init__(self, *, directory: str) -> None:
        self.directory = directory
        super().__init__(reason=f"{directory} is in use by another process", hint="stop that process first: gaios down --dir DIR")


class StaleBackup(ConfigurationError):
    """A backup that is older than another one in the same store: what was acknowledged since would be lost.  [SAFETY 23]"""

    def __init__(self, *, reason: str, hint: str = "") -> None:
        super().__init__(reason=reason, hint=hint)


class PortTaken(Error):
    """A listening address is in use. Exit code 3."""

    definite = True

    def __init__(self, *, address: str) -> None:
        self.address = address
        self.hint = "stop what listens there, or choose another port"
        super().__init__(f"cannot listen on {address}: the address is in use")


_ANEW = (
    "otherwise, or if it is refused, `gaios member replace` puts a new member in its place, or, where it does not vote yet, "
    "`gaios member remove` and then `gaios member add`"
)


class StateMissing(Error):
    """A listed replica's directory or promise state is not there; it is never started empty. Exit code 4.  [SAFETY 2, 8]"""

    definite = True

    def __init__(self, *, directory: str, what: str, hint: str = "") -> None:
        self.directory, self.what = directory, what
        self.hint = hint or (
            "put it back only if it is this replica's own latest directory, as on a disk that was not mounted; never start it empty: "
            "that could undo acknowledged writes; " + _ANEW + "; "
            "the other replicas go on without this one as long as a majority is intact"
        )
        super().__init__(f"{directory}: {what} {'are' if ' and ' in what else 'is'} missing")


class StateLost(Error):
    """A replica's directory is behind what the cell has seen of this replica, or a copy of it is in use. Exit code 4.  [SAFETY 3, 8]"""

    definite = True

    def __init__(self, *, directory: str, what: str) -> None:
        self.directory, self.what = directory, what
        own = "as on a disk that was not mounted, stop what runs on a copy of it, put that directory back and start it once"
        own = f"never start it again on this directory: it could undo acknowledged writes; if its own latest directory is elsewhere, {own}"
        if "another nonce" in what:  # only who made the copy knows which is which
            own = "never start the copy again: it could undo acknowledged writes; if this is its own, stop the copy, and start this once"
        self.hint = f"{own}; {_ANEW}; the other replicas go on without this one as long as a majority is intact"
        super().__init__(f"{directory}: {what}")


class Removed(Error):
    """The cell changed its members, and this replica is none of them any more. Exit code 2: a restart would be the same.  [SAFETY 18]"""

    definite = True

    def __init__(self, *, member: int, replica: int, configuration: int) -> None:
        self.member, self.replica, self.configuration = member, replica, configuration
        self.hint = (
            "the others have all that it had: its directory may be deleted; to have a replica here again, "
            "`gaios member add` gives it a new member number"
        )
        super().__init__(f"member {member} (replica {replica}) was removed from the cell by configuration {configuration}")


class StateDamaged(Error):
    """Bytes on disk that must not be trusted: not an unfinished write. Exit code 4.  [SAFETY 7, 15]"""

    definite = True

    def __init__(self, *, file: str, offset: int, kind: str, detail: str) -> None:
        self.file, self.offset, self.kind, self.detail = file, offset, kind, detail
        self.hint = (
            "keep the directory as it is, and run `gaios verify` on it to see what is damaged; the other replicas go on without this one "
            "as long as a majority is intact; `gaios member replace` puts a new member in its place"
        )
        super().__init__(f"{file}: damaged at byte {offset} ({kind}): {detail}")


class BackupDamaged(Error):
    """Bytes in a store of backups that must not be trusted. Nothing was restored from them."""

    definite = True

    def __init__(self, *, what: str, reason: str) -> None:
        self.what, self.reason = what, reason
        self.hint = "see which backups are whole: gaios snapshot verify URL --all; an older one is restored with --backup ID --accept-stale"
        super().__init__(f"the backup is damaged: {what}: {reason}")


class ReplicaFailed(Error):
    """Replicas of a local cell that cannot start from what is on their disks, as their supervisor saw. Exit code 4."""

    definite = True

    def __init__(self, *, reason: str, hint: str = "") -> None:
        self.reason, self.hint = reason, hint
        super().__init__(reason)


class DiskFailed(Error):
    """A write or a sync failed. The first failure stops the replica; a sync is never tried again. Exit code 4."""

    def __init__(self, *, file: str, operation: str, reason: str) -> None:
        self.file, self.operation, self.reason = file, operation, reason
        self.hint = "check the disk; what was not acknowledged may be lost, what was is on a majority"
        super().__init__(f"{operation} of {file} failed: {reason}; this replica stops")


class TooOld(Error):
    """A replica met what only a newer version of gaios can read: it stops, and skips nothing. Exit code 4.  [SAFETY 17]"""

    definite = True

    def __init__(self, *, what: str, reason: str) -> None:
        self.what, self.reason = what, reason
        self.hint = (
            "install the version of gaios that the cell's other replicas run, and start this one again: nothing was lost or skipped; "
            "there is no way back to an older version once the cell's feature level was raised"
        )
        super().__init__(f"{what}: {reason}; this version of gaios is too old for it: install the newer one")


class UnknownKind(TooOld):
    """A log entry of a kind that this version does not know.  [SAFETY 17]"""

    def __init__(self, *, slot: int, index: int, kind: int) -> None:
        self.slot, self.index, self.kind = slot, index, kind
        super().__init__(what=f"slot {slot} of the log", reason=f"entry {index} has kind {kind}, which is not known here")


class InvariantViolated(Error):
    """gaios found itself wrong. The replica stops rather than answer."""

    def __init__(self, *, invariant: str, detail: str) -> None:
        self.invariant, self.detail = invariant, detail
        super().__init__(f"{invariant}: {detail}")


# ------------------------------------------------------------------------------------------------------------ on the wire


def _tree(root: type[Error]) -> dict[str, type[Error]]:
    found = {root.__name__: root}
    for branch in root.__subclasses__():
        found |= _tree(branch)
    return found


TREE: Final[dict[str, type[Error]]] = _tree(Error)
"""Every class above, by name."""
_ARGUMENTS: Final[dict[type[Error], dict[str, type]]] = {
    kind: {name: type_ for name, type_ in getattr(kind.__init__, "__annotations__", {}).items() if name != "return"}
    for kind in TREE.values()
}
_wire: msgspec.msgpack.Decoder[tuple[str, bool, str, dict[str, Any]]] = msgspec.msgpack.Decoder(tuple[str, bool, str, dict[str, Any]])


def pack(error: Error) -> bytes:
    """An error's bytes: its class's name, `definite`, message and arguments, as msgpack.

    A subclass that is not of this file travels as what its reader can know of it: whether it is definite, and its message.
    """
    kind = type(error)
    arguments = {name: _clean(getattr(error, name)) for name in _ARGUMENTS[kind]} if kind in _ARGUMENTS else {}
    return msgspec.msgpack.encode((kind.__name__, error.definite, _clean(str(error)), arguments))


def unpack(data: bytes) -> Error:
    """The error that `pack` made these bytes of; for a class of a later version `Refused` if it is definite, else `Error`.

    Raises:
        ProtocolError: They are no error's bytes.
    """
    try:
        name, definite, message, arguments = _wire.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ProtocolError(reason=f"not an error: {error}") from None
    kind = TREE.get(name)
    if kind is None:
        return Refused(message) if definite else Error(message)
    expected = _ARGUMENTS[kind]
    if arguments.keys() != expected.keys():
        raise ProtocolError(reason=f"not an error: {name} takes {sorted(expected)}, not {sorted(arguments)}")
    for key, type_ in expected.items():
        if type(arguments[key]) is not type_:
            raise ProtocolError(reason=f"not an error: {key!r} of {name} is a {type_.__name__}, not a {type(arguments[key]).__name__}")
    return kind(**arguments) if expected else kind(message)


def _clean(value: Any) -> Any:  # noqa: ANN401 (an argument of any error)
    """Text that UTF-8 cannot hold (a path may have any bytes) is shown with escapes."""
    return value.encode("utf-8", "backslashreplace").decode() if isinstance(value, str) else value
