"""Alternatives, sequences, groups and quantifiers: the shape of a pattern."""

import re

from selfheald.domain.conditions.pcre.atoms import (
    back_reference,
    call_group,
    dot,
    escape,
    line_end,
    line_start,
    one_character,
    resolved,
)
from selfheald.domain.conditions.pcre.classes import read_class
from selfheald.domain.conditions.pcre.pieces import NOTHING, Piece, Quantifier, alternatives, group, repeated, sequence
from selfheald.domain.conditions.pcre.source import Source

DEEPEST = 60
"""Groups within groups. PCRE stops at 250; the ``regex`` module reads them by recursion on Python's stack."""
MOST_REPEATS = 65_535
"""PCRE's own bound."""
REPEATS = re.compile(r"([*+?]|\{([0-9]+)(?:(,)([0-9]*))?\})([?+]?)")
POSIX_ALONE = re.compile(r"([:.=])[^]\\[]*\1\]")
COMMENT = re.compile(r"\(\?#[^)]*\)")
EXTENDED_SPACE = re.compile(r"[\t\n\v\f\r ]+|#[^\n]*\n?")
OPTIONS = re.compile(r"\(\?([imsxJUX]*)(?:-([imsxJUX]*))?([:)])")
VERB = re.compile(r"\(\*([A-Z]*)(?::[^)]*)?\)")
NAMED_GROUP = re.compile(r"\(\?P?(?:<([A-Za-z_]\w{0,31})>|'([A-Za-z_]\w{0,31})')", re.ASCII)
CALL = re.compile(r"\(\?(?:([+-]?)([0-9]+)|(R)|&([A-Za-z_]\w{0,31})|P>([A-Za-z_]\w{0,31}))\)", re.ASCII)
NAMED_REFERENCE = re.compile(r"\(\?P=([A-Za-z_]\w{0,31})\)", re.ASCII)
CALLOUT = re.compile(r"\(\?C[0-9]*\)")
CONDITION = re.compile(
    r"\(\?\((?:([+-]?)([0-9]+)|<([A-Za-z_]\w{0,31})>|'([A-Za-z_]\w{0,31})'|([A-Za-z_]\w{0,31}))\)", re.ASCII
)
LOOKS = ("(?=", "(?!", "(?<=", "(?<!")
VERBS = {"FAIL": "(?!)", "F": "(?!)", "PRUNE": "(*PRUNE)", "SKIP": "(*SKIP)", "MARK": "", "": ""}


def read_branches(source: Source, *, same_numbers: bool = False) -> list[Piece]:
    """Read alternatives up to a closing parenthesis or the end; options set inside end with them.

    With ``same_numbers`` the groups of each alternative are numbered alike.
    """
    options = source.options
    before = most = source.groups
    source.depth += 1
    if source.depth > DEEPEST:
        raise source.error("parentheses are too deeply nested")
    branches = [_read_sequence(source)]
    while source.accept("|"):
        most = max(most, source.groups)
        source.groups = before if same_numbers else source.groups
        branches.append(_read_sequence(source))
    source.groups = max(most, source.groups)
    source.depth -= 1
    source.options = options
    return branches


def _read_sequence(source: Source) -> Piece:
    pieces: list[Piece] = []
    kept: int | None = None
    while not source.ended and source.text[source.position] not in "|)":
        if _skipped(source):
            continue
        quantifier = source.match(REPEATS)
        if quantifier is not None:
            _repeat_last(pieces, quantifier, source)
        elif source.accept("(*ACCEPT)"):
            kept = len(pieces) if kept is None else kept
            pieces.append(_accepted(source))
        else:
            pieces.append(_read_atom(source))
    return sequence(pieces[:kept])


def _accepted(source: Source) -> Piece:
    if source.depth > 1:
        raise source.error("(*ACCEPT) inside a group is not supported")
    return NOTHING


def _skipped(source: Source) -> bool:
    if source.match(COMMENT) is not None:
        return True
    return "x" in source.options and source.match(EXTENDED_SPACE) is not None


def _repeat_last(pieces: list[Piece], found: re.Match[str], source: Source) -> None:
    if not pieces or not pieces[-1].repeatable:
        raise source.error("nothing to repeat")
    pieces[-1] = repeated(pieces[-1], _quantifier(found, source))


def _quantifier(found: re.Match[str], source: Source) -> Quantifier:
    sign, low, comma, high, manner = found.groups()
    least, most = {"*": (0, None), "+": (1, None), "?": (0, 1)}.get(sign, (None, None))
    if least is None:
        least = _count(low, source)
        most = _count(high, source) if high else None if comma else least
        if most is not None and most < least:
            raise source.error("numbers out of order in {} quantifier")
    if "U" in source.options and manner != "+":
        manner = "" if manner else "?"
    return Quantifier(least=least, most=most, manner=manner)


