"""Tells assertions from other code, and how much each demands."""

import re

from tree_sitter import Node

from selfheald.domain.guards import frameworks as fw
from selfheald.domain.guards.cases import Assertion
from selfheald.domain.guards.dialects import Dialect
from selfheald.domain.guards.nodes import argument_nodes, arguments, callee, flat, last_name, line, text
from selfheald.domain.guards.strength import Strength, of_call, of_condition, of_error

_MESSAGES = {"string", "interpreted_string_literal", "string_literal", "template_string", "concatenated_string"}
_MATCHER = re.compile(r"\.(\w+[?!]?)\s*(?:\(|$)|\.(\w+)(?=\.)")
_SWAPPED = str.maketrans({"&": "|", "|": "&"})


def assertion_of(node: Node, dialect: Dialect, *, condition: str) -> Assertion | None:
    """Give the assertion that a node is; ``condition`` is the nearest one around it, which Go's tests assert by."""
    if node.type == "assert_statement":
        return _statement(node)
    chained = _chain(node, dialect)
    if chained or node.type not in dialect.calls:
        return chained
    name = BRACKETS.sub("", callee(node))
    if dialect.name == "go" and fw.GO_FAILS.match(name):
        return _go(node, condition)
    if fw.ASSERTING.match(name) and not (
        fw.WAITING.search(name) and not re.search(r"=>|lambda|->|\bdef\b|func|\{", flat(node))
    ):
        given = _without_message(node, name)
        strength = of_call(name, given)
        return Assertion(f"{name}({', '.join(given)})", line(node), strength, last_name(name))
    return None


BRACKETS = re.compile(r"\(.*\)", re.DOTALL)


def _statement(node: Node) -> Assertion:
    condition = node.named_children[0] if node.named_children else None
    source = flat(condition)
    always = condition is not None and condition.type in {"tuple", "string", "integer", "true", "list", "dictionary"}
    return Assertion(f"assert {source}", line(node), Strength.VACUOUS if always else of_condition(source))


def _chain(node: Node, dialect: Dialect) -> Assertion | None:
    """``expect(x).toBe(1)``, ``expect(x).to eq 1``, ``assertThat(x).isEqualTo(1)``: the outermost call of it."""
    if dialect.name == "ruby":
        return _ruby_chain(node)
    if node.type not in {"call_expression", "member_expression", "method_invocation"} or _is_inner(node):
        return None
    source = flat(node)
    start = fw.CHAIN.match(source)
    if not start:
        return None
    links, subject = _links(node)
    if not links:
        return None
    is_not = any(name in {"not", "never"} for name, _ in links)
    found = [of_call(name, given, chained=True) for name, given in links if name not in _WORDS_BETWEEN or given]
    strength = max([*found, _of_property([name for name, _ in links])])
    if {name for name, _ in links} & {"resolves", "rejects"} and not _is_awaited(node):
        strength = min(strength, Strength.LOOSE)
    if _THROWN.match(source):
        strength = max([strength, *(of_error(", ".join(given)) for name, given in links if name in _ERROR_LINKS)])
    if is_not:
        strength = _denied(strength, [name for name, _ in links])
    if _vacuous(subject, links):
        strength = Strength.VACUOUS
    return Assertion(source, line(node), strength, "")


_THROWN = re.compile(r"^(?:\w+\.)*(?:assertThatThrownBy|assertThatExceptionOfType|assertThatCode|catchThrowable)")
_ERROR_LINKS = {"isInstanceOf", "isExactlyInstanceOf", "isThrownBy", "hasMessage", "hasMessageContaining"}
_WORDS_BETWEEN = {
    *(
        "not",
        "never",
        "to",
        "be",
        "been",
        "is",
        "that",
        "which",
        "and",
        "has",
        "have",
        "with",
        "at",
        "of",
        "same",
        "but",
    ),
    *("does", "still", "also", "resolves", "rejects", "deep", "as", "describedAs", "withFailMessage", "poll", "soft"),
}


def _is_awaited(node: Node) -> bool:
    """Whether somebody waits for what an assertion on a promise comes to; it may come to nothing otherwise."""
    return node.parent is not None and node.parent.type not in {"expression_statement", "unary_expression"}


def _is_inner(node: Node) -> bool:
    parent, fields = node.parent, ("function", "object")
    return (
        parent is not None
        and any(parent.child_by_field_name(field) == node for field in fields)
        and parent.type
        in {
            "call_expression",
            "member_expression",
            "method_invocation",
        }
    )


def _links(node: Node) -> tuple[list[tuple[str, tuple[str, ...]]], str]:
    """The matchers of a chain, each with what it is given, and what the chain begins with."""
    links: list[tuple[str, tuple[str, ...]]] = []
    at: Node | None = node
    given: tuple[str, ...] = ()
    while at is not None and at.type in {"call_expression", "member_expression", "method_invocation"}:
        if at.type == "call_expression":
            given = arguments(at)
            at = at.child_by_field_name("function")
        elif at.type == "member_expression":
            links.append((text(at.child_by_field_name("property")), given))
            given, at = (), at.child_by_field_name("object")
        else:
            on = at.child_by_field_name("object")
            if on is None or on.type == "identifier":
                return links[::-1], ", ".join(arguments(at))
            links.append((text(at.child_by_field_name("name")), arguments(at)))
            at = on
    return links[::-1], ", ".join(given)


