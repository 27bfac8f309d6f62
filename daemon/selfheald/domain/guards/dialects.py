"""The languages whose tests are understood, and what their syntax trees call things."""

import re
from dataclasses import dataclass
from functools import cache
from importlib import import_module

from tree_sitter import Language, Parser


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """One language. Node types are those of its tree-sitter grammar."""

    name: str
    grammar: str
    """The grammar's package and the function in it, as ``tree_sitter_python:language``."""
    collected: re.Pattern[str]
    """Paths whose tests are run by the usual runners."""
    calls: frozenset[str]
    functions: frozenset[str]
    suites: frozenset[str]
    attributes: frozenset[str] = frozenset()
    """Decorators, annotations, attributes, tags."""
    conditions: frozenset[str] = frozenset()
    loops: frozenset[str] = frozenset()
    handlers: frozenset[str] = frozenset()
    """What catches errors."""
    returns: frozenset[str] = frozenset()


def _types(text: str) -> frozenset[str]:
    return frozenset(text.split())


_JAVASCRIPT = {
    "collected": re.compile(r"(?:^|/)__tests__/|[.-](?:test|spec|cy|e2e)\.[cm]?[jt]sx?$|(?:^|/)(?:tests?|e2e|spec)/"),
    "calls": _types("call_expression"),
    "functions": _types("function_declaration method_definition function_expression arrow_function"),
    "suites": _types("class_declaration"),
    "conditions": _types("if_statement ternary_expression"),
    "loops": _types("for_statement for_in_statement while_statement do_statement"),
    "handlers": _types("catch_clause"),
    "returns": _types("return_statement"),
}

PYTHON = Dialect(
    name="python",
    grammar="tree_sitter_python:language",
    collected=re.compile(r"(?:^|/)(?:test_[^/]*|[^/]*_test|tests?|conftest)\.py$"),
    calls=_types("call"),
    functions=_types("function_definition lambda"),
    suites=_types("class_definition"),
    attributes=_types("decorator"),
    conditions=_types("if_statement elif_clause conditional_expression"),
    loops=_types("for_statement while_statement"),
    handlers=_types("except_clause"),
    returns=_types("return_statement"),
)
JAVASCRIPT = Dialect(name="javascript", grammar="tree_sitter_javascript:language", **_JAVASCRIPT)  # type: ignore[arg-type]  # by name
TYPESCRIPT = Dialect(name="javascript", grammar="tree_sitter_typescript:language_typescript", **_JAVASCRIPT)  # type: ignore[arg-type]  # by name
TSX = Dialect(name="javascript", grammar="tree_sitter_typescript:language_tsx", **_JAVASCRIPT)  # type: ignore[arg-type]  # by name
RUBY = Dialect(
    name="ruby",
    grammar="tree_sitter_ruby:language",
    collected=re.compile(
        r"(?:_spec|_test)\.rb$|(?:^|/)test_[^/]*\.rb$|(?:^|/)(?:spec|test)/(?:.*_helper\.rb$|.*(?:support|"
        r"shared)\w*/)"
    ),
    calls=_types("call"),
    functions=_types("method singleton_method lambda"),
    suites=_types("class module"),
    conditions=_types("if unless if_modifier unless_modifier conditional"),
    loops=_types("while until for while_modifier until_modifier"),
    handlers=_types("rescue rescue_modifier"),
    returns=_types("return"),
)
JAVA = Dialect(
    name="java",
    grammar="tree_sitter_java:language",
    collected=re.compile(r"(?:Tests?|TestCase|IT|Spec)\.java$|(?:^|/)Test[^/]*\.java$|(?:^|/)src/\w*[tT]est\w*/"),
    calls=_types("method_invocation"),
    functions=_types("method_declaration lambda_expression"),
    suites=_types("class_declaration"),
    attributes=_types("annotation marker_annotation"),
    conditions=_types("if_statement ternary_expression"),
    loops=_types("for_statement enhanced_for_statement while_statement do_statement"),
    handlers=_types("catch_clause"),
    returns=_types("return_statement"),
)
GO = Dialect(
    name="go",
    grammar="tree_sitter_go:language",
    collected=re.compile(r"_test\.go$"),
    calls=_types("call_expression"),
    functions=_types("function_declaration method_declaration func_literal"),
    suites=frozenset(),
    conditions=_types("if_statement"),
    loops=_types("for_statement"),
    returns=_types("return_statement"),
)
ELIXIR = Dialect(
    name="elixir",
    grammar="tree_sitter_elixir:language",
    collected=re.compile(r"_test\.exs$"),
    calls=_types("call"),
    functions=_types("anonymous_function"),
    suites=frozenset(),
    attributes=_types("unary_operator"),
    handlers=_types("rescue_block catch_block"),
)
RUST = Dialect(
    name="rust",
    grammar="tree_sitter_rust:language",
    collected=re.compile(r"\.rs$"),
    calls=_types("call_expression macro_invocation"),
    functions=_types("function_item closure_expression"),
    suites=_types("mod_item"),
    attributes=_types("attribute_item"),
    conditions=_types("if_expression"),
    loops=_types("for_expression while_expression loop_expression"),
    returns=_types("return_expression"),
)

_BY_ENDING = {
    **dict.fromkeys(("py", "pyi"), PYTHON),
    **dict.fromkeys(("js", "jsx", "mjs", "cjs"), JAVASCRIPT),
    **dict.fromkeys(("ts", "mts", "cts"), TYPESCRIPT),
    "tsx": TSX,
    **dict.fromkeys(("rb", "rake"), RUBY),
    "java": JAVA,
    "go": GO,
    **dict.fromkeys(("ex", "exs"), ELIXIR),
    "rs": RUST,
}

_TEST_PATHS = re.compile(
    r"(?i)(?:^|/)(?:tests?|specs?|__tests__|__snapshots__|e2e|features|testdata|fixtures)/|"
    r"(?:^|/)(?:test_[^/]*|conftest\.py)$|[._-](?:test|spec|tests|it)\.\w+$|(?:Tests?|TestCase|Spec|"
    r"IT)\.(?:java|kt|cs|php|scala|swift)$"
)


def dialect_of(path: str) -> Dialect | None:
    """Give the language of a file, by the end of its name."""
    return _BY_ENDING.get(path.rsplit(".", 1)[-1].lower())


def is_test_path(path: str) -> bool:
    """Whether a file belongs to the tests, in any language, by its place or name."""
    return _TEST_PATHS.search(path) is not None


@cache
def parser_of(dialect: Dialect) -> Parser:
    """Give a parser; the grammar is loaded when it is first wanted, since most starts need none."""
    package, _, function = dialect.grammar.partition(":")
    return Parser(Language(getattr(import_module(package), function)()))
