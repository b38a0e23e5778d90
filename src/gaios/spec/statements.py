"""What a specification says: declarations, the statements of rules, rules; checked, with every name resolved.

Rule 1. Nodes are immutable, and nothing here is about Python: a back end for a model checker reads the same.
"""

from dataclasses import dataclass, field

from gaios.spec.sorts import Sort
from gaios.spec.source import Place, Text
from gaios.spec.tree import Domain, Expr, Function, Local, MapBy, Range


@dataclass(frozen=True, slots=True)
class Const:
    """A number that has a name; a model may use a smaller one."""

    name: str
    model: int
    run: int
    note: str
    at: Place = field(compare=False)


@dataclass(frozen=True, slots=True)
class Field:
    """A field of the role: `given` to the constructor, `durable`, `volatile` (lost by a restart).

    Only models have a `ghost`, and one that is `recorded` on the disk like what is durable.
    """

    name: str
    sort: Sort
    kind: str
    at: Place = field(compare=False)

    @property
    def is_ghost(self) -> bool:
        """Whether only models have it."""
        return self.kind in {"ghost", "recorded"}

    @property
    def is_on_disk(self) -> bool:
        """Whether a restart finds it, as far as the disk had it."""
        return self.kind in {"durable", "recorded"}


@dataclass(frozen=True, slots=True)
class Event:
    """An input or a message. `to`: the member, as an expression over the fields; None: each sender says, or, `others`, all."""

    name: str
    tag: int
    fields: tuple[tuple[str, Sort], ...]
    is_message: bool
    others: bool
    after: bool
    at: Place = field(compare=False)
    to: Expr | None = None


@dataclass(frozen=True, slots=True)
class Let:
    """`x = e`: a name for a value."""

    at: Place = field(compare=False)
    local: Local
    value: Expr


@dataclass(frozen=True, slots=True)
class Assign:
    """`field = e`."""

    at: Place = field(compare=False)
    target: Field
    value: Expr


@dataclass(frozen=True, slots=True)
class Put:
    """`field[k] = e`."""

    at: Place = field(compare=False)
    target: Field
    key: Expr
    value: Expr


@dataclass(frozen=True, slots=True)
class Merge:
    """`field |= {k: e for k in domain}`."""

    at: Place = field(compare=False)
    target: Field
    value: MapBy


@dataclass(frozen=True, slots=True)
class Drop:
    """`field -= range(a, b)`: forget these keys. Forgetting is never recorded."""

    at: Place = field(compare=False)
    target: Field
    domain: Range


@dataclass(frozen=True, slots=True)
class If:
    """`if test: … else: …`."""

    at: Place = field(compare=False)
    test: Expr
    then: tuple["Statement", ...]
    other: tuple["Statement", ...]


@dataclass(frozen=True, slots=True)
class Send:
    """`send(M(…))` on the message's own route, or `to=` a member."""

    at: Place = field(compare=False)
    message: Event
    items: tuple[Expr, ...]
    to: Expr | None


@dataclass(frozen=True, slots=True)
class Each:
    """`for x in domain: send(…)`."""

    at: Place = field(compare=False)
    variable: Local
    domain: Domain
    sends: tuple[Send, ...]


Statement = Let | Assign | Put | Merge | Drop | If | Send | Each


@dataclass(frozen=True, slots=True)
class Rule:
    """`case Event(…) if guard:`. The guard is a conjunction; the first rule of an event that holds is carried out."""

    label: str
    doc: str
    event: Event
    parameters: tuple[Local, ...]
    guard: tuple[Expr, ...]
    body: tuple[Statement, ...]
    at: Place = field(compare=False)
    source: str = ""
    """Where the rule comes from: what stands between the brackets of a citation, `PMS §2.2; SAFETY 6`."""


@dataclass(frozen=True, slots=True)
class Specification:
    """All texts together, checked."""

    texts: tuple[Text, ...]
    role: str
    constants: tuple[Const, ...]
    sorts: tuple[Sort, ...]
    state: tuple[Field, ...]
    events: tuple[Event, ...]
    functions: tuple[Function, ...]
    rules: tuple[Rule, ...]

    def rules_of(self, event: Event) -> tuple[Rule, ...]:
        """The rules of an event, in the order in which they are tried."""
        return tuple(rule for rule in self.rules if rule.event.name == event.name)
