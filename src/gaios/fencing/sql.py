"""A guard in a database, through any DB-API 2.0 connection: a table of tokens, or a column of one's own table.  [SAFETY 23]

Rule 1. The guard is part of the caller's transaction: it commits with the change, or neither does.
Rule 2. Comparing and raising the token is one statement, whose condition the database evaluates on the newest row while it holds that row
locked. So of two holders the second waits for the first one's commit, at READ COMMITTED as well as above.
Rule 3. Whoever meets `Fenced` rolls back. A `with connection:` does.
Rule 4. No text of a caller becomes SQL but names of tables and columns, and those are letters, digits, `_` and `.`.

A token is stored as one text, `Token.sortable`, which every database orders rightly; the empty text is older than any. The table's dialect
is that of SQLite 3.24 and PostgreSQL 9.5 (`ON CONFLICT`); the column's is plain SQL, with a `rowcount` of the rows that matched.
"""

import re
import sys
from collections.abc import Generator
from typing import Any, Final, Protocol, TypeVar

from gaios.errors import ConfigurationError, Fenced, InvalidCommand
from gaios.fencing.token import Given, Token
from gaios.lock_api import PATH_BYTES_MAX

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}")
_UNHEARD_OF: Final = re.compile("[\0\ud800-\udfff]")
_PARAMETER: Final = re.compile(r"\?")
_IDLE: Final = 0
"""libpq's PQTRANS_IDLE."""
STYLES: Final = ("qmark", "numeric", "named", "format", "pyformat")
"""Forms of parameters that PEP 249 names."""


class Cursor(Protocol):
    """What is used of a DB-API cursor; `execute` of an asynchronous one is awaited."""

    @property
    def rowcount(self) -> int:
        """Rows that the last statement changed."""

    def execute(self, operation: Any, parameters: Any, /) -> Any:  # noqa: ANN401 (drivers disagree)
        """Carry a statement out."""

    def fetchone(self) -> Any:  # noqa: ANN401 (drivers disagree)
        """The next row, or None."""


_T = TypeVar("_T")
_Statement = tuple[str, tuple[object, ...], bool]
"""With `?` for parameters; whether the answer is the first row, or else the number of rows."""
_Steps = Generator[_Statement, Any, _T]


class Guard:
    """A table with the newest token that came with a change of each name.

        with connection:                                    # one transaction
            cursor = connection.cursor()
            guard.check(cursor, "accounts/7", token)        # raises Fenced
            cursor.execute("UPDATE accounts SET …")

    A name is what the lock protects, for instance the lock's own path.
    """

    def __init__(self, table: str = "gaios_fence", *, paramstyle: str | None = None) -> None:
        """Guard by that table.

        Args:
            table: Its name, perhaps with a schema: `SCHEMA.TABLE`.
            paramstyle: The driver's form of parameters, where its cursors do not tell.

        Raises:
            ConfigurationError: that is no name of a table, or no form of parameters.
        """
        self.table = _table(table)
        self._style = _known(paramstyle)

    def create(self, cursor: Cursor) -> None:
        """Make the table if it is not there. Commit before it is used."""
        _drive(cursor, self._create(), self._style)

    def check(self, cursor: Cursor, name: str, token: Given) -> None:
        """Go on only if no newer token was seen; from now on every older one is refused.

        It waits while another transaction has checked the same name and is not over.

        Args:
            cursor: Of a connection with an open transaction, or one that opens transactions by itself.
            name: What is guarded, 1 to `PATH_BYTES_MAX` bytes of UTF-8, without NUL.
            token: What came with the change.

        Raises:
            Fenced: a newer one was seen. Roll back.
            InvalidToken: that is no token.
            InvalidCommand: that is no name.
            ConfigurationError: there is no transaction: the guard would be over before the change.
        """
        _drive(cursor, self._check(name, Token.of(token)), self._style)
        _must_be_open(cursor)

    async def check_async(self, cursor: Cursor, name: str, token: Given) -> None:
        """`check` by an asynchronous cursor, as psycopg's."""
        await _drive_async(cursor, self._check(name, Token.of(token)), self._style)
        _must_be_open(cursor)

    def seen(self, cursor: Cursor, name: str) -> Token | None:
        """The newest token that came for this name; None before the first."""
        row = _drive(cursor, self._seen(_guarded(name)), self._style)
        return Token.from_sortable(row[0]) if row else None

    def _create(self) -> _Steps[None]:
        sql = f"CREATE TABLE IF NOT EXISTS {self.table} (name VARCHAR({PATH_BYTES_MAX}) PRIMARY KEY, fence VARCHAR(39) NOT NULL)"
        yield sql, (), False

    def _check(self, name: str, token: Token) -> _Steps[None]:
        sql = (
            f"INSERT INTO {self.table} AS guard (name, fence) VALUES (?, ?) "  # noqa: S608 (Rule 4)
            "ON CONFLICT (name) DO UPDATE SET fence = excluded.fence WHERE guard.fence <= excluded.fence"
        )
        if (yield sql, (_guarded(name), token.sortable), False) != 1:
            row = yield from self._seen(name)
            raise Fenced(what=name, seen=str(Token.from_sortable(row[0])), given=str(token))

    def _seen(self, name: str) -> _Steps[Any]:
        return (yield f"SELECT fence FROM {self.table} WHERE name = ?", (name,), True)  # noqa: S608 (Rule 4)