def _of_property(names: list[str]) -> Strength:
    """Chai's matchers without brackets: ``to.be.true``, ``to.exist``."""
    exact = {"true", "false", "null", "undefined", "empty", "calledOnce", "NaN"}
    return Strength.EXACT if exact & set(names) else Strength.VACUOUS if not names else Strength.LOOSE


def _denied(strength: Strength, names: list[str]) -> Strength:
    """``not`` this one value leaves all others; that something does not raise or is not called is all that there is."""
    all_or_nothing = any(re.search(r"(?i)throw|raise|called$|emit|reject", name) for name in names)
    nothing = any(re.search(r"(?i)null|undefined|nil|empty|falsy", name) for name in names)
    if all_or_nothing:
        return Strength.LOOSE
    return Strength.LOOSE if nothing else min(strength, Strength.PARTIAL)


def _vacuous(subject: str, links: list[tuple[str, tuple[str, ...]]]) -> bool:
    """``expect(true).toBe(true)``: constants on both sides, or the same thing twice."""
    if of_condition(subject) is Strength.VACUOUS:
        return True
    return any(len(given) == 1 and given[0] == subject and of_call(name, ()) is Strength.EXACT for name, given in links)


def _ruby_chain(node: Node) -> Assertion | None:
    on, method = node.child_by_field_name("receiver"), text(node.child_by_field_name("method"))
    if node.type != "call" or on is None or method not in fw.RUBY_CHAIN:
        return None
    matchers = argument_nodes(node)
    source = flat(node)
    if not matchers:
        return Assertion(source, line(node), Strength.LOOSE)
    strength = _ruby_matcher(matchers[0])
    if re.search(r"\)\.or\b|\) \| ", source):
        strength = min(strength, Strength.PARTIAL)
    if method != "to":
        strength = _denied(strength, [flat(matchers[0]).split("(")[0].split(" ")[0]])
    subject = ", ".join(arguments(on))
    if subject and (of_condition(subject) is Strength.VACUOUS or subject in arguments(matchers[0])):
        strength = Strength.VACUOUS
    return Assertion(source, line(node), strength)


def _ruby_matcher(matcher: Node) -> Strength:
    if matcher.type == "call":
        name, given = callee(matcher).split("(")[0], arguments(matcher)
        if name.startswith("raise_error"):
            return of_call("raise_error", given)
        return of_call(name.split(".")[0].split(" ")[0], given)
    if matcher.type == "binary":  # be > 3
        return Strength.PARTIAL
    name = text(matcher)
    return Strength.EXACT if name in {"be_nil", "be_empty", "be_zero"} else of_call(name, ())


def _go(node: Node, condition: str) -> Assertion:
    """``if got != want { t.Errorf(…) }`` asserts that the condition is false."""
    source = f"if {condition}: {last_name(callee(node)).removesuffix('f')}"
    if not condition:
        return Assertion(source, line(node), Strength.EXACT)
    return Assertion(source, line(node), of_condition(_negated(condition)))


def _negated(condition: str) -> str:
    bare = condition.rsplit(";", maxsplit=1)[-1].strip()
    if re.search(r"(?:^|&&\s*)false\b", bare):
        return "true"
    if re.match(
        r"^!\s*(?:reflect\.DeepEqual|\w+\.Equal|errors\.(?:Is|As)|cmp\.Equal|slices\.Equal|maps\.Equal|bytes\.Equal)",
        bare,
    ):
        return "a == b"
    if re.search(r"[!=]=", bare):
        swapped = bare.replace("!=", "\0").replace("==", "!=").replace("\0", "==")
        return swapped.replace("&&", "\0").replace("||", "&&").replace("\0", "||")
    if "diff" in bare.lower() and re.search(r"\"\"|len", bare):
        return "a == b"
    return bare.removeprefix("!") if bare.startswith("!") else bare


def _without_message(node: Node, name: str) -> tuple[str, ...]:
    """What is passed, without a message for people at the end."""
    given = arguments(node)
    nodes = argument_nodes(node)
    if node.type == "macro_invocation":
        return given[:2] if "_eq" in name or "_ne" in name or "matches" in name else given[:1]
    if len(given) > 2 and nodes and nodes[-1].type in _MESSAGES and not re.search("(?i)raise|throw|match|regex", name):  # noqa: PLR2004 - expected, actual, message
        return given[:-1]
    return given


def catches_all(node: Node) -> bool:
    """Whether a promise's rejection, or a failed assertion, is caught by a call and forgotten."""
    given = ", ".join(arguments(node))
    if last_name(callee(node)) == "catch":
        return not fw.RAISES_AGAIN.search(given)
    return fw.BROAD.search(given) is not None and "Assert" in given


def handler_swallows(node: Node, dialect: Dialect) -> bool:
    """Whether a handler catches a failed assertion and goes on as if nothing had happened."""
    source = flat(node)
    head, body = "", source
    if dialect.name in {"java", "python"}:
        head, _, body = source.partition("{" if dialect.name == "java" else ":")
    elif dialect.name == "ruby":
        head = flat(node.child_by_field_name("exceptions"))
    if fw.RAISES_AGAIN.search(body):
        return False
    catches_everything = head.strip() in {"", "except"}
    return catches_everything or fw.BROAD.search(head.removeprefix("except")) is not None
