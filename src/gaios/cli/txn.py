"""txn: one MultiOp from a file.  [INTERFACE]"""

from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from gaios import api
from gaios.cli import exits, output
from gaios.cli.connect import cell
from gaios.cli.keys import read_stdin
from gaios.cli.parameters import CLIENT, STDIN, Client
from gaios.cli.txn_grammar import TEXT_BYTES_MAX, parse


async def txn(file: Annotated[str, Parameter(help="JSON; - reads standard input.")], /, *, client: Client = CLIENT) -> int:
    """Carry out a MultiOp: guard, then, else; atomically."""
    multiop = parse(read_text(file))
    async with cell(client) as connected:
        done = await connected.multiop(guard=multiop.guard, then=multiop.then, otherwise=multiop.otherwise)
    results = [result_json(result) for result in done.results]
    if client.json:
        output.write_json({"succeeded": done.succeeded, "revision": done.revision, "results": results})
    else:
        output.write_line(f"{'succeeded' if done.succeeded else 'the guard failed'}, revision {done.revision}")
        for result in done.results:
            write_result(result)
    return exits.DONE if done.succeeded else exits.NO


def read_text(file: str) -> bytes:
    """What the file or standard input holds, at most one byte more than a transaction may."""
    if file == STDIN:
        return read_stdin(TEXT_BYTES_MAX)
    with Path(file).open("rb") as stream:
        return stream.read(TEXT_BYTES_MAX + 1)


def result_json(result: api.Result) -> dict[str, Any]:
    """One operation's result as JSON holds it."""
    match result:
        case api.PutResult(revision=revision):
            return {"revision": revision}
        case api.GetResult(entries=entries, more=more):
            # Named only where it says something: the list was cut at its limit.
            return {"entries": [output.entry(found) for found in entries], **({"more": True} if more else {})}
        case api.DeleteResult(deleted=deleted):
            return {"deleted": deleted}
        case api.IncrementResult(value=value):
            return {"value": value}


def write_result(result: api.Result) -> None:
    """One operation's result for people."""
    match result:
        case api.PutResult():
            output.write_line("put")
        case api.GetResult(entries=entries):
            output.write_line(f"get: {len(entries)} found")
            for found in entries:
                output.write(b"  " + output.shown(found.key) + b"\t" + output.shown(found.value) + b"\n")
        case api.DeleteResult(deleted=deleted):
            output.write_line(f"delete: {deleted}")
        case api.IncrementResult(value=value):
            output.write_line(f"increment: {value}")