class Column:
    """A guard column of one's own table: a row is changed only by a token at least as new as its own.

    accounts = Column("accounts", key="id")
    accounts.update(cursor, 7, token, balance=90)

    Each update is atomic by itself; no transaction is needed.
    """

    def __init__(self, table: str, *, key: str = "id", column: str = "fence", paramstyle: str | None = None) -> None:
        """Guard the rows of that table.

        Args:
            table: Its name, perhaps with a schema.
            key: A column that names one row: the primary key, or one that is unique.
            column: The guard column; see `add`.
            paramstyle: The driver's form of parameters, where its cursors do not tell.

        Raises:
            ConfigurationError: that is no name of a table or a column, or no form of parameters.
        """
        self.table, self.key, self.column = _table(table), _column(key), _column(column)
        self._style = _known(paramstyle)

    def add(self, cursor: Cursor) -> None:
        """Add the guard column to the table. Commit before it is used."""
        sql = f"ALTER TABLE {self.table} ADD COLUMN {self.column} VARCHAR(39) NOT NULL DEFAULT ''"
        _drive(cursor, _once(sql), self._style)

    def update(self, cursor: Cursor, key: object, token: Given, /, **values: object) -> bool:
        """Change columns of one row, if no newer token has changed it; with no values, claim it.

        Returns:
            Whether there is such a row.

        Raises:
            Fenced: a newer token has changed it. Nothing was changed.
            InvalidToken: that is no token.
            ConfigurationError: that is no name of a column.
        """
        return _drive(cursor, self._update(key, Token.of(token), values), self._style)

    async def update_async(self, cursor: Cursor, key: object, token: Given, /, **values: object) -> bool:
        """`update` by an asynchronous cursor."""
        return await _drive_async(cursor, self._update(key, Token.of(token), values), self._style)

    def _update(self, key: object, token: Token, values: dict[str, object]) -> _Steps[bool]:
        if self.column in values:
            raise ConfigurationError(reason=f"{self.column} is the guard column: it takes the token, and nothing else")
        changes = ", ".join(f"{_column(name)} = ?" for name in (*values, self.column))
        sql = f"UPDATE {self.table} SET {changes} WHERE {self.key} = ? AND {self.column} <= ?"  # noqa: S608 (Rule 4)
        if (yield sql, (*values.values(), token.sortable, key, token.sortable), False) > 0:
            return True
        row = yield f"SELECT {self.column} FROM {self.table} WHERE {self.key} = ?", (key,), True  # noqa: S608 (Rule 4)
        if row is not None and row[0] > token.sortable:
            raise Fenced(what=f"{self.table} {key}", seen=str(Token.from_sortable(row[0])), given=str(token))
        return False


