"""A former holder's transaction is refused, on SQLite and on a real PostgreSQL, in whatever order the two come."""

import sqlite3
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from types import ModuleType
from typing import Any

import psycopg
import pytest

from gaios.errors import ConfigurationError, Fenced, InvalidCommand, InvalidToken
from gaios.fencing import sql
from gaios.fencing.sql import Column, Guard
from gaios.fencing.token import Token
from tests.fencing.mutants import bites, mutant, never_decreases

OLD, NEW = Token(0, 812), Token(1, 4)
WAIT_S = 60.0
Connect = Callable[[], Any]


class Database:
    """A database with a table of guards, and one of accounts with a guard column."""

    def __init__(self, kind: str, connect: Connect) -> None:
        self.kind, self.connect = kind, connect
        self.mark = "?" if kind == "sqlite" else "%s"
        with closing(connect()) as connection:
            cursor = connection.cursor()
            for table in ("gaios_fence", "accounts", "history"):
                cursor.execute(f"DROP TABLE IF EXISTS {table}")
            Guard().create(cursor)
            cursor.execute("CREATE TABLE accounts (id INTEGER PRIMARY KEY, balance INTEGER NOT NULL)")
            Column("accounts").add(cursor)
            cursor.execute("INSERT INTO accounts (id, balance) VALUES (7, 100)")
            number = "INTEGER PRIMARY KEY" if kind == "sqlite" else "SERIAL PRIMARY KEY"
            cursor.execute(f"CREATE TABLE history (number {number}, token TEXT)")
            connection.commit()

    def ask(self, text: str) -> list[Any]:
        """Rows that are committed."""
        with closing(self.connect()) as connection:
            cursor = connection.cursor()
            cursor.execute(text)
            return list(cursor.fetchall())

    def change(self, guard: Any, token: Token, balance: int) -> None:
        """One holder's transaction."""
        with closing(self.connect()) as connection:
            cursor = connection.cursor()
            guard.check(cursor, "accounts/7", token)
            cursor.execute(f"UPDATE accounts SET balance = {balance} WHERE id = 7")
            connection.commit()

    def waits(self) -> bool:
        """Does somebody wait for a lock? SQLite does not tell; there, whoever comes second waits inside its own call."""
        return self.kind == "sqlite" or bool(self.ask("SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'"))


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Database:
    if request.param == "sqlite":
        return Database("sqlite", lambda: sqlite3.connect(tmp_path / "bank.db", timeout=WAIT_S))
    dsn = request.getfixturevalue("postgres")
    return Database("postgres", lambda: psycopg.connect(dsn))


def old_after_new_is_refused(database: Database, module: Any) -> None:
    """The claim about the guard, as a function: it has to fail of a mutant."""
    guard = module.Guard()
    database.change(guard, OLD, 90)
    database.change(guard, NEW, 80)
    with pytest.raises(Fenced) as refused:
        database.change(guard, OLD, 70)
    assert (refused.value.what, refused.value.seen, refused.value.given) == ("accounts/7", "1.4", "0.812")
    assert database.ask("SELECT balance FROM accounts") == [(80,)]
    database.change(guard, NEW, 60)
    assert database.ask("SELECT balance FROM accounts") == [(60,)]


def old_beside_new_is_refused(database: Database, module: Any, *, commits: bool = True) -> None:
    """The new holder's transaction is open when the old one comes: it must wait, and then see what became of it."""
    guard = module.Guard()
    with closing(database.connect()) as connection, ThreadPoolExecutor(1) as pool:
        cursor = connection.cursor()
        guard.check(cursor, "accounts/7", NEW)
        cursor.execute("UPDATE accounts SET balance = 80 WHERE id = 7")
        old = pool.submit(database.change, guard, OLD, 70)
        deadline = time.monotonic() + WAIT_S
        while not (old.done() or database.waits()):
            assert time.monotonic() < deadline, "the old one neither waited nor ended"
            time.sleep(0.01)
        if commits:
            connection.commit()
        else:
            connection.rollback()
        refused = old.exception(WAIT_S)
    assert isinstance(refused, Fenced) is commits, refused
    assert database.ask("SELECT balance FROM accounts") == [(80 if commits else 70,)]


