"""put, get, del, ls, cas, incr, compact.  [INTERFACE]

Rule 1. Each is one command to the cell, so each is atomic. Two exceptions: listings go page by page, all at the first page's revision;
and what is too much to delete at once is deleted in portions.
Rule 2. What is missing is an answer (exit code 1), not an error.
"""

import os
import sys
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from gaios import api
from gaios.cli import exits, output
from gaios.cli.connect import cell
from gaios.cli.parameters import CLIENT, STDIN, Client, Count, Key, KeyOrPrefix, Prefix, Revision, Value, whole
from gaios.errors import ConfigurationError, TooMuchWork, ValueTooLong

if TYPE_CHECKING:
    from gaios.client import Cell

_READ_BYTES = 65_536

OrAbsent = Annotated[int | None, Parameter(converter=whole(0, api.NUMBER_MAX))]


async def put(key: Key, value: Value, /, *, client: Client = CLIENT) -> int:
    """Set a key."""
    data = value_bytes(value)
    async with cell(client) as connected:
        done = await connected.put(key, data)
    output.write_answer({"revision": done.revision}, f"revision {done.revision}", json=client.json)
    return exits.DONE


async def get(
    key: KeyOrPrefix,
    /,
    *,
    prefix: Prefix = False,
    rev: Annotated[Revision | None, Parameter(help="As it was at this revision.")] = None,
    client: Client = CLIENT,
) -> int:
    """Print a key's value, or every key and value with a prefix."""
    async with cell(client) as connected:
        if prefix:
            async for found in connected.entries(prefix=key, revision=rev or 0):
                if client.json:
                    output.write_json(output.entry(found))
                else:
                    output.write(output.shown(found.key) + b"\t" + output.shown(found.value) + b"\n")
            return exits.DONE
        entry = await connected.get(key, revision=rev or 0)
    if client.json:
        output.write_json(None if entry is None else output.entry(entry))
    elif entry is not None:
        output.write(output.shown(entry.value, keep="\n\t") + b"\n")
    return exits.NO if entry is None else exits.DONE


async def delete(key: KeyOrPrefix, /, *, prefix: Prefix = False, client: Client = CLIENT) -> int:
    """Delete a key, or every key with a prefix."""
    async with cell(client) as connected:
        try:
            done = await connected.delete(key, prefix=prefix)
            deleted, revision = done.deleted, done.revision
        except TooMuchWork:
            deleted, revision = await _delete_in_portions(connected, key)
    keys = "1 key" if deleted == 1 else f"{deleted} keys"
    output.write_answer({"deleted": deleted, "revision": revision}, f"deleted {keys}, revision {revision}", json=client.json)
    return exits.DONE if deleted else exits.NO


async def _delete_in_portions(connected: "Cell", prefix: bytes) -> tuple[int, int]:
    """Delete every key with a prefix, a page at a time: how many there were, and the revision of the last deletion."""
    deleted = revision = 0
    while keys := (await connected.range(prefix=prefix, limit=api.PAGE_ENTRIES_MAX, keys_only=True)).entries:
        done = await connected.delete(keys[0].key, keys[-1].key + b"\x00")
        deleted, revision = deleted + done.deleted, done.revision
    return deleted, revision


async def ls(
    prefix: KeyOrPrefix = b"",
    /,
    *,
    limit: Annotated[Count | None, Parameter(help="At most so many keys.")] = None,
    client: Client = CLIENT,
) -> int:
    """List keys."""
    async with cell(client) as connected:
        async for found in connected.entries(prefix=prefix, limit=limit or 0, keys_only=True):
            if client.json:
                output.write_json({"key": output.text(found.key)})
            else:
                output.write(output.shown(found.key) + b"\n")
    return exits.DONE


async def cas(
    key: Key,
    value: Value,
    /,
    *,
    rev: Annotated[OrAbsent, Parameter(help="Only if this is the revision of its last change.")] = None,
    version: Annotated[OrAbsent, Parameter(help="Only if it was set so many times since it was created.")] = None,
    absent: Annotated[bool, Parameter(help="Only if there is no such key.")] = False,
    expected: Annotated[str | None, Parameter(help="Only if this is its value.")] = None,
    client: Client = CLIENT,
) -> int:
    """Compare and set: put only if the key is as expected."""
    if (rev is not None) + (version is not None) + absent + (expected is not None) != 1:
        raise ConfigurationError(
            reason="gaios cas needs exactly one of --rev, --version, --absent, --expected", hint="gaios cas --help shows what each compares"
        )
    data = value_bytes(value)
    if rev is not None:
        test = api.Test(key, "mod_revision", "==", rev)
    elif version is not None:
        test = api.Test(key, "version", "==", version)
    elif expected is not None:
        test = api.Test(key, "value", "==", os.fsencode(expected.replace(STDIN, "-")))
    else:
        test = api.Test(key, "absent")
    async with cell(client) as connected:
        done = await connected.multiop(guard=[test], then=[api.Put(key, data)])
    line = f"set at revision {done.revision}" if done.succeeded else f"not set: the key is not as expected at revision {done.revision}"
    output.write_answer({"succeeded": done.succeeded, "revision": done.revision}, line, json=client.json)
    return exits.DONE if done.succeeded else exits.NO


async def incr(
    key: Key,
    /,
    *,
    by: Annotated[int, Parameter(converter=whole(-api.NUMBER_MAX - 1, api.NUMBER_MAX), help="May be negative.")] = 1,
    client: Client = CLIENT,
) -> int:
    """Add to a counter: a value that is a decimal number; an absent key counts as 0."""
    async with cell(client) as connected:
        done = await connected.increment(key, by=by)
    output.write_answer({"value": done.value, "revision": done.revision}, str(done.value), json=client.json)
    return exits.DONE


async def compact(
    rev: Annotated[Revision, Parameter(help="The oldest revision that stays readable.")], /, *, client: Client = CLIENT
) -> int:
    """Drop history before a revision: reads and watches below it are refused from then on."""
    async with cell(client) as connected:
        done = await connected.compact(rev)
    output.write_answer({"compacted": done.compacted}, f"history begins at revision {done.compacted}", json=client.json)
    return exits.DONE


def value_bytes(written: str) -> bytes:
    """A value as it was written, or what standard input holds.

    Raises:
        ValueTooLong: standard input holds more than a value may; it was not read to its end.
    """
    if written != STDIN:
        return os.fsencode(written)
    data = read_stdin(api.VALUE_BYTES_MAX)
    if len(data) > api.VALUE_BYTES_MAX:
        raise ValueTooLong(length=len(data), limit=api.VALUE_BYTES_MAX)
    return data


def read_stdin(limit: int) -> bytes:
    """Standard input to its end, or one byte more than `limit`, whichever comes first."""
    chunks: list[bytes] = []
    size = 0
    while size <= limit and (chunk := sys.stdin.buffer.read(min(_READ_BYTES, limit + 1 - size))):
        chunks.append(chunk)
        size += len(chunk)
    return b"".join(chunks)
