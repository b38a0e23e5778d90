"""The machine as a whole: against an oracle that keeps everything, and under every limit.  [PML §5.6]"""

import os
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from gaios import api, errors
from gaios.db import Database, bounds
from gaios.db import store as store_module
from gaios.machine import Context
from tests.db.oracle import CONTEXT, ENDS, KEYS, LIMITS, MULTIOPS, Oracle

KEY, VALUE = b"key", b"value"


def apply(database: Database, command: api.Command, context: Context = CONTEXT) -> Any:
    return api.decode_reply(database.apply(api.encode(command), context)[0])


def put(database: Database, key: bytes, value: bytes = VALUE) -> int:
    revision: int = apply(database, api.MultiOp(then=(api.Put(key, value),))).revision
    return revision


def ask(database: Database, question: api.Question) -> Any:
    return api.decode_answer(database.query(api.encode(question)))


class AgainstTheOracle(RuleBasedStateMachine):
    """Random commands on both; every answer, and every revision ever made, must be the same."""

    def __init__(self) -> None:
        super().__init__()
        self.database = Database()
        self.oracle = Oracle()

    @rule(command=MULTIOPS)
    def multiop(self, command: api.MultiOp) -> None:
        before = self.database.checksum()
        try:
            expected, events = self.oracle.apply(command)
        except errors.NotANumber:
            sweeping = self.database._store.sweeping
            with pytest.raises(errors.NotANumber):
                apply(self.database, command)
            assert sweeping or self.database.checksum() == before
            return
        reply, effects = self.database.apply(api.encode(command), CONTEXT)
        assert api.decode_reply(reply) == expected
        assert list(effects) == events

    @rule(data=st.data())
    def compact(self, data: st.DataObject) -> None:
        revision = data.draw(st.integers(self.oracle.compacted, self.oracle.revision))
        assert apply(self.database, api.Compact(revision)) == api.CompactResult(revision)
        self.oracle.compacted = revision

    @rule(key=KEYS, end=ENDS, limit=LIMITS, keys_only=st.booleans(), data=st.data())
    def read(self, key: bytes, end: bytes | None, limit: int, keys_only: bool, data: st.DataObject) -> None:
        revision = data.draw(st.integers(0, self.oracle.revision + 1))
        try:
            expected = self.oracle.range(key, end, revision)
        except errors.Refused as error:
            with pytest.raises(type(error)):
                ask(self.database, api.Range(key, end, limit, revision))
            return
        if keys_only:
            expected = tuple(api.Entry(each.key, b"", each.version, each.create_revision, each.mod_revision) for each in expected)
        entries: list[api.Entry] = []
        more, at = True, revision
        while more:
            page = ask(self.database, api.Range(key, end, limit, at, keys_only))
            assert len(page.entries) <= (limit or api.PAGE_ENTRIES_MAX)
            assert page.revision == (revision or self.oracle.revision)
            entries += page.entries
            more, at = page.more, page.revision
            key = page.entries[-1].key + b"\x00" if page.entries else key
        assert tuple(entries) == expected

    @rule(key=KEYS, end=ENDS, data=st.data())
    def history(self, key: bytes, end: bytes | None, data: st.DataObject) -> None:
        first = data.draw(st.integers(1, self.oracle.revision + 2))
        if first < self.oracle.compacted:
            with pytest.raises(errors.Compacted):
                ask(self.database, api.History(key, end, first))
            return
        changes = ask(self.database, api.History(key, end, first))
        assert list(changes.events) == list(self.oracle.history(key, end, first))
        assert changes.next_revision == max(first, self.oracle.revision + 1)

    @precondition(lambda self: self.oracle.events)
    @rule(limit=st.integers(1, 5))
    def sweep(self, limit: int) -> None:
        if self.database._store.sweeping:
            self.database._store.sweep(limit)

    @rule()
    def snapshot(self) -> None:
        chunks = list(self.database.snapshot())
        restored = Database()
        put(restored, b"what was there goes")
        restored.restore(chunks)
        restored.check()
        assert list(restored.snapshot()) == chunks
        assert restored.look() == self.database.look()
        self.database = restored

    @invariant()
    def kept_is_computed(self) -> None:
        self.database.check()
        overview = self.database.look()
        assert (overview.revision, overview.compacted) == (self.oracle.revision, self.oracle.compacted)
        assert overview.keys == len(self.oracle.states[self.oracle.revision])