def old_row_is_refused(database: Database, module: Any) -> None:
    """The same of a guard column."""
    accounts = module.Column("accounts")
    with closing(database.connect()) as connection:
        cursor = connection.cursor()
        assert accounts.update(cursor, 7, OLD, balance=90)
        assert accounts.update(cursor, 7, NEW, balance=80)
        connection.commit()
        with pytest.raises(Fenced) as refused:
            accounts.update(cursor, 7, OLD, balance=70)
        assert (refused.value.what, refused.value.seen, refused.value.given) == ("accounts 7", "1.4", "0.812")
        connection.commit()
    assert database.ask("SELECT balance, fence FROM accounts") == [(80, NEW.sortable)]


def test_an_old_token_after_a_newer_one_is_refused_and_nothing_changed(database: Database) -> None:
    """[SAFETY 23]; an equal token is one holder's next change."""
    old_after_new_is_refused(database, sql)


def test_an_old_token_beside_a_newer_one_waits_and_is_refused(database: Database) -> None:
    """Rule 2, at the database's own level of isolation."""
    old_beside_new_is_refused(database, sql)


def test_a_newer_token_that_is_rolled_back_was_never_there(database: Database) -> None:
    """Rule 1: the guard is part of the transaction."""
    old_beside_new_is_refused(database, sql, commits=False)


def test_an_old_token_does_not_change_a_guarded_row(database: Database) -> None:
    old_row_is_refused(database, sql)


@pytest.mark.parametrize("broken", ["", " WHERE guard.fence >= excluded.fence", " WHERE guard.name <> excluded.fence"])
def test_a_guard_that_compares_wrongly_is_noticed(database: Database, broken: str) -> None:
    """The test above can fail."""
    planted = mutant(sql, " WHERE guard.fence <= excluded.fence", broken)
    with bites():
        old_after_new_is_refused(database, planted)


def test_a_column_that_compares_wrongly_is_noticed(database: Database) -> None:
    planted = mutant(sql, "= ? AND {self.column} <= ?", "= ? AND {self.column} <> ?")
    with bites():
        old_row_is_refused(database, planted)


class LookFirst(Guard):
    """A bug that people write: look, compare in the program, then write."""

    def _check(self, name: str, token: Token) -> Any:
        row = yield from self._seen(name)
        if row is not None and row[0] > token.sortable:
            raise Fenced(what=name, seen=str(Token.from_sortable(row[0])), given=str(token))
        yield (
            f"INSERT INTO {self.table} AS guard (name, fence) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET fence = excluded.fence",
            (name, token.sortable),
            False,
        )


def test_a_guard_that_looks_before_it_writes_is_noticed(postgres: str) -> None:
    """It passes every test in which one transaction follows the other."""
    database = Database("postgres", lambda: psycopg.connect(postgres))
    planted = ModuleType("planted")
    planted.Guard = LookFirst  # type: ignore[attr-defined]
    old_after_new_is_refused(database, planted)
    with bites():
        old_beside_new_is_refused(Database("postgres", lambda: psycopg.connect(postgres)), planted)


def test_many_holders_at_once_never_go_back(database: Database) -> None:
    """In the order of commits, tokens only grow; each refused transaction left nothing."""
    guard = Guard()
    start = threading.Barrier(6)

    def holder(number: int) -> int:
        start.wait(WAIT_S)
        done = 0
        for _ in range(5):
            with closing(database.connect()) as connection:
                cursor = connection.cursor()
                try:
                    guard.check(cursor, "log", Token(0, number))
                except Fenced:
                    return done
                cursor.execute(f"INSERT INTO history (token) VALUES ({database.mark})", (f"0.{number}",))
                connection.commit()
            done += 1
        return done

    with ThreadPoolExecutor(6) as pool:
        done = sum(pool.map(holder, range(1, 7)))
    kept = [token for (token,) in database.ask("SELECT token FROM history ORDER BY number")]
    assert len(kept) == done
    never_decreases(kept, Token.parse)
    with closing(database.connect()) as connection:
        assert guard.seen(connection.cursor(), "log") == Token(0, 6)


