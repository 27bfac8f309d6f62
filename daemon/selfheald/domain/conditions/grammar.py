"""From tokens to an expression: Semaphore's grammar, LALR(1).

``string operator string`` is version 1.4.0's; the versions that Semaphore's services pin do not have it.
"""

from collections.abc import Iterator
from functools import cache
from typing import Any, cast

from lark import Lark, Token, Transformer, UnexpectedToken
from lark.lexer import Lexer, LexerState

from selfheald.domain.conditions.errors import ConditionError, ErrorKind
from selfheald.domain.conditions.syntax import Call, Comparison, Junction, Keyword, Literal, Node
from selfheald.domain.conditions.tokens import MARKS, Lexeme, scan
from selfheald.domain.conditions.values import Text, literal, written_number

GRAMMAR = """
start: expression
expression: expression BOOL_OPERATOR term  -> junction
    | term                                 -> only
term: LPAR expression RPAR                 -> within
    | KEYWORD OPERATOR STRING              -> keyword_first
    | STRING OPERATOR KEYWORD              -> keyword_last
    | STRING OPERATOR STRING               -> two_strings
    | value                                -> literal
    | call                                 -> only
    | call OPERATOR term                   -> call_first
value: STRING                              -> only
    | BOOLEAN                              -> only
    | INTEGER                              -> only
    | FLOAT                                -> only
    | LSQB RSQB                            -> empty_list
    | LSQB values RSQB                     -> within
    | LBRACE RBRACE                        -> empty_map
    | LBRACE pairs RBRACE                  -> map
values: value                              -> first
    | values COMMA value                   -> next
pairs: pair                                -> first
    | pairs COMMA pair                     -> next
pair: MAP_KEY value
call: IDENTIFIER LPAR RPAR                 -> call
    | IDENTIFIER LPAR values RPAR          -> call
%declare BOOL_OPERATOR KEYWORD OPERATOR STRING BOOLEAN INTEGER FLOAT MAP_KEY IDENTIFIER
%declare LPAR RPAR LSQB RSQB LBRACE RBRACE COMMA
"""
NO_LINE = 999_999
"""The line that Semaphore names when there are no tokens at all."""


class _Reading:
    """The tokens of one text, and the one that the parser looks at."""

    def __init__(self, lexemes: list[Lexeme]) -> None:
        self.current: Lexeme | None = None
        self._lexemes = lexemes

    def tokens(self) -> Iterator[Token]:
        """Give each token; lark's own are slow to make, so equal marks share one."""
        marks = {terminal: Token(terminal, mark) for mark, terminal in MARKS.items()}
        for lexeme in self._lexemes:
            self.current = lexeme
            token = marks.get(lexeme.terminal)
            if token is None:
                token = Token(lexeme.terminal, "")
                token.value = lexeme.value
            yield token


class _Scanned(Lexer):
    """Hands lark the tokens that were scanned before: any lexical error wins over any syntax error."""

    __future_interface__ = 1
    """Lark hands over its state, not the bare input."""

    def __init__(self, _configuration: object) -> None: ...

    def lex(self, lexer_state: LexerState, parser_state: object) -> Iterator[Token]:  # noqa: ARG002 - lark's signature
        """Give each token to the parser."""
        reading: Any = lexer_state.text  # what lark was asked to parse
        return cast("_Reading", reading).tokens()  # lark's types know text only


class _Builder(Transformer[Token, object]):
    """Builds the expression while lark reduces: bottom up, without recursion.

    Children are nodes, tokens and half-built lists; the grammar above says which.
    """

    def only(self, children: list[Any]) -> object:
        (child,) = children
        return child.value if isinstance(child, Token) else child

    def within(self, children: list[Any]) -> object:
        return children[1]

    def junction(self, children: list[Any]) -> Junction:
        left, operator, right = children
        return Junction(operator.value, left, right)

    def keyword_first(self, children: list[Any]) -> Comparison:
        keyword, operator, string = children
        return Comparison(operator.value, Keyword(keyword.value), Literal(literal(string.value)))

    def keyword_last(self, children: list[Any]) -> Comparison:
        string, operator, keyword = children
        return Comparison(operator.value, Literal(literal(string.value)), Keyword(keyword.value))

    def two_strings(self, children: list[Any]) -> Comparison:
        left, operator, right = children
        return Comparison(operator.value, Literal(literal(left.value)), Literal(literal(right.value)))

    def literal(self, children: list[Any]) -> Literal:
        (value,) = children
        return Literal(literal(value))

    def call_first(self, children: list[Any]) -> Comparison:
        call, operator, term = children
        return Comparison(operator.value, call, term)

    def call(self, children: list[Any]) -> Call:
        name, _, *params, _ = children
        return Call(name.value, tuple(params[0]) if params else ())

    def empty_list(self, _children: list[Any]) -> list[object]:
        return []

    def empty_map(self, _children: list[Any]) -> dict[str, object]:
        return {}

    def map(self, children: list[Any]) -> dict[str, object]:
        return dict(children[1])  # of a repeated key the last wins

    def pair(self, children: list[Any]) -> tuple[str, object]:
        key, value = children
        return key.value, value

    def first(self, children: list[Any]) -> list[object]:
        return children

    def next(self, children: list[Any]) -> list[object]:
        items, _, item = children
        items.append(item)
        return items  # type: ignore[no-any-return]  # the list that ``first`` began

    def start(self, children: list[Any]) -> object:
        return children[0]


@cache
def _parser() -> Lark:
    return Lark(GRAMMAR, parser="lalr", lexer=_Scanned, transformer=_Builder())


def parse(text: str) -> Node:
    """Read an expression; raises ConditionError (lexical errors first, then syntax errors)."""
    reading: Any = _Reading(scan(text))
    try:
        return cast("Node", _parser().parse(reading))  # what ``start`` gives; lark's types know trees only
    except UnexpectedToken as error:
        raise _misplaced(error.token.type, reading.current) from error


def _misplaced(terminal: str, lexeme: Lexeme | None) -> ConditionError:
    line = NO_LINE if lexeme is None else lexeme.line
    if lexeme is None or terminal == "$END":
        found = "Invalid or incomplete expression at the end of the line."
    else:
        found = f"Invalid expression on the left of {_shown(lexeme)}."
    return ConditionError(f"Syntax error on line {line}. - {found}", kind=ErrorKind.SYNTAX)


def _shown(lexeme: Lexeme) -> str:
    value = lexeme.value
    if lexeme.terminal in ("KEYWORD", "OPERATOR", "BOOL_OPERATOR"):
        return f"'{value}' operator"
    if isinstance(value, Text):
        return f"'{{string,{lexeme.line},<<{value}>>}}'"
    if isinstance(value, bool):
        return f"'{str(value).lower()}'"
    if isinstance(value, int | float):
        return f"'{written_number(value)}'"
    return f"'{value}'"