def test_every_answer_at_every_revision_is_the_oracles() -> None:
    """Ranges, pages, history, guards, compaction, snapshots: whatever the order of commands."""
    run_state_machine_as_test(AgainstTheOracle, settings=settings(max_examples=100, stateful_step_count=30, deadline=None))


def test_an_empty_database_stands_at_the_first_revision() -> None:
    """0 is free to mean now, or absent."""
    assert Database().look() == api.Overview(api.FIRST_REVISION, api.FIRST_REVISION, 0, 0, Database().checksum(), 0)
    assert put(Database(), KEY) == api.FIRST_REVISION + 1


def test_a_machine_above_has_its_commands_as_nouns() -> None:
    """The same steps without the bytes: checks, sweeping, epoch, events."""
    database, other = Database(), Database()
    commands: list[api.Command] = [api.MultiOp(then=(api.Put(b"k%d" % (number % 9), b""),)) for number in range(1_200)]
    commands += [api.Compact(1_150), *commands[:40], api.MultiOp(then=(api.Increment(b"n"), api.Get(b"n"))), api.Compact(1_200)]
    for command in commands:
        reply, events = database.carry_out(command, CONTEXT)
        encoded, same = other.apply(api.encode(command), CONTEXT)
        assert (api.encode(reply), list(events)) == (encoded, list(same))
        assert database.checksum() == other.checksum()
    assert ask(database, api.Look()) == database.look() == other.look()
    with pytest.raises(errors.KeyTooLong):
        database.carry_out(api.MultiOp(then=(api.Get(b""),)), CONTEXT)


def test_the_fast_way_is_the_general_way() -> None:
    """A lone put is carried out by a path of its own; a get beside it makes the general one."""
    fast, general = Database(), Database()
    for number in range(20):
        key = b"k%d" % (number % 3)
        assert put(fast, key, b"%d" % number) == apply(general, api.MultiOp(then=(api.Put(key, b"%d" % number), api.Get(key)))).revision
        if number % 5 == 0:
            for database in (fast, general):
                apply(database, api.MultiOp(then=(api.Delete(key),)))
    assert list(fast.snapshot()) == list(general.snapshot())
    assert fast.checksum() == general.checksum()


@pytest.mark.parametrize(
    ("key", "ok"),
    [(b"", False), (b"k", True), (b"k" * (api.KEY_BYTES_MAX - 1), True), (b"k" * api.KEY_BYTES_MAX, True), (b"k" * 1_025, False)],
)
def test_keys_have_1_to_1024_bytes(key: bytes, ok: bool) -> None:
    """In every operation, before it is proposed and when it is applied."""
    for operation in (api.Put(key, VALUE), api.Get(key), api.Delete(key), api.Increment(key)):
        database, command = Database(), api.encode(api.MultiOp(then=(operation,)))
        if ok:
            database.validate(command)
            database.apply(command, CONTEXT)
        else:
            _refused(database, command, errors.KeyTooLong)


def _refused(database: Database, command: bytes, kind: type[errors.Error]) -> None:
    database.begin_epoch(CONTEXT)
    before = list(database.snapshot())
    with pytest.raises(kind) as first:
        database.validate(command)
    assert type(first.value) is kind
    with pytest.raises(kind) as second:
        database.apply(command, CONTEXT)
    assert type(second.value) is kind
    assert second.value.definite
    assert second.value.deterministic
    assert list(database.snapshot()) == before


