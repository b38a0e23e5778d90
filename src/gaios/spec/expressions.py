"""Expressions: names resolved, sorts checked. Second pass of the compiler.

Rule 1. An expression is total and pure: looking up an absent key gives the default, nothing fails, nothing is changed.
Rule 2. Numbers of different sorts do not mix: a slot is not a ballot. A literal, a constant, a count and a remainder fit all.
"""

import ast
import types
from dataclasses import dataclass, field
from itertools import pairwise

from gaios.spec.declarations import BUILTINS, Vocabulary, sort_of
from gaios.spec.sorts import PLAIN, TRUTH, MapOf, Nat, Opaque, Plain, Record, SetOf, Sort, fits, is_number
from gaios.spec.source import Place, Text, complaint
from gaios.spec.tree import (
    Ambient,
    Binary,
    Both,
    Call,
    Choose,
    Compare,
    Constant,
    Count,
    Domain,
    Empty,
    Expr,
    Extreme,
    Flag,
    Function,
    Items,
    Keys,
    Local,
    Lookup,
    Make,
    MapBy,
    Not,
    Number,
    Part,
    Range,
    Run,
    SetBy,
    State,
    Table,
    Top,
)

_ARITHMETIC = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.FloorDiv: "//", ast.Mod: "%"}
_SETS = {ast.BitAnd: "&", ast.BitOr: "|"}
_COMPARISONS = {ast.Eq: "==", ast.NotEq: "!=", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.In: "in"}
_AMBIENT = {"me": "Member", "src": "Member", "now": "Time"}


