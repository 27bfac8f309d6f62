"""What an expression is made of."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, eq=False)
class Literal:
    """A string, boolean, number, list or map."""

    value: object


@dataclass(frozen=True, slots=True, eq=False)
class Keyword:
    """One of the inputs, by its lower-case name."""

    name: str


@dataclass(frozen=True, slots=True, eq=False)
class Call:
    """A function with literal parameters."""

    name: str
    params: tuple[object, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """``=``, ``!=``, ``=~`` or ``!~`` between two expressions."""

    operator: str
    left: "Node"
    right: "Node"


@dataclass(frozen=True, slots=True, eq=False)
class Junction:
    """``and`` or ``or``: of the same precedence, left-associative."""

    operator: str
    left: "Node"
    right: "Node"


Node = Literal | Keyword | Call | Comparison | Junction


def in_order(root: Node) -> list[Node]:
    """List the parts from left to right, each after its operands (iterative: expressions may be deep)."""
    backwards: list[Node] = []
    pending = [root]
    while pending:
        node = pending.pop()
        backwards.append(node)
        if isinstance(node, Comparison | Junction):
            pending += [node.left, node.right]
    return backwards[::-1]