def test_the_list_that_will_not_run_is_checked_too() -> None:
    """Beside a lone put as well."""
    for operation in (api.Get(b""), api.Put(b"k" * 1_025, VALUE)):
        command = api.encode(api.MultiOp(then=(api.Put(KEY, VALUE),), otherwise=(operation,)))
        _refused(Database(), command, errors.KeyTooLong)


@pytest.mark.parametrize("extra", [-1, 0, 1])
def test_values_have_at_most_a_mebibyte(extra: int) -> None:
    """The limit itself is allowed."""
    database, command = Database(), api.encode(api.MultiOp(then=(api.Put(KEY, b"v" * (api.VALUE_BYTES_MAX + extra)),)))
    if extra > 0:
        _refused(database, command, errors.ValueTooLong)
    else:
        database.validate(command)
        database.apply(command, CONTEXT)


@pytest.mark.parametrize("where", ["guard", "then", "otherwise"])
@pytest.mark.parametrize("count", [127, 128, 129])
def test_a_multiop_has_at_most_128_entries_in_each_list(where: str, count: int) -> None:
    """Counted in each, the list that will not run included."""
    entry: Any = api.Test(KEY, "absent") if where == "guard" else api.Put(KEY, VALUE)
    database, command = Database(), api.encode(api.MultiOp(**{where: (entry,) * count}))
    if count > api.OPERATIONS_MAX:
        _refused(database, command, errors.TooManyOperations)
    else:
        database.validate(command)
        database.apply(command, CONTEXT)


@pytest.mark.parametrize("extra", [-1, 0, 1])
def test_a_command_has_at_most_a_mebibyte_and_a_half(extra: int) -> None:
    """Counted in its encoding. A lone put within the limits of key and value is always shorter."""
    empty = len(api.encode(api.MultiOp(then=(api.Put(b"a", b"v" * 600_000), api.Put(b"b", b"v" * 600_000)))))
    more = api.COMMAND_BYTES_MAX + extra - empty
    command = api.encode(api.MultiOp(then=(api.Put(b"a", b"v" * (600_000 + more)), api.Put(b"b", b"v" * 600_000))))
    assert len(command) == api.COMMAND_BYTES_MAX + extra
    if extra > 0:
        _refused(Database(), command, errors.CommandTooLong)
    else:
        Database().validate(command)
        Database().apply(command, CONTEXT)


@pytest.mark.parametrize("operation", [api.Put(api.EPOCH_KEY, b"1"), api.Increment(api.EPOCH_KEY), api.Delete(api.RESERVED_PREFIX + b"x")])
def test_reserved_keys_cannot_be_written(operation: api.Operation) -> None:
    """The epoch is the log's to say.  [SAFETY 14]"""
    _refused(Database(), api.encode(api.MultiOp(then=(operation,))), errors.InvalidCommand)
    _refused(Database(), api.encode(api.MultiOp(then=(api.Get(KEY), operation))), errors.InvalidCommand)


@pytest.mark.parametrize("command", [b"", b"\xc1", b"\x90", b"\x92\x11\x00", api.encode(api.Range(KEY)), b"\x00" * 100])
def test_bytes_that_are_no_command_are_refused(command: bytes) -> None:
    """Before they are proposed, and for old bytes at apply.  [SAFETY 17]"""
    _refused(Database(), command, errors.InvalidCommand)


def test_the_epoch_is_an_entry_of_its_own() -> None:
    """Readable, fit for guards, in no range, no history, no watch.  [PML §5.3]"""
    database = Database()
    assert ask(database, api.Range(api.EPOCH_KEY)).entries == ()
    database.begin_epoch(Context(5, 0, 0, 131_073))
    entry = api.Entry(api.EPOCH_KEY, b"131073", 1, 0, 0)
    assert ask(database, api.Range(api.EPOCH_KEY)).entries == (entry,)
    assert ask(database, api.Range(b"", b"")).entries == ()
    assert ask(database, api.History(b"", b"", 1)).events == ()
    assert database.look().epoch == 131_073
    mine = api.Test(api.EPOCH_KEY, "value", "==", b"131073")
    command = api.MultiOp((mine,), (api.Get(api.EPOCH_KEY), api.Delete(b"", b"")))
    same, later = Context(6, 0, 0, 131_073), Context(7, 0, 0, 196_610)
    assert apply(database, command, same).results == (api.GetResult((entry,)), api.DeleteResult(0))
    assert not apply(database, command, later).succeeded
    assert ask(database, api.Range(api.EPOCH_KEY)).entries[0].value == b"196610"


