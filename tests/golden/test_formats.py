"""What was written once is read for ever; what would be written otherwise than before needs a directory of its own."""

import json
import shutil
from pathlib import Path

import pytest

from gaios import entry
from gaios.log import RecordKind, codec
from gaios.storage import MARK, Identity, Journal, record
from gaios.storage.disk import verify_directory
from gaios.storage.scan import scan
from gaios.storage.segment import numbers
from gaios.storage.snapshot import slots
from gaios.transport import Kind
from tests.golden.formats import MESSAGES, PLACE, load, samples, start, state, versions
from tests.server.parts import CELL

DIRECTORIES = [path for number in versions() for path in sorted((PLACE / str(number)).glob("replica-*"))]
NEWEST = PLACE / str(versions()[-1])
WHAT_TO_DO = """
Disks and messages of cells that run are of the old form. Give the change a feature level (gaios/log/feature.py), go on reading what was
written before, write the new form at its level only; then keep a golden directory of it: python -m tests.golden.formats
"""


def member(directory: Path) -> int:
    return int(directory.name.rpartition("-")[2])


@pytest.mark.parametrize("directory", DIRECTORIES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_a_replica_starts_from_what_that_version_left(directory: Path) -> None:
    """Log hash, checksum, answers, clients, keys: all as they were."""
    expected = json.loads((directory.parent / "expected.json").read_text())[directory.name]
    node = start(load(directory), member(directory))
    assert state(node) == expected
    assert expected["applied"] > 100
    assert node.replica.doubt.may_serve


@pytest.mark.parametrize("directory", DIRECTORIES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_nothing_is_wrong_with_it(directory: Path, tmp_path: Path) -> None:
    """`gaios verify` says so too: what rotted there was repaired."""
    shutil.copytree(directory, tmp_path / directory.name)
    assert [found for found in verify_directory(tmp_path / directory.name) if found.kind not in {"tail", "repaired"}] == []


def test_the_newest_directories_hold_every_kind_of_record_and_entry() -> None:
    """Together: a new kind without a golden directory is noticed here."""
    kinds, entries = set[int](), set[int]()
    for directory in NEWEST.glob("replica-*"):
        disk = load(directory)
        identity = Identity(CELL, member(directory), 0)
        scan(disk, numbers(disk.names()), identity, visit=lambda header, _: kinds.add(header.kind))
        _, found = Journal.open(identity, disk)
        for kind, _, _, payload in found.records:
            if kind == RecordKind.ACCEPT:
                entries.update(each.kind for each in entry.entries(payload))
        assert len(slots(disk.names())) >= 2
    assert kinds == {MARK, *RecordKind}
    assert entries == set(entry.Kind)


def test_nothing_is_written_or_said_otherwise_than_the_newest_directory_has_it() -> None:
    """Byte by byte."""
    kept = dict(line.split(": ") for line in (NEWEST / "samples.txt").read_text().splitlines())
    made = {name: data.hex() for name, data in samples().items()}
    changed = {name for name in kept.keys() | made.keys() if kept.get(name) != made.get(name)}
    assert not changed, f"these have another form: {', '.join(sorted(changed))}.{WHAT_TO_DO}"


def test_the_samples_have_one_of_each() -> None:
    """Of entries, messages among replicas, and frames."""
    names = set(samples())
    assert {f"entry {kind.name}" for kind in entry.Kind} <= names
    assert {f"frame {kind.name}" for kind in Kind if kind != Kind.PEER} <= names
    tags = {value for name, value in vars(codec).items() if name.isupper() and type(value) is int and 100 <= value < 200}
    assert tags <= {message[0] for message in MESSAGES}


def test_another_form_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The comparison can fail: a record's version, say."""
    before = samples()
    monkeypatch.setattr(record, "VERSION", 2)
    assert {name for name, data in samples().items() if data != before[name]} >= {"file record"}