@dataclass(slots=True)
class Reader:
    """Reads the expressions of one rule, function or route."""

    vocabulary: Vocabulary
    text: Text
    has_event: bool
    """Whether `now` and `src` mean something here: in rules only."""
    locals: dict[str, Expr] = field(default_factory=dict)
    _count: int = 0

    def place(self, node: ast.expr | ast.stmt | ast.arg | ast.pattern) -> Place:
        """Where a node stands."""
        return self.text.place(node)

    def bind(self, name: str, sort: Sort, place: Place) -> Local:
        """A new local.

        Raises:
            SpecError: the name means something already.
        """
        if name in BUILTINS or name in self.vocabulary.places or name in self.locals:
            raise complaint(place, f"{name!r} has a meaning here already")
        if name != name.lower():
            raise complaint(place, f"{name!r}: locals are written in lower case; capitals are for what is declared")
        local = Local(sort, place, self._count, name)
        self._count += 1
        self.locals[name] = local
        return local

    def read(self, node: ast.expr, wanted: Sort | None = None) -> Expr:
        """The expression; of the sort that is wanted, if any.

        Raises:
            SpecError: an unknown name, a wrong sort, or syntax that the language does not have.
        """
        expr = self._read(node, wanted)
        if wanted is not None and not fits(expr.sort, wanted):
            raise complaint(self.place(node), f"expected {wanted}, this is {expr.sort}")
        return expr

    def conjuncts(self, node: ast.expr | None) -> tuple[Expr, ...]:
        """A guard as a conjunction."""
        if node is None:
            return ()
        if isinstance(node, ast.BoolOp) and isinstance(node.op, ast.And):
            return tuple(self.read(value, TRUTH) for value in node.values)
        return (self.read(node, TRUTH),)

    def domain(self, node: ast.expr) -> tuple[Domain, Sort]:
        """What a loop or a comprehension runs over, and the sort of its elements."""
        match node:
            case ast.Call(func=ast.Name(id="range"), args=[low, high], keywords=[]):
                first, last = self.read(low), self.read(high)
                return Range(first, last), self._join(first, last, self.place(node))
            case ast.Call(func=ast.Name(id="keys"), args=[_, *_] as maps, keywords=[]):
                read = tuple(self.read(item) for item in maps)
                sorts = [item.sort for item in read]
                first_sort = sorts[0]
                if not isinstance(first_sort, MapOf):
                    raise complaint(self.place(node), f"keys() takes maps, this is {first_sort}")
                for sort in sorts:
                    if not isinstance(sort, MapOf) or sort.key != first_sort.key:
                        raise complaint(self.place(node), f"keys() of {first_sort} and {sort}: their keys differ")
                return Keys(read), first_sort.key
            case _:
                raise complaint(self.place(node), "expected range(LOW, HIGH) or keys(MAP, …)")

    # -- one kind of expression after the other --------------------------------------------------------------------------

    def _read(self, node: ast.expr, wanted: Sort | None) -> Expr:
        at = self.place(node)
        match node:
            case ast.Constant(value=bool() as value):
                return Flag(TRUTH, at, value)
            case ast.Constant(value=int() as value):
                return Number(PLAIN, at, value)
            case ast.Name(id=name):
                return self._name(name, at)
            case ast.Attribute(value=value, attr=part):
                return self._part(self.read(value), part, at)
            case ast.Subscript(value=value, slice=key):
                return self._lookup(self.read(value), key, at)
            case ast.BinOp(left=left, op=op, right=right):
                return self._binary(left, op, right, wanted, at)
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return Not(TRUTH, at, self.read(operand, TRUTH))
            case ast.BoolOp(op=op, values=values):
                word = "and" if isinstance(op, ast.And) else "or"
                return Both(TRUTH, at, word, tuple(self.read(value, TRUTH) for value in values))
            case ast.Compare(left=left, ops=[op], comparators=[right]):
                return self._compare(left, op, right, at)
            case ast.Compare():
                raise complaint(at, "one comparison at a time: write `a < b and b < c`")
            case ast.IfExp(test=test, body=body, orelse=orelse):
                then, other = self.read(body, wanted), self.read(orelse, wanted)
                return Choose(self._same(then, other, at), at, self.read(test, TRUTH), then, other)
            case ast.Dict(keys=[]):
                if not isinstance(wanted, SetOf | MapOf):
                    raise complaint(at, "{} stands where a set or a map is expected")
                return Empty(wanted, at)
            case ast.Set(elts=items):
                read = tuple(self.read(item) for item in items)
                sort = read[0].sort
                if isinstance(sort, Plain) and isinstance(wanted, SetOf):
                    sort = wanted.item
                if not isinstance(sort, Nat):
                    raise complaint(at, f"members of sets are Nat, not {sort}")
                return Items(SetOf(sort), at, tuple(self.read(item, sort) for item in items))
            case ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
                return self._comprehension(node, wanted, at)
            case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]):
                return self._call(name, arguments, at)
            case _:
                raise complaint(at, "this kind of expression is not in the language")

    def _name(self, name: str, at: Place) -> Expr:
        vocabulary = self.vocabulary
        if name in self.locals:
            found = self.locals[name]
            return found if isinstance(found, Ambient) else Local(found.sort, at, found.number, name) if isinstance(found, Local) else found
        if name in vocabulary.state:
            return State(vocabulary.state[name].sort, at, name)
        if name in vocabulary.constants:
            return Constant(PLAIN, at, name)
        if name in vocabulary.words:
            return Constant(vocabulary.words[name], at, name)
        if name in _AMBIENT:
            if name != "me" and not self.has_event:
                raise complaint(at, f"{name!r} is known in rules only: make it a parameter")
            sort = vocabulary.sorts.get(_AMBIENT[name])
            if sort is None:
                raise complaint(at, f"{name!r} needs a sort called {_AMBIENT[name]}")
            return Ambient(sort, at, name)
        raise complaint(at, f"unknown name {name!r}")

    def _part(self, record: Expr, part: str, at: Place) -> Expr:
        if not isinstance(record.sort, Record):
            raise complaint(at, f".{part} of {record.sort}: only records have parts")
        for index, (name, sort) in enumerate(record.sort.parts):
            if name == part:
                return Part(sort, at, record, index)
        raise complaint(at, f"{record.sort} has no part {part!r}")

    def _lookup(self, item: Expr, key: ast.expr, at: Place) -> Expr:
        if not isinstance(item.sort, MapOf):
            raise complaint(at, f"[…] of {item.sort}: only maps are looked up")
        return Lookup(item.sort.value, at, item, self.read(key, item.sort.key))

    def _binary(self, left: ast.expr, op: ast.operator, right: ast.expr, wanted: Sort | None, at: Place) -> Expr:
        if type(op) in _SETS:
            hint = wanted if isinstance(wanted, SetOf) else None
            a = self.read(left, hint)
            if not isinstance(a.sort, SetOf):
                raise complaint(at, f"{_SETS[type(op)]} is for sets, this is {a.sort}")
            return Binary(a.sort, at, _SETS[type(op)], a, self.read(right, a.sort))
        symbol = _ARITHMETIC.get(type(op))
        if symbol is None:
            raise complaint(at, "arithmetic is + - * // %")
        a, b = self.read(left), self.read(right)
        for item, node in ((a, left), (b, right)):
            if not is_number(item.sort):
                raise complaint(self.place(node), f"{symbol} is for numbers, this is {item.sort}")
        # A remainder leaves its sort: that is how a ballot names its owner.
        sort: Sort = PLAIN if symbol == "%" else self._join(a, b, at)
        return Binary(sort, at, symbol, a, b)

    def _compare(self, left: ast.expr, op: ast.cmpop, right: ast.expr, at: Place) -> Expr:
        symbol = _COMPARISONS.get(type(op))
        if symbol is None:
            raise complaint(at, "comparisons are == != < <= > >= in")
        a = self.read(left)
        if symbol == "in":
            b = self.read(right)
            if not isinstance(b.sort, SetOf):
                raise complaint(self.place(right), f"`in` is for sets, this is {b.sort}")
            if not fits(a.sort, b.sort.item):
                raise complaint(self.place(left), f"expected {b.sort.item}, this is {a.sort}")
            return Compare(TRUTH, at, symbol, a, b)
        b = self.read(right, a.sort if isinstance(a.sort, SetOf) else None)
        self._same(a, b, at)
        ordered = is_number(a.sort)
        if isinstance(a.sort, MapOf | Record) or (not ordered and symbol not in {"==", "!="}):
            raise complaint(at, f"{symbol} does not compare {a.sort}")
        return Compare(TRUTH, at, symbol, a, b)

    def _comprehension(self, node: ast.SetComp | ast.DictComp | ast.GeneratorExp, wanted: Sort | None, at: Place) -> Expr:
        match node.generators:
            case [ast.comprehension(target=ast.Name(id=name) as target, iter=source, ifs=ifs, is_async=0)] if len(ifs) <= 1:
                domain, sort = self.domain(source)
            case _:
                raise complaint(at, "a comprehension has one `for NAME in …` and at most one `if`")
        key_sort = self._key_sort(sort, wanted, node)
        variable = self.bind(name, key_sort, self.place(target))
        test = self.read(ifs[0], TRUTH) if ifs else None
        key = node.key if isinstance(node, ast.DictComp) else node.elt
        if not (isinstance(key, ast.Name) and key.id == name):
            raise complaint(self.place(key), f"a comprehension collects its own variable: {name}")
        result: Expr
        if isinstance(node, ast.DictComp):
            value = self.read(node.value, wanted.value if isinstance(wanted, MapOf) else None)
            if not isinstance(key_sort, Nat):
                raise complaint(at, "keys of maps are Nat; here they are plain numbers")
            value_sort = wanted.value if isinstance(wanted, MapOf) and fits(value.sort, wanted.value) else value.sort
            result = MapBy(MapOf(key_sort, value_sort), at, variable, value, domain, test)
        elif isinstance(node, ast.SetComp):
            if not isinstance(key_sort, Nat):
                raise complaint(at, "members of sets are Nat; here they are plain numbers")
            result = SetBy(SetOf(key_sort), at, variable, domain, test)
        else:
            raise complaint(at, "a generator stands in run(…) only")
        del self.locals[name]
        return result

    @staticmethod
    def _key_sort(sort: Sort, wanted: Sort | None, node: ast.expr) -> Sort:
        if isinstance(sort, Plain):
            if isinstance(node, ast.DictComp) and isinstance(wanted, MapOf):
                return wanted.key
            if isinstance(node, ast.SetComp) and isinstance(wanted, SetOf):
                return wanted.item
        return sort

    def _call(self, name: str, arguments: list[ast.expr], at: Place) -> Expr:
        vocabulary = self.vocabulary
        if name in vocabulary.functions:
            function = vocabulary.functions[name]
            return Call(function.result, at, function, self.arguments(name, [(p.name, p.sort) for p in function.parameters], arguments, at))
        if name in vocabulary.sorts and isinstance(record := vocabulary.sorts[name], Record):
            return Make(record, at, self.arguments(name, list(record.parts), arguments, at))
        match name, arguments:
            case "len", [item]:
                read = self.read(item)
                if not isinstance(read.sort, SetOf | MapOf):
                    raise complaint(self.place(item), f"len() is of sets and maps, this is {read.sort}")
                return Count(PLAIN, at, read)
            case "top", [item]:
                read = self.read(item)
                if not isinstance(read.sort, MapOf):
                    raise complaint(self.place(item), f"top() is of maps, this is {read.sort}")
                return Top(read.sort.key, at, read)
            case "min" | "max", [_, _, *_]:
                items = tuple(self.read(item) for item in arguments)
                sort: Sort = PLAIN
                for first, second in pairwise(items):
                    sort = self._join(first, second, at) if isinstance(sort, Plain) else sort
                    self._join(first, second, at)
                if not is_number(sort):
                    raise complaint(at, f"{name}() is of numbers, this is {sort}")
                return Extreme(sort, at, name, items)
            case "run", [ast.GeneratorExp() as node]:
                return self._run(node, at)
            case (("len" | "top" | "run" | "min" | "max"), _):
                raise complaint(at, f"{name}() does not take these arguments")
        if name in {definition.name for _, definition in vocabulary.definitions}:
            raise complaint(at, f"{name}() is used before it is declared; functions do not recur")
        raise complaint(at, f"unknown function {name!r}")

    def _run(self, node: ast.GeneratorExp, at: Place) -> Expr:
        match node.generators:
            case [ast.comprehension(target=ast.Name(id=name) as target, iter=source, ifs=[])]:
                domain, sort = self.domain(source)
            case _:
                raise complaint(at, "write run(TEST for NAME in range(LOW, HIGH))")
        if not isinstance(domain, Range):
            raise complaint(self.place(source), "run() goes over a range: only that has an order without gaps")
        variable = self.bind(name, sort, self.place(target))
        test = self.read(node.elt, TRUTH)
        del self.locals[name]
        return Run(PLAIN, at, variable, domain, test)

    def arguments(self, name: str, wanted: list[tuple[str, Sort]], given: list[ast.expr], at: Place) -> tuple[Expr, ...]:
        """The arguments of a record, a message or a function, one for each field."""
        if len(given) != len(wanted):
            fields = ", ".join(field for field, _ in wanted) or "nothing"
            raise complaint(at, f"{name} takes {len(wanted)} ({fields}), {len(given)} given")
        return tuple(self.read(node, sort) for node, (_, sort) in zip(given, wanted, strict=True))

    # -- sorts that meet -------------------------------------------------------------------------------------------------

    @staticmethod
    def _join(a: Expr, b: Expr, at: Place) -> Sort:
        if not is_number(a.sort) or not is_number(b.sort):
            raise complaint(at, f"expected numbers, these are {a.sort} and {b.sort}")
        if isinstance(a.sort, Plain):
            return b.sort
        if not fits(b.sort, a.sort):
            raise complaint(at, f"{a.sort} and {b.sort} do not mix")
        return a.sort

    def _same(self, a: Expr, b: Expr, at: Place) -> Sort:
        if is_number(a.sort) and is_number(b.sort):
            return self._join(a, b, at)
        if a.sort != b.sort:
            raise complaint(at, f"{a.sort} and {b.sort} do not mix")
        return a.sort