def test_the_checksum_knows_how_far_the_sweep_is() -> None:
    """Two stores with the same records, one of which has yet to let some leave its log, will differ later: they differ now."""
    database = Database()
    put(database, KEY)
    put(database, b"other")
    database._store.compacted = 3
    before = database.checksum()
    database._store.sweep(1)
    assert [record.key for record in database._store.parts()[0]] == [KEY]
    assert database.checksum() != before


def test_an_epoch_changes_the_checksum_and_nothing_else() -> None:
    """It is part of the state, and no revision."""
    database = Database()
    before = database.look()
    database.begin_epoch(CONTEXT)
    assert (database.revision, database.look().keys) == (before.revision, before.keys)
    assert database.checksum() != before.checksum


@pytest.mark.parametrize("count", [api.PAGE_ENTRIES_MAX - 1, api.PAGE_ENTRIES_MAX, api.PAGE_ENTRIES_MAX + 1])
def test_a_page_has_at_most_a_thousand_entries(count: int) -> None:
    """Without a limit, and with one beyond it."""
    database = Database()
    for number in range(count):
        put(database, b"%05d" % number, b"")
    for limit in (0, 5_000):
        page = ask(database, api.Range(b"", b"", limit))
        assert len(page.entries) == min(count, api.PAGE_ENTRIES_MAX)
        assert page.more == (count > api.PAGE_ENTRIES_MAX)
        assert apply(database, api.MultiOp(then=(api.Get(b"", b"", limit),))).results == (api.GetResult(page.entries, page.more),)


