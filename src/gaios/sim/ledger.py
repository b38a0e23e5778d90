"""A campaign's ledger: one line of JSON a finished seed, so that a campaign that was killed goes on where it was.

    {"gaios": "0.1.0", "code": "9f…", "configuration": " --clients 3"}          the first line
    {"seed": 7, "trace_hash": "…", "violations": [], …}                          an `Outcome`
    …

Rule 1. Lines are only ever appended. A last line without its end was torn by a crash, and is dropped; its seed is run again.
Rule 2. A ledger belongs to one code and one configuration: another's is refused, for its seeds were other runs.
Rule 3. One campaign at a time writes to a ledger.
"""

import fcntl
import os
from collections.abc import Iterator
from functools import cache
from hashlib import blake2b
from pathlib import Path

import msgspec

import gaios
from gaios.errors import ConfigurationError
from gaios.sim.attempt import Outcome


class Heading(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whose outcomes a ledger holds."""

    gaios: str
    code: str
    configuration: str


class Ledger:
    """An open ledger. `finished` are the outcomes that were in it already; of one seed the last counts."""

    def __init__(self, path: Path, configuration: str) -> None:
        """Open it, or begin one.

        Raises:
            ConfigurationError: it is no ledger, is damaged, belongs to another code or configuration, or is in use.
            OSError: it cannot be opened.
        """
        self._path = path
        self._file = path.open("a+b")
        try:
            self._lock()
            self.finished = self._read(Heading(gaios.__version__, code_hash(), configuration))
        except BaseException:
            self._file.close()
            raise

    def _lock(self) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConfigurationError(
                reason=f"{self._path}: another campaign writes to this ledger", hint="wait for it, or name another --ledger"
            ) from None

    def _read(self, ours: Heading) -> dict[int, Outcome]:
        self._file.seek(0)
        data = self._file.read()
        whole = data[: data.rfind(b"\n") + 1]
        lines = whole.splitlines()
        if not lines and data and not msgspec.json.encode(ours).startswith(data):
            raise self._refused(1, "it is no ledger")
        found: dict[int, Outcome] = {}
        for number, line in enumerate(lines, 1):
            try:
                if number == 1:
                    self._compare(msgspec.json.decode(line, type=Heading), ours)
                    continue
                outcome = msgspec.json.decode(line, type=Outcome)
            except msgspec.MsgspecError as error:
                raise self._refused(number, "it is no ledger" if number == 1 else f"not an outcome: {error}") from None
            found[outcome.seed] = outcome
        if len(whole) < len(data):
            self._file.truncate(len(whole))
        if not lines:
            self._write(msgspec.json.encode(ours))
        return found

    def _compare(self, theirs: Heading, ours: Heading) -> None:
        if theirs.configuration != ours.configuration:
            what = f"its configuration is {theirs.configuration.strip() or 'without flags'!r}"
            raise self._refused(1, f"{what}, and this campaign's {ours.configuration.strip() or 'without flags'!r}")
        if theirs != ours:
            raise self._refused(
                1, f"it was written by another code (gaios {theirs.gaios}, {theirs.code}; this is {ours.gaios}, {ours.code})"
            )

    def _refused(self, line: int, why: str) -> ConfigurationError:
        return ConfigurationError(
            reason=f"{self._path}: this ledger cannot be gone on with: line {line}: {why}",
            hint="name another --ledger; seeds of one are not comparable with seeds of the other",
        )

    def append(self, outcome: Outcome) -> None:
        """Write one outcome down; after this returns it survives the death of the process.

        Raises:
            OSError: the disk took no more.
        """
        self._write(msgspec.json.encode(outcome))
        self.finished[outcome.seed] = outcome

    def _write(self, line: bytes) -> None:
        self._file.write(line + b"\n")
        self._file.flush()

    def close(self) -> None:
        """Make it durable, and let others write."""
        os.fsync(self._file.fileno())
        self._file.close()


@cache
def code_hash() -> str:
    """Of everything that decides what a seed does: the source of the package, the command line apart."""
    root = Path(gaios.__file__).parent
    digest = blake2b(digest_size=8)
    for path in _sources(root):
        digest.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def _sources(root: Path) -> Iterator[Path]:
    for path in sorted([*root.rglob("*.py"), *root.rglob("*.toml")]):
        if path.relative_to(root).parts[0] != "cli":
            yield path