def test_names_are_guarded_one_by_one(database: Database) -> None:
    """A token says nothing about another lock."""
    with closing(database.connect()) as connection:
        cursor = connection.cursor()
        Guard().check(cursor, "a", NEW)
        Guard().check(cursor, "b", OLD)
        assert Guard().seen(cursor, "a") == NEW
        assert Guard().seen(cursor, "b") == OLD
        assert Guard().seen(cursor, "c") is None


def test_a_guard_without_a_transaction_is_refused(database: Database) -> None:
    """It would be over before the change that it guards."""
    with closing(database.connect()) as connection:
        if database.kind == "sqlite":
            connection.isolation_level = None
        else:
            connection.autocommit = True
        cursor = connection.cursor()
        with pytest.raises(ConfigurationError, match="commits each statement by itself"):
            Guard().check(cursor, "a", NEW)
        cursor.execute("BEGIN")
        Guard().check(cursor, "a", NEW)
        cursor.execute("COMMIT")


def test_a_row_that_is_not_there_is_told_from_one_that_is_fenced(database: Database) -> None:
    with closing(database.connect()) as connection:
        cursor = connection.cursor()
        assert Column("accounts").update(cursor, 8, OLD, balance=1) is False
        assert Column("accounts").update(cursor, 7, NEW) is True
        assert database.mark
        with pytest.raises(Fenced):
            Column("accounts").update(cursor, 7, OLD)


def test_a_higher_isolation_refuses_in_its_own_way(postgres: str) -> None:
    """At REPEATABLE READ the second of two fails to serialize, whatever its token; it rolls back and tries again."""
    database = Database("postgres", lambda: psycopg.connect(postgres))
    database.change(Guard(), OLD, 90)
    with closing(database.connect()) as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        cursor = connection.cursor()
        cursor.execute("SELECT 1")
        database.change(Guard(), NEW, 80)
        with pytest.raises(psycopg.errors.SerializationFailure):
            Guard().check(cursor, "accounts/7", NEW)


def test_every_collation_orders_tokens_alike(postgres: str) -> None:
    """A database may sort by a language's rules, in which a dot weighs little."""
    tokens = [Token(a, b) for a in (0, 1, 9, 10, 2**63 - 1) for b in (0, 5, 9, 10, 11, 100, 2**63 - 1)]
    with closing(psycopg.connect(postgres)) as connection:
        for collation in ("C", "en-x-icu", "de-x-icu", "und-x-icu"):
            query = f'SELECT x FROM unnest(%s::text[]) AS x ORDER BY x COLLATE "{collation}"'
            rows = connection.execute(query, ([*(token.sortable for token in reversed(tokens)), ""],)).fetchall()
            assert [row[0] for row in rows] == ["", *(token.sortable for token in tokens)]


async def test_an_asynchronous_cursor_does_the_same(postgres: str) -> None:
    Database("postgres", lambda: psycopg.connect(postgres))
    async with await psycopg.AsyncConnection.connect(postgres) as connection:
        cursor = connection.cursor()
        await Guard().check_async(cursor, "a", NEW)
        with pytest.raises(Fenced):
            await Guard().check_async(cursor, "a", OLD)
        assert await Column("accounts").update_async(cursor, 7, NEW, balance=1)
        with pytest.raises(Fenced):
            await Column("accounts").update_async(cursor, 7, OLD, balance=2)
        await connection.commit()
        await connection.set_autocommit(True)
        with pytest.raises(ConfigurationError):
            await Guard().check_async(cursor, "a", NEW)


INJECTIONS = ["", "a b", "a;DROP TABLE accounts", 'a"', "a'", "a--", "a.b.c", ".a", "a.", "1a", "a\n", "ä", "a" * 64, "fence = fence, id"]


@pytest.mark.parametrize("name", INJECTIONS)
def test_a_name_that_is_none_never_becomes_sql(name: str) -> None:
    """Rule 4."""
    with pytest.raises(ConfigurationError):
        Guard(name)
    with pytest.raises(ConfigurationError):
        Column(name)
    with pytest.raises(ConfigurationError):
        Column("accounts", key=name)
    with pytest.raises(ConfigurationError):
        Column("accounts", column=name)
    with closing(sqlite3.connect(":memory:")) as connection, pytest.raises(ConfigurationError):
        Column("accounts").update(connection.cursor(), 7, OLD, **{name: 1})