def test_a_page_ends_before_a_mebibyte_but_holds_one_entry() -> None:
    """Of keys and values together."""
    database = Database()
    put(database, b"a", b"v" * (api.VALUE_BYTES_MAX // 2 - 1))
    put(database, b"b", b"v" * (api.VALUE_BYTES_MAX // 2 - 1))
    put(database, b"c", b"")
    put(database, b"d", b"v" * api.VALUE_BYTES_MAX)
    pages, key, more = [], b"", True
    while more:
        page = ask(database, api.Range(key, b""))
        pages.append([entry.key for entry in page.entries])
        key, more = page.entries[-1].key + b"\x00", page.more
    assert pages == [[b"a", b"b"], [b"c"], [b"d"]]
    assert [entry.key for entry in ask(database, api.Range(b"", b"", keys_only=True)).entries] == [b"a", b"b", b"c", b"d"]


@pytest.mark.parametrize(
    ("question", "kind"),
    [
        (api.Range(b""), errors.KeyTooLong),
        (api.Range(b"k" * 1_025), errors.KeyTooLong),
        (api.Range(b"k", b"k" * 1_026), errors.KeyTooLong),
        (api.Range(b"k", limit=-1), errors.InvalidCommand),
        (api.Range(b"k", revision=-1), errors.InvalidCommand),
        (api.Range(b"k", revision=2), errors.FutureRevision),
        (api.History(b"", None, 1), errors.KeyTooLong),
        (api.History(b"k", None, 0), errors.InvalidCommand),
    ],
)
def test_a_question_that_cannot_be_answered_has_its_error(question: api.Question, kind: type[errors.Error]) -> None:
    """Typed, like everything else."""
    with pytest.raises(kind) as raised:
        ask(Database(), question)
    assert type(raised.value) is kind


def test_a_past_revision_is_read_until_it_is_compacted() -> None:
    """The compaction point itself stays readable."""
    database = Database()
    revisions = [put(database, KEY, b"%d" % number) for number in range(3)]
    assert [ask(database, api.Range(KEY, revision=revision)).entries[0].value for revision in revisions] == [b"0", b"1", b"2"]
    apply(database, api.Compact(revisions[1]))
    with pytest.raises(errors.Compacted):
        ask(database, api.Range(KEY, revision=revisions[0]))
    assert ask(database, api.Range(KEY, revision=revisions[1])).entries[0].value == b"1"
    with pytest.raises(errors.Compacted):
        apply(database, api.Compact(revisions[0]))
    with pytest.raises(errors.FutureRevision):
        apply(database, api.Compact(revisions[2] + 1))
    assert apply(database, api.Compact(revisions[1])) == api.CompactResult(revisions[1])


def test_history_has_a_bound_and_compacts_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody has to remember to compact; the newest revisions stay readable.  [SAFETY 28]"""
    monkeypatch.setattr(store_module, "HISTORY_BYTES_MAX", 100 * (bounds.RECORD_MEMORY_BYTES + 10))
    database = Database()
    for number in range(1_000):
        put(database, b"key%d" % (number % 7), b"%04d" % number)
        assert database._store.log_length <= 120
    assert database.compacted > 800
    assert database.look().keys == 7
    database.check()
    page = ask(database, api.Range(b"", b"", revision=database.compacted))
    assert len(page.entries) == 7


def test_wide_commands_cannot_outrun_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """A command sweeps more than it adds, so the log stays near its bound even when each changes many keys."""
    monkeypatch.setattr(store_module, "HISTORY_BYTES_MAX", 1_000 * bounds.RECORD_MEMORY_BYTES)
    database = Database()
    puts = tuple(api.Put(b"%03d" % number, b"") for number in range(128))
    for _ in range(60):
        apply(database, api.MultiOp(then=puts))
        apply(database, api.MultiOp(then=(api.Delete(b"", b""),)))
        assert database._store.log_length <= 1_600
    database.check()


def test_a_wide_revision_does_not_hold_up_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """A compaction point lies between revisions: it must get past the whole of the oldest one."""
    monkeypatch.setattr(store_module, "HISTORY_BYTES_MAX", 1_000 * (bounds.RECORD_MEMORY_BYTES + 4))
    database = Database()
    apply(database, api.MultiOp(then=tuple(api.Put(b"%04d" % number, b"") for number in range(128))))
    for number in range(1_200):
        put(database, b"%04d" % (number % 50), b"")
        assert database._store.log_length <= 1_001
    database.check()


def test_a_full_database_refuses_puts_until_there_is_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reads, deletes and compactions work, and make room again."""
    monkeypatch.setattr(store_module, "DATABASE_BYTES_MAX", 100 * (bounds.RECORD_MEMORY_BYTES + 4))
    database = Database()
    for number in range(100):
        put(database, b"%03d" % number, b"v")
    for operations in ((api.Put(b"100", b"v"),), (api.Get(b"001"), api.Put(b"100", b"v")), (api.Increment(b"100"),)):
        before = database.checksum()
        with pytest.raises(errors.DatabaseFull):
            apply(database, api.MultiOp(then=operations))
        assert database.checksum() == before
    apply(database, api.MultiOp(then=(api.Delete(b"000", b"050"),)))
    apply(database, api.Compact(database.revision))
    put(database, b"100")
    database.check()


def test_compaction_is_swept_a_little_at_a_time() -> None:
    """It is answered at once, however much it drops, and takes effect at once."""
    database = Database()
    for number in range(3_000):
        put(database, b"key%d" % (number % 10), b"%d" % number)
    apply(database, api.Compact(database.revision))
    assert database._store.log_length == 3_000 - 1_024
    with pytest.raises(errors.Compacted):
        ask(database, api.Range(KEY, revision=database.revision - 1))
    for number in range(300):
        put(database, b"new%d" % number)
        database.check() if number % 30 == 0 else None
    assert not database._store.sweeping
    assert database._store.log_length == 301


def test_a_history_of_a_wide_range_comes_in_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whole revisions; a page may be empty when much had to be looked at."""
    monkeypatch.setattr(store_module, "HISTORY_SCAN_MAX", 50)
    database = Database()
    for number in range(200):
        put(database, b"a" if number % 100 else b"b")
    found, revision, pages = [], 1, 0
    while revision <= database.revision:
        changes = ask(database, api.History(b"b", b"c", revision))
        found += [event.mod_revision for event in changes.events]
        assert changes.next_revision > revision
        revision, pages = changes.next_revision, pages + 1
    assert found == [2, 102]
    assert pages == 4


def test_a_revision_is_never_split_between_pages() -> None:
    """A thousand entries are the bound of a page, a revision is its unit."""
    database = Database()
    for _ in range(10):
        apply(database, api.MultiOp(then=tuple(api.Put(b"%03d" % number, b"") for number in range(128))))
    first = ask(database, api.History(b"", b"", 1))
    assert (len(first.events), first.next_revision) == (7 * 128, 9)
    assert len(ask(database, api.History(b"", b"", 9)).events) == 3 * 128


def test_wide_ranges_meet_a_typed_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """A range of an earlier revision may pass over only so many keys that did not exist then."""
    monkeypatch.setattr(store_module, "SCAN_KEYS_MAX", 10)
    database = Database()
    for number in range(12):
        put(database, b"%03d" % number)
    with pytest.raises(errors.TooMuchWork):
        ask(database, api.Range(b"", b"", revision=1))
    assert ask(database, api.Range(b"", b"005", revision=1)).entries == ()


SCRIPT = """
import hashlib, random
from gaios import api, errors
from gaios.db import Database, Hub
from gaios.machine import Context
dice, database, seen = random.Random(7), Database(), hashlib.sha256()
hub = Hub(database)
for token in "abcdefgh":
    hub.watch(token, dice.choice([b"k", b"k1", b""]), dice.choice([b"", b"k2", b"l"]))
for number in range(2_000):
    key, end = b"k%d" % dice.randrange(30), dice.choice([None, b"k2", b""])
    kinds = [api.Put(key, b"%d" % number), api.Put(key, b"x"), api.Increment(key), api.Delete(key, end), api.Get(key, end, 3)]
    operations = tuple(dice.choice(kinds) for _ in range(dice.randrange(1, 6)))
    command = api.MultiOp((api.Test(key, dice.choice(["present", "absent"])),), operations, operations[:1])
    if number % 100 == 99:
        command = api.Compact(database.revision - 5)
    try:
        reply, effects = database.apply(api.encode(command), Context(number, 0, 0, number // 500))
    except errors.NotANumber as error:
        reply, effects = errors.pack(error), ()
    hub.publish(effects)
    seen.update(reply + api.encode(list(effects)) + database.checksum().to_bytes(8, "little") + repr(hub.drain()).encode())
for chunk in database.snapshot():
    seen.update(chunk)
print(seen.hexdigest())
"""


def test_nothing_depends_on_the_order_of_hashes() -> None:
    """Two processes with different hash seeds give the same bytes throughout.  [SAFETY 27]"""

    def run(seed: str) -> str:
        environment = os.environ | {"PYTHONHASHSEED": seed}
        return subprocess.run([sys.executable, "-c", SCRIPT], check=True, capture_output=True, text=True, env=environment).stdout

    assert run("1") == run("2") != ""


def test_ranges_pass_over_reserved_keys_page_by_page() -> None:
    """Present, past and history; counts and deletes; whatever the range begins or ends with."""
    database = Database()
    reserved = [b"\x00gaios/n/%03d" % number for number in range(50)]
    database.change(dict.fromkeys(reserved, b"x"), CONTEXT)
    mine = [b"\x00", b"\x00gaios", b"\x00gaios.", b"\x00gaios0", b"\x01", b"k"]
    for key in mine:
        put(database, key)
    database.change(dict.fromkeys(reserved[:10]), CONTEXT)
    database.check()
    for start, end in ((b"", b""), (b"\x00", b"\x01"), (reserved[5], b"z"), (b"", reserved[5]), (reserved[3], reserved[9]), (b"k", b"")):
        inside = [key for key in mine if start <= key and (not end or key < end)]
        for revision in (0, database.revision - 1):
            found: list[bytes] = []
            key, more = start, True
            while more:
                page = ask(database, api.Range(key, end, 2, revision))
                found += [entry.key for entry in page.entries]
                key, more = (found or [start])[-1] + b"\x00", page.more
            assert found == inside
        assert sorted({event.key for event in ask(database, api.History(start, end, 1)).events}) == inside
        got, deleted = apply(database, api.MultiOp(then=(api.Get(start, end), api.Delete(start, end)))).results
        assert [entry.key for entry in got.entries] == inside
        assert deleted.deleted == len(inside)
        for key in inside:
            put(database, key)
        database.change({reserved[20]: b"y"}, CONTEXT)
    assert database.look().keys == len(mine)
    assert list(database.reserved(b"\x00gaios/", b"\x00gaios0")) == reserved[10:]


def test_a_machine_above_changes_reserved_keys_by_one_multiop() -> None:
    """Versions, create revisions and events as of any key; in snapshots and checksum too."""
    database = Database()
    one, two = b"\x00gaios/l/a", b"\x00gaios/l/b"
    events = database.change({two: b"2", one: b"1"}, CONTEXT)
    assert [(event.key, event.version, event.create_revision) for event in events] == [(one, 1, 2), (two, 1, 2)]
    events = database.change({one: b"11", two: None}, CONTEXT)
    assert events == [api.Event(one, b"11", 2, 2, 3), api.Event(two, None, 0, 0, 3)]
    assert database.record(one) == events[0]
    assert database.record(two) is None
    restored = Database()
    restored.restore(database.snapshot())
    assert restored.checksum() == database.checksum()
    assert restored.record(one) == events[0]
    other = Database()
    other.become(restored)
    assert other.look() == database.look()


def test_a_full_database_still_takes_what_a_machine_above_must_write(monkeypatch: pytest.MonkeyPatch) -> None:
    """But not without end. [SAFETY 28]"""
    monkeypatch.setattr(store_module, "DATABASE_BYTES_MAX", 1_000)
    monkeypatch.setattr("gaios.db.database.DATABASE_BYTES_MAX", 1_000)
    monkeypatch.setattr("gaios.db.database.RESERVE_BYTES", 1_000)
    database = Database()
    put(database, b"a", b"v" * 200)
    database.check_room(400)
    for number in range(3):
        database.change({b"\x00gaios/%d" % number: b"v"}, CONTEXT)
    with pytest.raises(errors.DatabaseFull):
        database.check_room(1)
    with pytest.raises(errors.DatabaseFull):
        put(database, b"b", b"v")
    before = database.checksum()
    with pytest.raises(errors.DatabaseFull):
        database.change({b"\x00gaios/9": b"v" * 400}, CONTEXT)
    assert database.checksum() == before


def test_commands_of_other_machines_are_refused_by_name_but_never_answered_anew_by_the_log() -> None:
    """What stands in a log is answered as the version before answered it: replicas of both remember the same."""
    database = Database()
    for refuse in (database.validate, database.query):
        with pytest.raises(errors.InvalidCommand, match="knows no 'Deposit': call put"):
            refuse(b'["Deposit","alice",5]')
        with pytest.raises(errors.InvalidCommand, match="knows no"):
            refuse(b'["' + b"\xff" * 100)
    with pytest.raises(errors.InvalidCommand, match=r"^invalid command: Expected `array`"):
        database.apply(b'["Deposit","alice",5]', CONTEXT)
