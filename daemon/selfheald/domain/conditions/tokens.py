"""From text to tokens: the longest match wins, and of equal ones the earlier rule of Semaphore's lexer.

Rules as in ``renderedtext/when`` 1.4.0 (leex), oddities included: floats below 1 do not exist, strings know no escapes
and are never empty, words are case-sensitive (all lower or all upper).
"""

import re
from typing import NamedTuple

from selfheald.domain.conditions.errors import ConditionError, ErrorKind
from selfheald.domain.conditions.values import Name, Text, crash, read_integer

LONGEST = 20_000
"""Characters of one expression. Semaphore has no limit; ours keeps reading one below a tenth of a second."""

KEYWORDS = ("branch", "tag", "pull_request", "result", "result_reason")
TOKEN = re.compile(
    r"""(?P<blank>[ \t\n\r]+)
    |(?P<word>[a-zA-Z][a-zA-Z0-9_-]*:?)
    |(?P<STRING>'[^']+')
    |(?P<OPERATOR>=~|=|!=|!~)
    |(?P<mark>[()\[\]{},])
    |(?P<FLOAT>-?[1-9][0-9]*\.[0-9]+)
    |(?P<INTEGER>-?(?:0|[1-9][0-9]*))""",
    re.VERBOSE,
)
DEAD_END = re.compile(r"[!-].?|'(?:'|[^']*\Z)|.", re.DOTALL)
"""What cannot become a token: the longest beginning of one, and the character that ends the hope."""
MARKS = {"(": "LPAR", ")": "RPAR", "[": "LSQB", "]": "RSQB", "{": "LBRACE", "}": "RBRACE", ",": "COMMA"}
WORDS = (
    dict.fromkeys(("and", "AND", "or", "OR"), "BOOL_OPERATOR")
    | dict.fromkeys(("true", "TRUE", "false", "FALSE"), "BOOLEAN")
    | dict.fromkeys(KEYWORDS, "KEYWORD")
    | dict.fromkeys(map(str.upper, KEYWORDS), "KEYWORD")
)
PRINTABLE = frozenset(map(chr, [*range(7, 14), 27, *range(32, 127)]))
LAST_LATIN_1 = "\xff"


class Lexeme(NamedTuple):
    """One token: its terminal in the grammar, its value, and the line on which it begins."""

    terminal: str
    value: object
    line: int


def scan(text: str) -> list[Lexeme]:
    """Split a whole expression into tokens; raises ConditionError at the first character that fits nowhere."""
    if len(text) > LONGEST:
        raise ConditionError(f"The expression is longer than {LONGEST} characters.", kind=ErrorKind.LEXICAL)
    lexemes: list[Lexeme] = []
    line, position = 1, 0
    while position < len(text):
        found = TOKEN.match(text, position)
        if found is None:
            raise _illegal(text, position, line)
        rule, lexeme = str(found.lastgroup), found.group()
        if rule == "mark":
            lexemes.append(Lexeme(MARKS[lexeme], lexeme, line))
        elif rule != "blank":
            lexemes.append(Lexeme(*_read(rule, lexeme), line))
        if "\n" in lexeme:
            line += lexeme.count("\n")
        position = found.end()
    return lexemes


def _read(rule: str, lexeme: str) -> tuple[str, object]:
    if rule == "word":
        return _word(lexeme)
    if rule == "STRING":
        return rule, _string(lexeme[1:-1])
    if rule == "INTEGER":
        return rule, read_integer(lexeme)
    if rule == "FLOAT":
        return rule, _float(lexeme)
    return rule, lexeme


def _word(word: str) -> tuple[str, object]:
    if word.endswith(":"):
        return "MAP_KEY", Name(word[:-1])
    terminal = WORDS.get(word, "IDENTIFIER")
    if terminal == "BOOLEAN":
        return terminal, word in ("true", "TRUE")
    return terminal, word if terminal == "IDENTIFIER" else word.lower()


def _string(characters: str) -> Text:
    if max(characters) > LAST_LATIN_1:
        raise crash("ArgumentError: a string holds a character above U+00FF")
    return Text(characters)


def _float(digits: str) -> float:
    number = float(digits)
    if number in (float("inf"), float("-inf")):
        raise crash("ArgumentError: a number is too large for a float")
    return number


def _illegal(text: str, position: int, line: int) -> ConditionError:
    characters = next(DEAD_END.finditer(text, position)).group()
    shown = characters if PRINTABLE.issuperset(characters) else f"[{', '.join(str(ord(one)) for one in characters)}]"
    return ConditionError(
        f"Lexical error on line {line}. - Illegal characters: '{shown}'.",
        kind=ErrorKind.LEXICAL,
    )
