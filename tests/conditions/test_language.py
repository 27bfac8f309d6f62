"""The language as its users meet it."""

import pytest

from selfheald.domain.conditions.errors import ConditionError, ErrorKind
from selfheald.domain.conditions.functions import Function, FunctionError
from selfheald.domain.conditions.language import Condition
from selfheald.domain.conditions.recorded import Answer, functions_of

RECIPE = Condition.parse("result = 'failed' AND branch !~ '^selfheal-.*'")
ANYTHING = Function(arities=(0, 1, 2), answer=lambda params, _inputs: params[0] if params else None)


def evaluated(text: str, **inputs: object) -> bool:
    return Condition(text).evaluate(inputs, {"id": ANYTHING, "nil": ANYTHING})


def failure(text: str, **inputs: object) -> ConditionError:
    with pytest.raises(ConditionError) as caught:
        evaluated(text, **inputs)
    return caught.value


def test_the_original_recipe_heals_failures_but_not_its_own_branches() -> None:
    assert RECIPE.evaluate({"result": "failed", "branch": "main"})
    assert not RECIPE.evaluate({"result": "passed", "branch": "main"})
    assert not RECIPE.evaluate({"result": "failed", "branch": "selfheal-7f3a"})


def test_the_original_recipe_is_true_for_tags_and_pull_requests() -> None:
    assert RECIPE.evaluate({"result": "failed", "branch": ""})


def test_conditions_are_equal_by_their_text() -> None:
    assert Condition.parse("true") == Condition("true")
    assert Condition.parse("true") != Condition(" true")


def test_a_condition_names_what_it_needs_in_order_and_once() -> None:
    condition = Condition.parse("tag = 'a' and g('x') or BRANCH = 'b' and tag = 'c' and f() = g()")

    assert condition.inputs == ("tag", "branch")
    assert condition.functions == ("g", "f")


@pytest.mark.parametrize("text", ["branch =", "'", "branch = tag", ""])
def test_parsing_refuses_what_cannot_be_read(text: str) -> None:
    with pytest.raises(ConditionError):
        Condition.parse(text)


def test_each_error_tells_its_kind() -> None:
    assert failure("!").kind is ErrorKind.LEXICAL
    assert failure("true true").kind is ErrorKind.SYNTAX
    assert failure("true or tag = 'x'").kind is ErrorKind.MISSING_INPUT
    assert failure("false and f()").kind is ErrorKind.FUNCTION
    assert failure("branch =~ '('", branch="x").kind is ErrorKind.EXCEPTION


def test_an_error_names_the_line_of_the_token() -> None:
    assert "on line 3." in str(failure("branch = 'a\nb' and\n and"))
    assert "on line 2." in str(failure("true and\n ~"))


def test_wrong_literals_are_shown_as_semaphore_shows_them() -> None:
    assert str(failure("1 1.5")).endswith("on the left of '1.5'.")
    assert str(failure("1 true")).endswith("on the left of 'true'.")
    assert str(failure("1 'a'")).endswith("on the left of '{string,1,<<a>>}'.")


def test_an_unbelievably_long_expression_is_refused() -> None:
    assert failure("(" * 20_001).kind is ErrorKind.LEXICAL


def test_integers_may_have_any_length_and_floats_may_not() -> None:
    digits = "9" * 6_000

    assert evaluated(f"id({digits}) = {digits}")
    assert evaluated(f"id('{digits}') =~ {digits}")
    assert failure(f"{digits}.5").kind is ErrorKind.EXCEPTION


def test_nil_fails_like_a_missing_input_but_only_after_the_functions() -> None:
    broken = Function(arities=(0,), answer=_refuse)

    with pytest.raises(ConditionError, match="Function 'f' returned error: no disk"):
        Condition("branch = 'x' and f()").evaluate({"branch": None}, {"f": broken})
    with pytest.raises(ConditionError, match="Missing value of keyword parameter 'branch'"):
        Condition("branch = 'x'").evaluate({"branch": None})


def _refuse(_params: object, _inputs: object) -> object:
    raise FunctionError("no disk")


def test_a_functions_answer_of_no_known_kind_is_an_error() -> None:
    odd = Function(arities=(0,), answer=lambda _params, _inputs: object())

    with pytest.raises(ConditionError, match="Function 'f' returned unsupported value"):
        Condition("f()").evaluate({}, {"f": odd})


def test_a_function_without_arities_can_never_be_called() -> None:
    with pytest.raises(ConditionError, match="accepts no parameter"):
        Condition("f()").evaluate({}, {"f": Function(arities=(), answer=_refuse)})


def test_the_first_call_answers_for_all_calls_with_equal_parameters() -> None:
    answers = iter([1, 2, 3])
    counter = Function(arities=(0, 1), answer=lambda _params, _inputs: next(answers))

    assert Condition("f(1) = f(1.0)").evaluate({}, {"f": counter})
    assert next(answers) == 3


def test_a_dry_run_checks_functions_without_calling_them() -> None:
    functions = {"f": Function(arities=(0,), answer=_refuse)}

    assert not Condition("f()").evaluate({}, functions, dry_run=True)
    with pytest.raises(ConditionError, match=r"accepts 0 parameter\(s\)"):
        Condition("f(1)").evaluate({}, functions, dry_run=True)


def test_a_map_of_the_host_never_equals_a_map_of_the_expression() -> None:
    host = functions_of([Answer(name="host", params=[], result={"a": 1}), Answer(name="empty", params=[], result={})])

    assert not Condition("host() = {a: 1}").evaluate({}, host)
    assert Condition("empty() = {}").evaluate({}, host)
    assert evaluated("id({a: [1, {b: 'c'}]}) = {a: [1.0, {b: 'c'}]}")
    assert not evaluated("id({a: 1}) = {b: 1}")
    assert not evaluated("id([1]) = [1, 2]")


def test_a_literal_outside_ascii_is_not_its_own_utf8_text() -> None:
    assert not evaluated("branch = 'é'", branch="é")
    assert evaluated("id('é') = 'é'")


def test_lists_join_to_a_pattern_as_elixir_joins_them() -> None:
    assert evaluated("id('ab') =~ ['a', ['b']]")
    assert evaluated("branch =~ 'x' or id('b') =~ [98]", branch="")
    assert failure("id('a') =~ [1.5]").kind is ErrorKind.EXCEPTION
    assert failure("id('a') =~ [-1]").kind is ErrorKind.EXCEPTION
    assert failure("id('a') =~ ['é']").kind is ErrorKind.EXCEPTION


def test_numbers_and_nothing_become_text_in_a_pattern() -> None:
    assert evaluated("id('1.5') =~ 1.5")
    assert evaluated("id('1.0e30') =~ 1000000000000000000000000000000.0")
    assert evaluated("id('1.5e30') =~ 1500000000000000000000000000000.0")
    assert evaluated("id('x') =~ nil()")


def test_lone_surrogates_in_inputs_are_only_strange_bytes() -> None:
    assert not evaluated("branch = 'a'", branch="\ud800")
    assert evaluated("branch =~ '^...$'", branch="\ud800")


def test_thousands_of_brackets_are_no_problem() -> None:
    assert evaluated("(" * 5_000 + "true" + ")" * 5_000)
    assert evaluated("[" * 5_000 + "1" + "]" * 5_000)
    assert evaluated("id(" + "[" * 4_000 + "]" * 4_000 + ") = " + "[" * 4_000 + "]" * 4_000)
    assert evaluated("1or(" * 2_000 + "1" + ")" * 2_000)
    assert failure("(" * 10_000).kind is ErrorKind.SYNTAX
