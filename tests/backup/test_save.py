"""A backup counts when it is proved, and whatever happens midway leaves those before it whole."""

from pathlib import Path

import pytest

from gaios.backup.manifest import HEAD, Head, objects
from gaios.backup.rebuild import choose, prove, read_manifest, rebuild
from gaios.backup.save import ORPHAN_MS, Saved, save
from gaios.backup.stores import DirectoryStore, Store
from gaios.errors import AnotherCell, BackupDamaged, ConfigurationError, Overloaded, StaleBackup, StateDamaged, Unavailable
from tests.backup.parts import NOW_MS, OFTEN, Living, Watched, head_of, keys, value


def back_up(store: Store, living: Living, path: Path, *, at_ms: int = NOW_MS, keep: int = 7, member: int = 1) -> Saved:
    """Of a directory as it is now."""
    return save(store, living.write(path, member), now_ms=at_ms, keep=keep)


def test_a_backup_restores_to_what_the_cell_had(any_store: Store, living: Living, tmp_path: Path) -> None:
    """[SAFETY 16] Snapshot and log, from a directory and from a real S3 server."""
    living.put(70)
    done = back_up(any_store, living, tmp_path / "d")
    assert done.fresh
    assert done.entry.slot == living.applied
    head = head_of(any_store)
    told = read_manifest(any_store, done.entry, head.cell)
    assert told.snapshot is not None
    assert (told.slot, told.proof.checksum) == (living.applied, living.machine.checksum())
    assert objects(told) <= set(any_store.names())
    again = rebuild(any_store, choose(any_store, head))
    assert again.machine.checksum() == living.machine.checksum()
    assert again.applier.sessions.trail == living.cell.nodes[1].replica.applier.sessions.trail
    assert value(again.machine, b"k70") == b"x" * 100


def test_a_young_cell_is_backed_up_by_its_log_alone(store: DirectoryStore, plain: Living, tmp_path: Path) -> None:
    """And the next backup takes those pieces over."""
    plain.put(20)
    first = back_up(store, plain, tmp_path / "a")
    plain.put(20)
    second = back_up(store, plain, tmp_path / "b")
    assert (first.reused, second.reused) == (0, 1)
    assert keys(rebuild(store, choose(store, head_of(store))).machine) == 40


def test_nothing_new_is_not_sent_again(store: DirectoryStore, living: Living, tmp_path: Path) -> None:
    """The newest backup has it all."""
    living.put(30)
    first = back_up(store, living, tmp_path / "a")
    names = store.names()
    again = back_up(store, living, tmp_path / "a", member=2)
    assert (again.fresh, again.sent_bytes, again.entry) == (False, 0, first.entry)
    assert store.names() == names


def test_unchanged_chunks_are_not_sent_again(store: DirectoryStore, living: Living, tmp_path: Path) -> None:
    """Content has one name: the backup behind the same snapshot sends log only."""
    living.put(30)
    first = back_up(store, living, tmp_path / "a")
    living.put(2)
    second = back_up(store, living, tmp_path / "b")
    head = head_of(store)
    one, two = (read_manifest(store, each.entry, head.cell) for each in (first, second))
    assert one.snapshot is not None
    assert two.snapshot is not None
    assert one.snapshot.slot == two.snapshot.slot
    assert one.snapshot.chunks == two.snapshot.chunks
    assert second.reused >= len(two.snapshot.chunks)


def test_every_interrupted_upload_leaves_the_backup_before_whole(store: DirectoryStore, living: Living, tmp_path: Path) -> None:
    """Wherever it is cut, and the next one is made as if nothing had been."""
    living.put(30)
    first = back_up(store, living, tmp_path / "a")
    living.put(30)
    where = living.write(tmp_path / "b")
    watched = Watched(store)
    cut, done = 0, first
    while done is first:
        watched.fail_after, watched.written = cut, []
        try:
            done = save(watched, where, now_ms=NOW_MS)
        except Unavailable:
            assert head_of(store).backups == [first.entry]
            assert prove(store, read_manifest(store, first.entry, head_of(store).cell))
            cut += 1
    assert cut >= 4
    assert done.entry.slot == living.applied
    # The orphans go when they are a day old, and nothing else does.
    before = set(store.names())
    living.put(1)
    back_up(store, living, tmp_path / "c", at_ms=NOW_MS + ORPHAN_MS + 1)
    head = head_of(store)
    needed = {HEAD}.union(*(objects(read_manifest(store, entry, head.cell)) for entry in head.backups))
    assert set(store.names()) == needed
    assert before - needed


def test_only_so_many_are_kept(store: DirectoryStore, living: Living, tmp_path: Path) -> None:
    """And none loses what it took over from one that goes."""
    head = Head(cell="none yet")
    for round_ in range(6):
        living.put(7)
        back_up(store, living, tmp_path / f"{round_}", at_ms=NOW_MS + round_, keep=2)
        head = head_of(store)
        assert len(head.backups) == min(round_ + 1, 2)
        for entry in head.backups:
            prove(store, read_manifest(store, entry, head.cell))
    assert set(store.names()) == {HEAD}.union(*(objects(read_manifest(store, entry, head.cell)) for entry in head.backups))
    with pytest.raises(ConfigurationError):
        back_up(store, living, tmp_path / "x", keep=0)


