"""What the middleware remembers is compared and kept in one step, and shared by whoever shares the database or the directory."""

import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest

from gaios.errors import Fenced, Overloaded
from gaios.fencing import stores
from gaios.fencing.sql import Guard
from gaios.fencing.stores import FileStore, MemoryStore, SqlStore, Store
from gaios.fencing.token import Token
from tests.fencing.mutants import bites, mutant

OLD, NEW = Token(0, 812), Token(1, 4)
WAIT_S = 60.0
Make = Callable[[], Store]


@pytest.fixture(params=["sqlite", "postgres", "file"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Make:
    """Stores that share what they remember."""
    if request.param == "file":
        return lambda: FileStore(tmp_path)
    connect: Callable[[], Any]
    if request.param == "sqlite":
        connect = lambda: closing(sqlite3.connect(tmp_path / "fences.db", timeout=WAIT_S))  # noqa: E731
    else:
        dsn = request.getfixturevalue("postgres")
        connect = lambda: psycopg.connect(dsn)  # noqa: E731
    guard = Guard("stores")
    with connect() as connection:
        connection.cursor().execute("DROP TABLE IF EXISTS stores")
        guard.create(connection.cursor())
        connection.commit()
    return lambda: SqlStore(connect, guard)


def old_after_new_is_refused(store: Any, other: Any) -> None:
    """The claim, as a function: it has to fail of a mutant."""
    store.check("/accounts/7", OLD)
    store.check("/accounts/7", NEW)
    with pytest.raises(Fenced) as refused:
        other.check("/accounts/7", OLD)
    assert (refused.value.what, refused.value.seen, refused.value.given) == ("/accounts/7", "1.4", "0.812")
    other.check("/accounts/7", NEW)
    other.check("/accounts/8", OLD)


def test_an_old_token_after_a_newer_one_is_refused(make: Make) -> None:
    """By any store that shares what is remembered: after a restart, or in another process."""
    old_after_new_is_refused(make(), make())


def test_memory_refuses_an_old_token_too() -> None:
    store = MemoryStore()
    old_after_new_is_refused(store, store)


@pytest.mark.parametrize("broken", ["token > newest", "False"])
def test_a_memory_that_compares_wrongly_is_noticed(broken: str) -> None:
    store = mutant(stores, "token < newest", broken).MemoryStore()
    with bites():
        old_after_new_is_refused(store, store)


def test_a_check_that_is_not_committed_is_noticed(tmp_path: Path) -> None:
    """The connection's end would take it back."""
    planted = mutant(stores, "            connection.commit()\n", "")

    def connect() -> Any:
        return closing(sqlite3.connect(tmp_path / "fences.db"))

    with connect() as connection:
        Guard().create(connection.cursor())
    with bites():
        old_after_new_is_refused(planted.SqlStore(connect), planted.SqlStore(connect))


def test_many_at_once_leave_the_newest(make: Make) -> None:
    """Each thread sees its own token accepted or a newer one; at the end only the newest is."""
    start = threading.Barrier(4)

    def holder(number: int) -> str | None:
        store = make()
        start.wait(WAIT_S)
        try:
            for _ in range(5):
                store.check("a", Token(0, number))
        except Fenced as refused:
            return refused.seen
        return None

    with ThreadPoolExecutor(4) as pool:
        refused = list(pool.map(holder, range(1, 5)))
    assert all(seen is None or Token.parse(seen) > Token(0, number) for number, seen in enumerate(refused, 1))
    make().check("a", Token(0, 4))
    with pytest.raises(Fenced):
        make().check("a", Token(0, 3))


def test_memory_is_bounded_and_forgets_nothing() -> None:
    """Rule 2: a new resource is turned away before an old one is forgotten.  [SAFETY 28]"""
    store = MemoryStore(resources_max=2)
    store.check("a", NEW)
    store.check("b", NEW)
    with pytest.raises(Overloaded):
        store.check("c", NEW)
    with pytest.raises(Fenced):
        store.check("a", OLD)
    store.check("b", NEW)


def test_any_resource_has_a_file(tmp_path: Path) -> None:
    """Its name is no path: a request cannot reach out of the directory, nor make a name that is too long."""
    store = FileStore(tmp_path)
    for resource in ("/../../etc/passwd", "x" * 10_000, "\0", "\ud800", ""):
        store.check(resource, NEW)
        with pytest.raises(Fenced):
            store.check(resource, OLD)
    assert {path.suffix for path in tmp_path.iterdir()} == {".fence", ".lock"}
    assert len(list(tmp_path.iterdir())) == 10