def _count(digits: str, source: Source) -> int:
    if len(digits.lstrip("0")) > len(str(MOST_REPEATS)) or int(digits) > MOST_REPEATS:
        raise source.error("number too big in {} quantifier")
    return int(digits)


def _read_atom(source: Source) -> Piece:
    if source.text[source.position] == "(":
        return _read_group(source)
    letter = source.take()
    if letter == "\\":
        return escape(source)
    if letter == "[":
        return _bracketed(source)
    if letter in "^$.":
        return {"^": line_start, "$": line_end, ".": dot}[letter](source)
    return one_character(ord(letter), source)


def _bracketed(source: Source) -> Piece:
    for edge, look in (("[:<:]]", "\\b(?=\\w)"), ("[:>:]]", "\\b(?<=\\w)")):
        if source.accept(edge):
            return Piece(text=look, repeatable=False, size=3)
    if source.match(POSIX_ALONE) is not None:
        raise source.error("POSIX named classes are supported only within a class")
    return Piece(text=read_class(source), width=1)


def _read_group(source: Source) -> Piece:
    return _marker(source) or _reference(source) or _conditional(source) or _enclosed(source)


def _marker(source: Source) -> Piece | None:
    """Read what looks like a group and holds nothing: options, verbs, callouts."""
    verb = source.match(VERB)
    if verb is not None:
        return _verb(verb.group(1), source)
    if source.match(CALLOUT) is not None:
        return NOTHING
    return _options(source)


def _verb(name: str, source: Source) -> Piece:
    if name not in VERBS:
        known = name in ("COMMIT", "THEN")
        raise source.error(f"(*{name}) is not supported" if known else "(*VERB) not recognized or malformed")
    return Piece(text=VERBS[name], repeatable=False)


def _options(source: Source) -> Piece | None:
    found = source.match(OPTIONS)
    if found is None:
        return None
    changed = (source.options | set(found.group(1))) - set(found.group(2) or "")
    if found.group(3) == ")":
        source.options = changed
        return NOTHING
    outside, source.options = source.options, changed
    piece = _closed("(?:", source)
    source.options = outside
    return piece


def _reference(source: Source) -> Piece | None:
    found = source.match(NAMED_REFERENCE)
    if found is not None:
        return back_reference(found.group(1), source)
    called = source.match(CALL)
    if called is None:
        return None
    sign, digits, whole, *names = called.groups()
    if whole:
        return call_group(0, source)
    name = next(filter(None, names), None)
    return call_group(resolved(sign, digits, source) if name is None else name, source)


def _conditional(source: Source) -> Piece | None:
    if source.accept("(?(DEFINE)"):
        return _chosen("(?(DEFINE)", source, most=1)
    found = source.match(CONDITION)
    if found is not None:
        sign, digits, *names = found.groups()
        name = next(filter(None, names), None)
        referred: int | str = resolved(sign, digits, source) if name is None else name
        source.refer(referred)
        return _chosen(f"(?({referred})", source, most=2)
    if not source.text.startswith(tuple(f"(?{look}" for look in LOOKS), source.position):
        return None
    source.position += len("(?")
    look = _enclosed(source)
    return _chosen(f"(?{look.text}", source, most=2)


def _chosen(opening: str, source: Source, *, most: int) -> Piece:
    branches = read_branches(source)
    if len(branches) > most:
        raise source.error("conditional group contains too many branches")
    _close(source)
    return group(opening, alternatives(branches), width=None)


def _enclosed(source: Source) -> Piece:
    for opening in LOOKS:
        if source.accept(opening):
            return _look(opening, source)
    if source.accept("(?>"):
        return _closed("(?>", source)
    if source.accept("(?|"):
        return _closed("(?|", source, same_numbers=True)
    named = source.match(NAMED_GROUP)
    if named is not None:
        return _named(named.group(1) or named.group(2), source)
    source.position += len("(")
    if source.accept("?"):
        raise source.error("unrecognized character after (? or (?-")
    source.groups += 1
    return _closed("(", source)


def _closed(opening: str, source: Source, *, same_numbers: bool = False) -> Piece:
    inner = alternatives(read_branches(source, same_numbers=same_numbers))
    _close(source)
    return group(opening, inner, width=inner.width)


def _close(source: Source) -> None:
    if not source.accept(")"):
        raise source.error("missing )")


def _look(opening: str, source: Source) -> Piece:
    branches = read_branches(source)
    _close(source)
    if "<" in opening and any(branch.width is None for branch in branches):
        raise source.error("lookbehind assertion is not fixed length")
    return group(opening, alternatives(branches), width=0)


def _named(name: str, source: Source) -> Piece:
    if name in source.names and "J" not in source.options:
        raise source.error("two named subpatterns have the same name")
    source.names.add(name)
    source.groups += 1
    return _closed(f"(?P<{name}>", source)