def test_what_is_sent_is_read_back_before_it_counts(store: DirectoryStore, living: Living, tmp_path: Path) -> None:
    """A store that does not keep what it was given is found out at once."""
    living.put(30)
    where = living.write(tmp_path / "a")
    for part in ("/c/", "/l/", "/closing"):
        watched = Watched(store)

        def spoil(what: str, name: str, part: str = part) -> None:
            if what == "get" and part in name and (found := store.get(name)) is not None:
                store.put(name, found.data[:-1] + bytes([found.data[-1] ^ 1]))

        watched.before = spoil
        with pytest.raises(BackupDamaged):
            save(watched, where, now_ms=NOW_MS)
        assert store.get(HEAD) is None


def test_of_two_at_once_the_second_begins_anew(any_store: Store, living: Living, tmp_path: Path) -> None:
    """[SAFETY 14, 23] A deposed master and its successor: both are prefixes of one log, and the head orders them."""
    living.put(30)
    old = living.write(tmp_path / "old")
    living.put(10)
    new = living.write(tmp_path / "new", 2)
    watched = Watched(any_store)
    others: list[Saved] = []

    def race(what: str, name: str) -> None:
        if what in {"create", "replace"} and name == HEAD and not others:
            others.append(save(any_store, new, now_ms=NOW_MS + 1))

    watched.before = race
    # The old one's backup is behind by now, and says so instead of taking the newer one's place.
    with pytest.raises(StaleBackup, match="goes through"):
        save(watched, old, now_ms=NOW_MS)
    assert [entry.id for entry in head_of(any_store).backups] == [others[0].entry.id]
    # The other way round both count.
    living.put(5)
    newer = living.write(tmp_path / "newer")
    living.put(5)
    newest = living.write(tmp_path / "newest", 3)
    others.clear()

    def race_again(what: str, name: str) -> None:
        if what == "replace" and name == HEAD and not others:
            others.append(save(any_store, newer, now_ms=NOW_MS + 2))

    watched.before = race_again
    done = save(watched, newest, now_ms=NOW_MS + 3)
    slots = [entry.slot for entry in head_of(any_store).backups]
    assert slots == sorted(set(slots))
    assert slots[-1] == done.entry.slot > slots[-2] == others[0].entry.slot


def test_who_never_gets_his_turn_gives_up(store: DirectoryStore, living: Living, tmp_path: Path) -> None:
    """Nothing tries for ever, and what counted before still does."""
    living.put(30)
    first = back_up(store, living, tmp_path / "a")
    living.put(10)

    class Stubborn(Watched):
        def replace(self, name: str, data: bytes, version: object) -> bool:
            return False

    with pytest.raises(Overloaded, match="4 backups by others"):
        back_up(Stubborn(store), living, tmp_path / "b")
    assert head_of(store).backups == [first.entry]


def test_a_young_backup_is_young_enough(store: DirectoryStore, living: Living, tmp_path: Path) -> None:
    """Whatever came since."""
    living.put(30)
    first = back_up(store, living, tmp_path / "a")
    living.put(10)
    later = living.write(tmp_path / "b")
    assert save(store, later, now_ms=NOW_MS + 999, younger_ms=1_000) == first._replace(fresh=False, sent_bytes=0)
    assert save(store, later, now_ms=NOW_MS + 1_000, younger_ms=1_000).fresh


def test_an_answer_that_was_lost_is_found_again(store: DirectoryStore, living: Living, tmp_path: Path) -> None:
    """A put that was sent twice is refused by its own success."""
    living.put(30)

    class Twice(Watched):
        def create(self, name: str, data: bytes) -> bool:
            super().create(name, data)
            return super().create(name, data)

    done = save(Twice(store), living.write(tmp_path / "a"), now_ms=NOW_MS)
    assert head_of(store).backups == [done.entry]


def test_lineage_is_checked(store: DirectoryStore, living: Living, tmp_path: Path) -> None:
    """[SAFETY 16] Another cell's, one that is behind, and one with another past are refused."""
    living.put(30)
    early = living.write(tmp_path / "early")
    living.put(30)
    back_up(store, living, tmp_path / "a")
    with pytest.raises(StaleBackup, match="is known through"):
        save(store, early, now_ms=NOW_MS)
    # The same cell id with another log: what a botched copy or a forked cell would be.
    other = Living(OFTEN)
    other.client.put(30, size=50)
    other.put(60)
    with pytest.raises(StateDamaged, match="comes to the hash"):
        back_up(store, other, tmp_path / "b")
    head = store.path / HEAD
    head.write_bytes(head.read_bytes().replace(b"0001", b"0002"))
    with pytest.raises(BackupDamaged, match="head"):
        back_up(store, living, tmp_path / "c")


def test_another_cells_store_is_refused(store: DirectoryStore, living: Living, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each cell has a prefix of its own."""
    living.put(30)
    back_up(store, living, tmp_path / "a")
    monkeypatch.setattr("tests.server.parts.CELL", bytes(16))
    other = Living(OFTEN)
    other.put(5)
    with pytest.raises(AnotherCell, match="belongs to cell") as refused:
        back_up(store, other, tmp_path / "b")
    assert "name a store of this cell's own" in refused.value.hint


def test_log_that_was_given_up_is_told(store: DirectoryStore, forgetful: Living, tmp_path: Path) -> None:
    """The slots between cannot be restored; what is newer can."""
    forgetful.put(30)
    back_up(store, forgetful, tmp_path / "a")
    forgetful.put(150)
    done = back_up(store, forgetful, tmp_path / "b")
    assert done.gap
    assert rebuild(store, choose(store, head_of(store))).machine.checksum() == forgetful.machine.checksum()
