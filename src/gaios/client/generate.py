"""Make sync.py and recipes/sync.py from the asyncio client: a twin has each public method, with the same signature and documentation.

python -m gaios.client.generate            writes them
python -m gaios.client.generate --check    exits with 1 when what is there is stale
"""

import ast
import sys
from collections.abc import Sequence
from pathlib import Path

PARTS = {
    "keys.py": "Keys",
    "lock_calls.py": "LockCalls",
    "recipe_calls.py": "Recipes",
    "commands.py": "Commands",
    "member_calls.py": "MemberCalls",
    "aio.py": "Cell",
}
"""Where a `Cell`'s methods stand: file and class."""
RECIPES = {
    "barrier.py": ("Barrier",),
    "counter.py": ("Counter",),
    "election.py": ("Term", "Leading", "Election"),
    "group.py": ("Membership", "Joining", "Group"),
    "double_barrier.py": ("DoubleBarrier",),
    "once.py": ("Turn", "Once"),
    "queue.py": ("Item", "Getting", "Queue"),
    "rwlock.py": ("RWLock",),
    "semaphore.py": ("Permit", "Permits", "Semaphore"),
}
"""Files of recipes/, and the classes there whose twins are made; those of the others are in its bridge.py."""
TARGET = Path(__file__).with_name("sync.py")
RECIPES_TARGET = Path(__file__).with_name("recipes") / "sync.py"
COLUMNS = 140
HAND_WRITTEN = {"close"}
"""Methods that `bridge.Twin` has."""

TWINS = {"Opening": "Node"}
"""What a method returns, where its twin has another name: without async a node is open at once."""

PLAIN = {"bool", "int", "str"}
"""What has no twin."""

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
from datetime import timedelta

from gaios.api import CompactResult, Entry, MultiOpResult, Operation, Overview, Test
from gaios.client.arguments import Key, Value
from gaios.client.bridge import Lock, Twin, Watch
from gaios.client.bridge_nodes import Node, Session
from gaios.client.held import OnJeopardy
from gaios.client.members import Change, Members
from gaios.client.node_events import Wanted
from gaios.client.opening import Create
from gaios.client.recipes.bridge import OnChange, Partitioner, PrefixCache, Singleton
from gaios.client.recipes.cache import LIMIT_BYTES
from gaios.client.recipes.once import Mark
from gaios.client.recipes.sync import Barrier, Counter, DoubleBarrier, Election, Group, Once, Queue, RWLock, Semaphore
from gaios.client.results import Deleted, Done, Entries, Number, Swapped
from gaios.client.status import CellStatus
from gaios.explanation import Explanation
from gaios.lock_api import NodeInfo, Sequencer, SessionInfo
from gaios.typed.words import Command, Query, R
"""
RECIPES_HEAD = '''# Generated from the asyncio client by `python -m gaios.client.generate`. Do not edit.
"""The recipes without async: see the module of each beside this one."""

from collections.abc import Iterator

from gaios.client.arguments import Value
from gaios.client.bridge import Grant, Held, Lock, Part
from gaios.client.held import Fence, OnJeopardy
from gaios.client.recipes import {modules}
from gaios.client.recipes.election import Leader
from gaios.client.recipes.group import View
from gaios.client.recipes.queue import PRIORITY
'''


def generate_recipes() -> str:
    """The text of recipes/sync.py."""
    text = RECIPES_HEAD.format(modules=", ".join(sorted(Path(name).stem for name in RECIPES)))
    for name, wanted in RECIPES.items():
        module = ast.parse((RECIPES_TARGET.parent / name).read_text(encoding="utf-8"))
        classes = {node.name: node for node in module.body if isinstance(node, ast.ClassDef)}
        text += "".join(_twin(classes[each], Path(name).stem) for each in wanted)
    return text


def _twin(node: ast.ClassDef, module: str) -> str:
    """A class's twin: of something held, of what is to be held by `with`, or of anything else."""
    documented = (ast.get_docstring(node, clean=False) or "").replace("`async with`", "`with`").replace("`async for`", "`for`")
    base = ast.unparse(node.bases[0]) if node.bases else "Part"
    text = f'\n\nclass {node.name}({base}):\n    """{documented}"""\n\n    _inner: {module}.{node.name}\n'
    if base.startswith("Grant["):
        text += f"    held = {base[6:-1]}\n"
    for field, after in zip(node.body, [*node.body[1:], None], strict=True):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and not field.target.id.startswith("_"):
            shown = str(after.value.value) if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant) else ""
            name, kind = field.target.id, ast.unparse(field.annotation)
            text += f'\n    @property\n    def {name}(self) -> {kind}:\n        """{shown}"""\n'
            text += f"        return self._inner.{name}\n"
    return text + "".join("\n" + _method(method, "self._inner", "self._twin") for method in _public(node))


def _public(part: ast.ClassDef) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    functions = [node for node in part.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    return [node for node in functions if not node.name.startswith("_") and node.name not in HAND_WRITTEN]


def generate() -> str:
    """The text of sync.py."""
    modules = {name: ast.parse(Path(__file__).with_name(name).read_text(encoding="utf-8")) for name in PARTS}
    (connect,) = [node for node in modules["aio.py"].body if isinstance(node, ast.FunctionDef) and node.name == "connect"]
    classes = [
        node for name, module in modules.items() for node in module.body if isinstance(node, ast.ClassDef) and node.name == PARTS[name]
    ]
    assert len(classes) == len(PARTS)
    methods = [node for part in classes for node in _public(part)]
    documented = (ast.get_docstring(connect, clean=False) or "").replace("`async with", "`with")
    return HEAD.format(imports=IMPORTS, connect=documented) + "".join("\n" + _method(node) for node in methods)


def _method(node: ast.FunctionDef | ast.AsyncFunctionDef, inner: str = "self._cell", twin: str = "self") -> str:
    assert node.returns is not None
    returns = ast.unparse(node.returns).strip("'\"")
    returns = TWINS.get(returns, returns)
    call = f"{inner}.{node.name}({', '.join(_arguments(node.args))})"
    if isinstance(node, ast.FunctionDef) and returns in PLAIN:
        return f'{_signature(node, returns)}\n        """{ast.get_docstring(node, clean=False)}"""\n        return {call}\n'
    if isinstance(node, ast.FunctionDef):
        outer = f"return {returns}({twin}, "
    elif returns.startswith("AsyncIterator"):
        returns = returns.removeprefix("Async")
        outer = "return self._iterate("
    else:
        outer = "return self._run("
    body = f"{outer}{call})"
    if len(body) + 8 > COLUMNS and outer.endswith(" "):
        body = f"return {returns}(\n            {twin},\n            {inner}.{node.name}(\n"
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
    code = 0
    for target, text in ((TARGET, generate()), (RECIPES_TARGET, generate_recipes())):
        if list(arguments) != ["--check"]:
            target.write_text(text, encoding="utf-8")
        elif not target.exists() or target.read_text(encoding="utf-8") != text:
            sys.stderr.write(f"{target} is stale: python -m gaios.client.generate\n")
            code = 1
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
