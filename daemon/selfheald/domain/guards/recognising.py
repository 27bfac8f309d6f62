"""Tells tests and suites from other code."""

from collections.abc import Callable

from tree_sitter import Node

from selfheald.domain.guards import frameworks as fw
from selfheald.domain.guards.dialects import Dialect
from selfheald.domain.guards.nodes import argument_nodes, callee, flat, line, text

_COMMENTS = {"comment", "line_comment", "block_comment"}


def test_name(node: Node, dialect: Dialect) -> str:
    """Give the name of the test that a node is; empty for anything else."""
    return _TESTS[dialect.name](node)


def suite_name(node: Node, dialect: Dialect) -> str | None:
    """Give the name of the suite (a class, a module, a ``describe``) that a node is."""
    if node.type in dialect.suites:
        return text(node.child_by_field_name("name"))
    if node.type in dialect.calls:
        called = callee(node).split("(", 1)[0]
        pattern = {"javascript": fw.JS_SUITE, "ruby": fw.RUBY_SUITE}.get(dialect.name)
        if (pattern and pattern.match(called)) or (dialect.name == "elixir" and called in {"describe", "defmodule"}):
            return _title(node)
    return None


def target_of(attribute: Node, dialect: Dialect) -> Node | None:
    """Give what a decorator, annotation, attribute or tag stands before or in."""
    parent = attribute.parent
    if parent and parent.type == "decorated_definition":
        return parent.child_by_field_name("definition")
    if parent and parent.type == "modifiers":
        return parent.parent
    following = attribute.next_named_sibling
    while following and (following.type in dialect.attributes or following.type in _COMMENTS):
        following = following.next_named_sibling
    return following


def _python(node: Node) -> str:
    name = text(node.child_by_field_name("name"))
    if node.type != "function_definition" or not name.startswith("test"):
        return ""
    around = node.parent
    while around and around.type not in {"class_definition", "function_definition"}:
        around = around.parent
    if around is None:
        return name
    is_suite = around.type == "class_definition" and (
        text(around.child_by_field_name("name")).startswith("Test") or around.child_by_field_name("superclasses")
    )
    return name if is_suite else ""


def _javascript(node: Node) -> str:
    if node.type != "call_expression" or not fw.JS_TEST.match(callee(node).split("(", 1)[0].split("`", 1)[0]):
        return ""
    function = node.child_by_field_name("function")
    is_half = callee(node).endswith(".each") or (node.parent and node.parent.child_by_field_name("function") == node)
    given = argument_nodes(node)
    is_told = bool(given) and (given[0].type in {"string", "template_string"} or "function" in given[-1].type)
    return _title(node) if is_told and not is_half and function is not None else ""


def _ruby(node: Node) -> str:
    if node.type == "method":
        name = text(node.child_by_field_name("name"))
        return name if name.startswith("test_") and _is_run(node) else ""
    if node.type != "call" or node.child_by_field_name("receiver"):
        return ""
    name, block = callee(node), node.child_by_field_name("block")
    if not fw.RUBY_TEST.match(name) or (name in {"skip", "pending", "property", "should"} and not block):
        return ""
    return _title(node) if argument_nodes(node) else flat(block)[:200]


def _is_run(method: Node) -> bool:
    """Whether minitest finds a method: a public one of a class that has a superclass, or of a module."""
    around = method.parent
    while around and around.type not in {"class", "module"}:
        around = around.parent
    before = method.prev_named_sibling
    while before and text(before) not in {"private", "protected", "public"}:
        before = before.prev_named_sibling
    has_base = around is not None and (around.type == "module" or around.child_by_field_name("superclass") is not None)
    of_private = method.parent is not None and method.parent.type == "argument_list"
    return has_base and not of_private and (before is None or text(before) == "public")


def lacks_body(node: Node, dialect: Dialect) -> bool:
    """Whether a test is only announced: RSpec, minitest's specs and mocha call that pending."""
    if dialect.name == "ruby":
        return node.type == "call" and node.child_by_field_name("block") is None and callee(node) in _ANNOUNCED
    return dialect.name == "javascript" and len(argument_nodes(node)) == 1 and callee(node) in _ANNOUNCED


_ANNOUNCED = {"it", "specify", "example", "scenario", "test"}


def _java(node: Node) -> str:
    if node.type != "method_declaration":
        return ""
    modifiers = next((child for child in node.named_children if child.type == "modifiers"), None)
    annotations = [text(one.child_by_field_name("name")) for one in modifiers.named_children] if modifiers else []
    name = text(node.child_by_field_name("name"))
    old = name.startswith("test") and any("TestCase" in flat(one) for one in _superclasses(node))
    return name if old or any(fw.JAVA_TEST.match(one.rsplit(".", 1)[-1]) for one in annotations) else ""


def _superclasses(node: Node) -> list[Node]:
    around = node.parent.parent if node.parent else None
    found = around.child_by_field_name("superclass") if around else None
    return [found] if found else []


def _go(node: Node) -> str:
    if node.type in {"function_declaration", "method_declaration"}:
        name = text(node.child_by_field_name("name"))
        return name if fw.GO_TEST.match(name) else ""
    if node.type == "call_expression" and callee(node).endswith(".Run"):
        given = argument_nodes(node)
        return text(given[0]).strip('"`') if given and given[-1].type == "func_literal" else ""
    return ""


def _elixir(node: Node) -> str:
    if node.type != "call" or callee(node) not in {"test", "property", "doctest"}:
        return ""
    return _title(node)


def _rust(node: Node) -> str:
    if node.type != "function_item":
        return ""
    before = node.prev_named_sibling
    while before and (before.type == "attribute_item" or before.type in _COMMENTS):
        if fw.RUST_TEST.match(text(before)):
            return text(node.child_by_field_name("name"))
        before = before.prev_named_sibling
    return ""


def _title(node: Node) -> str:
    given = argument_nodes(node)
    return flat(given[0]).strip("\"'`")[:200] if given else f"#{line(node)}"


_TESTS: dict[str, Callable[[Node], str]] = {
    "python": _python,
    "javascript": _javascript,
    "ruby": _ruby,
    "java": _java,
    "go": _go,
    "elixir": _elixir,
    "rust": _rust,
}
