"""Values that tests run with: parameters, rows of tables, lists that are looped over."""

import re

from tree_sitter import Node

from selfheald.domain.guards.dialects import Dialect
from selfheald.domain.guards.nodes import argument_nodes, callee, flat, last_name, text

_LISTS = {"list", "tuple", "array", "composite_literal", "array_expression", "element_value_array_initializer", "set"}
_MAPS = {"hash", "dictionary", "object", "map"}
_OF_CASES = re.compile(
    r"(?i)case|table|example|input|row|sample|vector|param|scenario|valid|expected|tests\b|^[A-Z_]+$"
)
_GIVEN = re.compile(r"(?:parametrize|expand|\.each|\.forEach|cases?)$")
NAMED = {
    "assignment",
    "variable_declarator",
    "short_var_declaration",
    "let_declaration",
    "const_item",
    "var_spec",
    "binary_operator",
}


def rows_of(node: Node, dialect: Dialect) -> tuple[str, int] | None:
    """Give the name of a table and how many rows it has, when a node is one."""
    if node.type in NAMED:
        name = (
            node.child_by_field_name("name") or node.child_by_field_name("left") or node.child_by_field_name("pattern")
        )
        value = node.child_by_field_name("value") or node.child_by_field_name("right")
        short = flat(name)[:80]
        return _counted(short, value, maps=_OF_CASES.search(short) is not None)
    if node.type in dialect.loops or node.type == "range_clause":
        over = node.child_by_field_name("right") or node.child_by_field_name("value")
        return _counted("loop", over) or (("loop", UNKNOWN) if over is not None else None)
    if (
        node.type in dialect.calls
        and _GIVEN.search(callee(node))
        and (parent := node.parent)
        and parent.type != "decorator"
    ):
        on = _receiver(node)
        if on is not None and last_name(callee(node)) in {"each", "forEach"} and text(on) not in _TESTING:
            return _counted("each", on) or ("each", UNKNOWN)
        template = node.child_by_field_name("arguments")
        if template is not None and template.type == "template_string":
            return "each", sum("|" in row for row in text(template).split("\n"))
        lists = [one for one in argument_nodes(node) if one.type in _LISTS | _MAPS]
        return _counted("each", lists[-1]) if lists else None
    return None


_TESTING = {"it", "test", "describe", "context", "suite", "specify"}


def _receiver(node: Node) -> Node | None:
    """What a method is called on."""
    function = node.child_by_field_name("function")
    holder = function if function is not None else node
    return holder.child_by_field_name("receiver") or holder.child_by_field_name("object")


def parameters_of(node: Node) -> int:
    """How many rows a decorator, annotation or attribute gives a test; :data:`UNKNOWN` when it only names them."""
    if node.type == "attribute_item":
        return 1
    if "CsvSource" in text(node) and '"""' in text(node):
        return text(node).count("\n") - 1
    lists = [one for one in _below(node) if one.type in _LISTS]
    counted = [rows[1] for one in lists if (rows := _counted("", one))]
    return max(counted, default=UNKNOWN)


UNKNOWN = 1 << 20
"""Rows of a table that stands elsewhere."""


def _counted(name: str, value: Node | None, *, maps: bool = True) -> tuple[str, int] | None:
    while value is not None and value.type in {"expression_list", "reference_expression"} and value.named_children:
        value = value.named_children[-1]
    if value is None or value.type not in (_LISTS | _MAPS if maps else _LISTS):
        return None
    holder = value.child_by_field_name("body") or value
    return name, sum("comment" not in child.type for child in holder.named_children)


def _below(node: Node) -> list[Node]:
    """A node's children and theirs, three levels deep."""
    level, found = [node], []
    for _ in range(3):
        level = [child for one in level for child in one.named_children]
        found += level
    return found