def define_functions(vocabulary: Vocabulary) -> None:
    """Read the functions, each after those that it may call."""
    for text, node in vocabulary.definitions:
        reader = Reader(vocabulary, text, has_event=False)
        parameters = []
        arguments = node.args
        if (
            arguments.defaults
            or arguments.kwonlyargs
            or arguments.vararg
            or arguments.kwarg
            or arguments.posonlyargs
            or node.decorator_list
        ):
            raise complaint(text.place(node), "a function has plain parameters only")
        for argument in arguments.args:
            if argument.annotation is None:
                raise complaint(text.place(argument), f"parameter {argument.arg!r} needs a sort")
            parameters.append(reader.bind(argument.arg, sort_of(vocabulary, text, argument.annotation), text.place(argument)))
        if node.returns is None:
            raise complaint(text.place(node), f"{node.name} needs a result: -> SORT")
        result = sort_of(vocabulary, text, node.returns)
        match node.body:
            case [ast.Return(value=ast.expr() as value)]:
                body = reader.read(value, result)
            case [ast.Expr(value=ast.Constant(value=types.EllipsisType()))] if len(parameters) == 1 and isinstance(
                parameters[0].sort, Opaque
            ):
                body = Table(result, text.place(node), node.name, parameters[0])
            case _:
                raise complaint(text.place(node), "a function is one `return`; what is told of one opaque value from outside is `...`")
        vocabulary.functions[node.name] = Function(node.name, tuple(parameters), result, body, text.place(node))
