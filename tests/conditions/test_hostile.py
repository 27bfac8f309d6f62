"""Whatever the text: true, false or a ConditionError, and soon."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from selfheald.domain.conditions.errors import ConditionError
from selfheald.domain.conditions.language import Condition
from selfheald.domain.conditions.parameters import filled_in
from selfheald.domain.conditions.recorded import Answer, functions_of
from selfheald.domain.conditions.reduction import reduced

WORDS = [
    *["branch", "TAG", "result", "and", "OR", "=", "!=", "=~", "!~", "(", ")", "[", "]", "{", "}", ",", "k:", "f", "g"],
    *["'a'", "'true'", "'é'", "'€'", "'(a+)+$'", "'['", "1", "-1", "0", "1.5", "true", "FALSE", "''", "!", "\n", "x y"],
]
PCRE = [
    *[
        "a",
        "b",
        "é",
        "(",
        ")",
        "(?:",
        "(?=",
        "(?<=",
        "(?<!",
        "(?>",
        "(?|",
        "(?<n>",
        "(?P<n>",
        "(?(1)",
        "(?(<n>)",
        "|",
        "*",
    ],
    *[
        "+",
        "?",
        "{2}",
        "{,2}",
        "{1,3}",
        "{60000}",
        "[",
        "[^",
        "]",
        "-",
        "[:alpha:]",
        "[:^space:]",
        "\\",
        "\\d",
        "\\W",
        "\\b",
    ],
    *[
        "\\1",
        "\\12",
        "\\g{-1}",
        "\\k<n>",
        "\\Q",
        "\\E",
        "\\x{41}",
        "\\p{L}",
        "\\PL",
        "\\R",
        "\\X",
        "\\K",
        "\\Z",
        "^",
        "$",
        ".",
    ],
    *[
        "(?i)",
        "(?s-m:",
        "(?x)",
        "(?U)",
        "(?J)",
        "(*UTF8)",
        "(*UCP)",
        "(*ANYCRLF)",
        "(*ACCEPT)",
        "(*FAIL)",
        "(*SKIP)",
        "#",
        " ",
    ],
    *[
        "(?R)",
        "(?1)",
        "(?&n)",
        "(?#",
        "(?C1)",
        "\\cA",
        "\\o{7}",
        "\\0",
        "\\8",
        "\\N",
        "\\N{",
        "[[:<:]]",
        "(?(DEFINE)",
        "(?(R)",
    ],
]
VALUES: st.SearchStrategy[object] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)
INPUTS = st.fixed_dictionaries({}, optional=dict.fromkeys(("branch", "tag", "result"), VALUES))


def outcome(text: str, inputs: dict[str, object], value: object = None) -> object:
    functions = functions_of([Answer(name=name, params=None, result=value) for name in "fg"])
    try:
        return Condition.parse(text).evaluate(inputs, functions)
    except ConditionError as error:
        return error.kind


@given(st.text(), INPUTS)
def test_any_text_is_answered(text: str, inputs: dict[str, object]) -> None:
    outcome(text, inputs)


@settings(max_examples=300)
@given(st.lists(st.sampled_from(WORDS), max_size=20).map(" ".join), INPUTS, VALUES)
def test_any_row_of_tokens_is_answered(text: str, inputs: dict[str, object], value: object) -> None:
    outcome(text, inputs, value)


@settings(max_examples=600)
@given(st.lists(st.sampled_from(PCRE), max_size=14).map("".join), st.text("ab\né1 -", max_size=12))
def test_any_pattern_is_answered(pattern: str, subject: str) -> None:
    outcome(f"branch =~ '{pattern}'", {"branch": subject})
    outcome("'a' =~ branch", {"branch": pattern})


@given(st.lists(st.sampled_from(WORDS), max_size=12).map(" ".join), VALUES)
def test_any_reduction_is_answered(text: str, value: object) -> None:
    try:
        reduced(text, [Answer(name="f", params=None, result=value)])
    except ConditionError:
        return


@given(
    st.lists(st.sampled_from([*'"`|. \\(-1', "parameters.A", "upper", "repeat", "99999", "true", "nil", "é"])).map(
        "".join
    )
)
def test_any_template_is_answered(template: str) -> None:
    try:
        filled_in(f"${{{{{template}}}}}", {"A": "x"})
    except ConditionError:
        return


@pytest.mark.parametrize(
    "pattern",
    [
        "(a{1000}){1000}",
        "((a{1000}){1000}){1000}",
        "(?:" * 30 + "a|b" + ")+|c" * 30,
        "(?:" * 14 + "a|b" + "){2}|c" * 14,
        "(" * 61 + ")" * 61,
        "(?|" * 700,
        "a+" * 1_500,
        "\\R" * 1_000,
    ],
)
def test_a_pattern_that_would_take_too_long_to_compile_is_refused(pattern: str) -> None:
    assert outcome(f"branch =~ '{pattern}'", {"branch": "aaaa"}) == "exception"


@pytest.mark.parametrize("pattern", ["(?R)", "^(a|b|ab)*c", "(?:a?){60000}b|(x)\\1", "^((a|b|ab)*)*\\2c"])
def test_a_pattern_that_searches_too_long_does_not_match(pattern: str) -> None:
    assert outcome(f"branch =~ '{pattern}'", {"branch": "ab" * 40}) in (False, "exception")


def test_many_patterns_share_one_budget() -> None:
    several = " or ".join(f"branch =~ 'a+{number}$'" for number in range(40))
    many = " or ".join(f"branch =~ 'a+{number}$'" for number in range(400))

    assert outcome(several, {"branch": "x"}) is False
    assert outcome(many, {"branch": "x"}) == "exception"
    assert outcome(" or ".join(["branch =~ 'a+$'"] * 400), {"branch": "x"}) is False
