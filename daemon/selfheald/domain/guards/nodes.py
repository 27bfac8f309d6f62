"""Small questions to a syntax tree, answered alike for every language."""

from collections.abc import Iterator

from tree_sitter import Node

_LONGEST = 20_000
"""Bytes of a node whose source is of interest as a whole."""
_COMMENTS = {"comment", "line_comment", "block_comment"}
_OPENING, _CLOSING = "([{", ")]}"


def text(node: Node | None) -> str:
    """Give a node's source; nothing for a very long one."""
    if node is None or node.end_byte - node.start_byte > _LONGEST:
        return ""
    return (node.text or b"").decode(errors="replace")


def flat(node: Node | None) -> str:
    """Give a node's source on one line."""
    return flattened(text(node))


def flattened(source: str) -> str:
    """Make spaces equal, and brackets and commas stand alike however the source was wrapped."""
    line = " ".join(source.split())
    for before, after in (("( ", "("), (" )", ")"), ("[ ", "["), (" ]", "]"), (",)", ")"), (",]", "]"), (" .", ".")):
        line = line.replace(before, after)
    return line


def line(node: Node) -> int:
    """Give the number of its first line."""
    return int(node.start_point.row) + 1


def callee(node: Node) -> str:
    """Give the name of what is called, with what it is called on."""
    macro = node.child_by_field_name("macro")
    if macro:
        return text(macro) + "!"
    function = node.child_by_field_name("function") or node.child_by_field_name("target")
    if function:
        return flat(function)
    on = flat(node.child_by_field_name("receiver") or node.child_by_field_name("object"))
    name = text(node.child_by_field_name("method") or node.child_by_field_name("name"))
    return f"{on}.{name}" if on else name


def last_name(name: str) -> str:
    """Give the last part of a dotted name."""
    return name.replace("::", ".").rsplit(".", 1)[-1].rstrip("!?")


def argument_nodes(node: Node) -> list[Node]:
    """Give what is passed to a call or an annotation."""
    holder = node.child_by_field_name("arguments") or _child(node, "arguments")
    return [child for child in holder.named_children if child.type not in _COMMENTS] if holder else []


def arguments(node: Node) -> tuple[str, ...]:
    """Give the sources of what is passed."""
    tokens = _child(node, "token_tree")
    if tokens:
        return tuple(split(text(tokens)[1:-1]))
    return tuple(flat(child) for child in argument_nodes(node))


def split(source: str) -> Iterator[str]:
    """Split at the commas that are not within brackets or text."""
    depth, quote, start = 0, "", 0
    for number, letter in enumerate(source):
        if quote:
            quote = "" if letter == quote else quote
        elif letter == '"':
            quote = letter
        else:
            depth += (letter in _OPENING) - (letter in _CLOSING)
            if letter == "," and depth == 0:
                yield flattened(source[start:number])
                start = number + 1
    if source[start:].strip():
        yield flattened(source[start:])


def _child(node: Node, kind: str) -> Node | None:
    return next((child for child in node.named_children if child.type == kind), None)
