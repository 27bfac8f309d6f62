"""Agreement with Semaphore's own implementation, vector by vector."""

import re
from typing import Any

import pytest
from tests.conditions import vectors

from selfheald.domain.conditions.change_in import Options, changed
from selfheald.domain.conditions.errors import ConditionError
from selfheald.domain.conditions.functions import FunctionError
from selfheald.domain.conditions.parameters import filled_in
from selfheald.domain.conditions.recorded import Answer
from selfheald.domain.conditions.reduction import reduced

LANGUAGE = vectors.read("vectors") + vectors.read("upstream")
GARBAGE = re.compile(r"'[0-9]{3}' operator")
"""Semaphore prints tokens of five characters as the code of the third; that is not copied."""
EXOTIC_SHARE = 0.9


def place(vector: dict[str, Any]) -> str:
    return str(vector["place"])


@pytest.mark.parametrize("vector", [vector for vector in LANGUAGE if not vector.get("exotic")], ids=place)
def test_the_language_agrees_with_every_vector(vector: dict[str, Any]) -> None:
    assert vectors.agrees(vector), vectors.answer(vector)


def test_nine_of_ten_oddities_of_pcre_agree(capsys: pytest.CaptureFixture[str]) -> None:
    exotic = [vector for vector in LANGUAGE if vector.get("exotic")]

    agreeing = [vector for vector in exotic if vectors.agrees(vector)]

    with capsys.disabled():
        print(f"\nexotic vectors: {len(agreeing)} of {len(exotic)} agree")  # noqa: T201 - the count is asked for
    assert len(agreeing) >= EXOTIC_SHARE * len(exotic)


@pytest.mark.parametrize(
    "vector",
    [
        vector
        for vector in LANGUAGE
        if vector.get("message") and vector.get("error_kind") != "exception" and not GARBAGE.search(vector["message"])
    ],
    ids=place,
)
def test_errors_have_semaphores_wording(vector: dict[str, Any]) -> None:
    assert vectors.answer(vector)[2] == vector["message"]


@pytest.mark.parametrize("vector", vectors.read("params"), ids=place)
def test_parameters_are_filled_in_as_by_semaphore(vector: dict[str, Any]) -> None:
    try:
        outcome = {"value": filled_in(vector["s"], vector["env"])}
    except ConditionError as error:
        outcome = {"error": str(error)}

    assert outcome.items() <= vector.items()


@pytest.mark.parametrize("vector", vectors.read("reduce"), ids=place)
def test_conditions_are_reduced_as_by_semaphore(vector: dict[str, Any]) -> None:
    answers = [Answer(**answer) for answer in vector["functions"]]

    if "error" in vector:
        with pytest.raises(ConditionError):
            reduced(vector["expr"], answers)
    else:
        assert repr(reduced(vector["expr"], answers)) == repr(vector["reduced"])


@pytest.mark.parametrize("vector", vectors.read("change_in"), ids=place)
def test_changed_paths_are_matched_as_by_semaphore(vector: dict[str, Any]) -> None:
    options = Options(
        exclude=tuple(vector["exclude"]),
        tracked=vector["yaml"] if vector["track"] else None,
        directory=vector["workdir"],
    )

    if vector["expect"] == "error":
        with pytest.raises(FunctionError):
            changed(vector["patterns"], options, vector["diff"])
    else:
        assert changed(vector["patterns"], options, vector["diff"]) is vector["expect"]
