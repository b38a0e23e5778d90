"""Make sync.py from the asyncio client: the twin has each public method of its `Cell`, with the same signature and documentation.

python -m gaios.client.generate            writes it
python -m gaios.client.generate --check    exits with 1 when what is there is stale
"""

import ast
import sys
from collections.abc import Sequence
from pathlib import Path

PARTS = {"keys.py": "Keys", "lock_calls.py": "LockCalls", "commands.py": "Commands", "aio.py": "Cell"}
"""Where a `Cell`'s methods stand: file and class."""
TARGET = Path(__file__).with_name("sync.py")
COLUMNS = 140
HAND_WRITTEN = {"close"}
"""Methods that `bridge.Twin` has."""

TWINS = {"Opening": "Node"}
"""What a method returns, where its twin has another name: without async a node is open at once."""

HEAD = '''# Generated from the asyncio client by `python -m gaios.client.generate`. Do not edit.
"""The client without async: `gaios.sync.connect` and what it gives, a `Cell`.

    with gaios.sync.connect("127.0.0.1:7420,127.0.0.1:7421") as cell:
        done = cell.put("greeting", "hello")

The asyncio client runs on a private loop in a thread of its own (bridge.py). A `Cell` may be shared by threads.
"""

{imports}

def connect(endpoints: str | Iterable[str], *, timeout: float = 10.0) -> "Cell":
    """{connect}"""
    return Cell(endpoints, timeout=timeout)


class Cell(Twin):
    """A cell, as a client sees it. Keys and values are bytes; text is encoded as UTF-8. Every method but `status` takes `timeout`, in s."""
'''
IMPORTS = """from collections.abc import Iterable, Iterator

from gaios.api import CompactResult, Entry, MultiOpResult, Operation, Overview, Test
from gaios.client.arguments import Key, Value
from gaios.client.bridge import Lock, Twin, Watch
from gaios.client.bridge_nodes import Node, Session
from gaios.client.locks import OnJeopardy
from gaios.client.node_events import Wanted
from gaios.client.nodes import Create
from gaios.client.results import Deleted, Done, Entries, Number, Swapped
from gaios.client.status import CellStatus
from gaios.explanation import Explanation
from gaios.lock_api import NodeInfo, Sequencer, SessionInfo
from gaios.typed.words import Command, Query, R
"""


def generate() -> str:
    """The text of sync.py."""
    modules = {name: ast.parse(Path(__file__).with_name(name).read_text(encoding="utf-8")) for name in PARTS}
    (connect,) = [node for node in modules["aio.py"].body if isinstance(node, ast.FunctionDef) and node.name == "connect"]
    classes = [
        node for name, module in modules.items() for node in module.body if isinstance(node, ast.ClassDef) and node.name == PARTS[name]
    ]
    assert len(classes) == len(PARTS)
    methods = [
        node
        for part in classes
        for node in part.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not node.name.startswith("_") and node.name not in HAND_WRITTEN
    ]
    documented = (ast.get_docstring(connect, clean=False) or "").replace("`async with", "`with")
    return HEAD.format(imports=IMPORTS, connect=documented) + "".join("\n" + _method(node) for node in methods)


def _method(node: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    assert node.returns is not None
    returns = ast.unparse(node.returns).strip("'\"")
    returns = TWINS.get(returns, returns)
    call = f"self._cell.{node.name}({', '.join(_arguments(node.args))})"
    if isinstance(node, ast.FunctionDef):
        outer = f"return {returns}(self, "
    elif returns.startswith("AsyncIterator"):
        returns = returns.removeprefix("Async")
        outer = "return self._iterate("
    else:
        outer = "return self._run("
    body = f"{outer}{call})"
    if len(body) + 8 > COLUMNS and outer.endswith(" "):
        body = f"return {returns}(\n            self,\n            self._cell.{node.name}(\n"
        body += "".join(f"                {argument},\n" for argument in _arguments(node.args)) + "            ),\n        )"
    elif len(body) + 8 > COLUMNS:
        body = f"{outer}\n            {call}\n        )"
    documentation = (ast.get_docstring(node, clean=False) or "").replace("`async for`", "`for`").replace("`async with", "`with")
    return f'{_signature(node, returns)}\n        """{documentation}"""\n        {body}\n'


def _signature(node: ast.FunctionDef | ast.AsyncFunctionDef, returns: str) -> str:
    parameters = ["self", *_parameters(node.args)]
    line = f"    def {node.name}({', '.join(parameters)}) -> {returns}:"
    if len(line) <= COLUMNS:
        return line
    return "\n".join((f"    def {node.name}(", *(f"        {parameter}," for parameter in parameters), f"    ) -> {returns}:"))


def _parameters(arguments: ast.arguments) -> list[str]:
    plain = arguments.args
    defaults: list[ast.expr | None] = [*[None] * (len(plain) - len(arguments.defaults)), *arguments.defaults]
    found = [_parameter(argument, default) for argument, default in zip(plain[1:], defaults[1:], strict=True)]
    if arguments.kwonlyargs:
        found.append("*")
    return found + [_parameter(argument, default) for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)]


def _parameter(argument: ast.arg, default: ast.expr | None) -> str:
    assert argument.annotation is not None
    text = f"{argument.arg}: {ast.unparse(argument.annotation)}"
    if default is None:
        return text
    return f"{text} = " + ast.unparse(default).replace("'", '"')


def _arguments(arguments: ast.arguments) -> list[str]:
    return [*(one.arg for one in arguments.args[1:]), *(f"{one.arg}={one.arg}" for one in arguments.kwonlyargs)]


def main(arguments: Sequence[str]) -> int:
    """Write, or with `--check` compare; returns the exit code."""
    text = generate()
    if list(arguments) != ["--check"]:
        TARGET.write_text(text, encoding="utf-8")
        return 0
    if TARGET.exists() and TARGET.read_text(encoding="utf-8") == text:
        return 0
    sys.stderr.write(f"{TARGET} is stale: python -m gaios.client.generate\n")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