def test_the_guard_column_takes_the_token_alone() -> None:
    with closing(sqlite3.connect(":memory:")) as connection, pytest.raises(ConfigurationError, match="guard column"):
        Column("accounts").update(connection.cursor(), 7, OLD, fence="")


@pytest.mark.parametrize("name", ["", "a\0b", "x" * 513, "é" * 257, "\ud800"])
def test_what_is_guarded_has_a_short_name_that_every_database_takes(database: Database, name: str) -> None:
    """What one database would cut short or refuse, all refuse."""
    with closing(database.connect()) as connection, pytest.raises(InvalidCommand):
        Guard().check(connection.cursor(), name, OLD)


@pytest.mark.parametrize("name", ["x" * 512, "é" * 256, "a'b\"c\\d%s?:p1", "line\nbreak", "\u202e\u00a0"])
def test_any_other_name_is_guarded(database: Database, name: str) -> None:
    """A lock's path may hold anything but NUL."""
    with closing(database.connect()) as connection:
        cursor = connection.cursor()
        Guard().check(cursor, name, NEW)
        with pytest.raises(Fenced):
            Guard().check(cursor, name, OLD)
        assert Guard().seen(cursor, name) == NEW


def test_what_is_no_token_is_refused_before_anything_is_asked() -> None:
    with closing(sqlite3.connect(":memory:")) as connection, pytest.raises(InvalidToken):
        Guard().check(connection.cursor(), "a", "1.2 OR 1=1")


class Recorder:
    """A cursor that keeps what it is asked, of a driver that does not say how it writes parameters."""

    rowcount = 1

    def __init__(self) -> None:
        self.asked: list[tuple[str, Any]] = []

    def execute(self, operation: str, parameters: Any, /) -> None:
        self.asked.append((operation, parameters))

    def fetchone(self) -> None:
        return None


@pytest.mark.parametrize(
    ("style", "clause", "parameters"),
    [
        ("qmark", "(?, ?)", ("a", NEW.sortable)),
        ("numeric", "(:1, :2)", ("a", NEW.sortable)),
        ("named", "(:p1, :p2)", {"p1": "a", "p2": NEW.sortable}),
        ("format", "(%s, %s)", ("a", NEW.sortable)),
        ("pyformat", "(%(p1)s, %(p2)s)", {"p1": "a", "p2": NEW.sortable}),
    ],
)
def test_every_form_of_parameters_is_written(style: str, clause: str, parameters: object) -> None:
    """PEP 249 has five."""
    recorder = Recorder()
    Guard("s.fences", paramstyle=style).check(recorder, "a", NEW)
    insert = f"INSERT INTO s.fences AS guard (name, fence) VALUES {clause} "
    conflict = "ON CONFLICT (name) DO UPDATE SET fence = excluded.fence WHERE guard.fence <= excluded.fence"
    assert recorder.asked == [(insert + conflict, parameters)]


def test_a_driver_that_does_not_tell_its_form_is_asked_for() -> None:
    with pytest.raises(ConfigurationError, match="does not say how it writes parameters"):
        Guard().check(Recorder(), "a", NEW)
    with pytest.raises(ConfigurationError, match="no form of parameters"):
        Guard(paramstyle="dollar")


def test_a_cursor_of_ones_own_inherits_its_form() -> None:
    """Drivers are subclassed for logging and tracing."""

    class Traced(sqlite3.Cursor):
        pass

    with closing(sqlite3.connect(":memory:")) as connection:
        cursor = connection.cursor(Traced)
        Guard().create(cursor)
        Guard().check(cursor, "a", NEW)
        assert Guard().seen(cursor, "a") == NEW


def test_no_driver_is_imported() -> None:
    """The connection is the user's, and so is its driver."""
    assert not {"psycopg", "psycopg2"} & set(vars(sql))
    assert sys.modules["gaios.fencing.sql"] is sql


@pytest.fixture(autouse=True)
def _leaves_no_waiter() -> Iterator[None]:
    """A test that left a transaction open would hang the next one."""
    yield
    assert threading.active_count() < 20