# ----------------------------------------------------------------------------------------------------------------- names


def _table(name: str) -> str:
    parts = name.split(".")
    if len(parts) > 2 or not all(map(_NAME.fullmatch, parts)):
        raise ConfigurationError(reason=f"{name!r} is no name of a table: letters, digits and _, perhaps SCHEMA.TABLE")
    return name


def _column(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ConfigurationError(reason=f"{name!r} is no name of a column: letters, digits and _")
    return name


def _guarded(name: str) -> str:
    if not 1 <= len(name.encode(errors="replace")) <= PATH_BYTES_MAX or _UNHEARD_OF.search(name):
        raise InvalidCommand(reason=f"what is guarded has a name of 1 to {PATH_BYTES_MAX} bytes of UTF-8, without NUL; not {name!r:.80}")
    return name


# --------------------------------------------------------------------------------------------------------------- drivers


def _known(style: str | None) -> str | None:
    if style is not None and style not in STYLES:
        raise ConfigurationError(reason=f"{style!r} is no form of parameters; PEP 249 has {', '.join(STYLES)}")
    return style


def _style_of(cursor: Cursor) -> str:
    """What the driver's module says. A class of the caller's own inherits from the driver's."""
    for kind in type(cursor).__mro__:
        style = getattr(sys.modules.get(kind.__module__.partition(".")[0]), "paramstyle", None)
        if style in STYLES:
            return str(style)
    raise ConfigurationError(
        reason=f"{type(cursor).__module__} does not say how it writes parameters", hint=f"give paramstyle=, one of {', '.join(STYLES)}"
    )


def _once(sql: str) -> _Steps[None]:
    yield sql, (), False


def _written(sql: str, values: tuple[object, ...], style: str) -> tuple[str, Any]:
    """A statement with `?` in the driver's form, and its parameters."""
    if style == "qmark":
        return sql, values
    names = iter(range(1, len(values) + 1))
    form = {"numeric": ":{}", "named": ":p{}", "format": "%s", "pyformat": "%(p{})s"}[style]
    text = _PARAMETER.sub(lambda _: form.format(next(names)), sql)
    by_name = style in {"named", "pyformat"}
    return text, {f"p{number}": value for number, value in enumerate(values, 1)} if by_name else values


def _drive(cursor: Cursor, steps: _Steps[_T], style: str | None) -> _T:
    """Carry out what is asked, one statement after the other."""
    style = style or _style_of(cursor)
    try:
        sql, values, row = next(steps)
        while True:
            cursor.execute(*_written(sql, values, style))
            sql, values, row = steps.send(cursor.fetchone() if row else cursor.rowcount)
    except StopIteration as end:
        result: _T = end.value
        return result


async def _drive_async(cursor: Cursor, steps: _Steps[_T], style: str | None) -> _T:
    style = style or _style_of(cursor)
    try:
        sql, values, row = next(steps)
        while True:
            await cursor.execute(*_written(sql, values, style))
            sql, values, row = steps.send(await cursor.fetchone() if row else cursor.rowcount)
    except StopIteration as end:
        result: _T = end.value
        return result


def _must_be_open(cursor: Cursor) -> None:
    """Rule 1: as far as the driver tells, there is a transaction, whose commit is the caller's."""
    connection = getattr(cursor, "connection", None)
    is_open = getattr(connection, "in_transaction", None)
    if is_open is None and (status := getattr(getattr(connection, "info", None), "transaction_status", None)) is not None:
        is_open = status != _IDLE
    if is_open is False:
        raise ConfigurationError(
            reason="the connection commits each statement by itself, so the guard was over before the change",
            hint="begin a transaction, check, change, commit",
        )
