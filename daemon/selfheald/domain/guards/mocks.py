"""Guards on stubs and mocks that take the place of what a test is about."""

import re
from collections.abc import Iterator

from selfheald.domain.guards.cases import WORD
from selfheald.domain.guards.change import Found
from selfheald.domain.guards.dialects import is_test_path
from selfheald.domain.guards.lines import Line
from selfheald.domain.guards.rules import Rule
from selfheald.domain.guards.sides import Sides

_STUBS = re.compile(
    r"\bpatch(?:\.object|\.dict)?\(|monkeypatch\.setattr|\b(?:jest|vi|sinon|td)\.(?:mock|spyOn|stub|fn|replace|"
    r"doMock)\(|\ballow(?:_any_instance_of)?\(|"
    r"\.stubs?[ (]|\.returns\(|\b(?:when|doReturn|given)\(|\.mock(?:Return|Resolved|Implementation)\w*\(|"
    r"Mimic\.|Mox\.|with_mock|and_return|\.expects\("
)

_OF_FRAMEWORKS = {
    *(
        "assertEqual",
        "assertTrue",
        "assertFalse",
        "assertRaises",
        "assertIn",
        "assertEquals",
        "assertThat",
        "assertThrows",
    ),
    *(
        "assert_equal",
        "assert_raises",
        "assert_nil",
        "expect",
        "assert",
        "refute",
        "assertNotNull",
        "assertIsNotNone",
        "fail",
    ),
}
"""Assertions that nobody but a framework should define."""

_CALLED = re.compile(
    r"(?<!\w)(?!assert|expect|self\b|len\b)(\w+)\s*\(|\.(?!to\b|not|assert|called|await)(\w+)\b(?=[\s)])"
)

_MODULE = re.compile(r"\b(?:jest|vi)\.(?:mock|doMock)\(\s*([\"'][^\"']+[\"'])")


def mocked(sides: Sides) -> Iterator[Found]:
    """Stubs that are added to tests that were there, of what these call in their assertions."""
    called = {
        (case.path, word)
        for case, _ in sides.pairs.same
        for one in case.assertions
        for words in _CALLED.findall(one.text)
        for word in words
    }
    for name in sorted(_OF_FRAMEWORKS & (set(sides.after.helpers) - set(sides.before.helpers))):
        yield Found(Rule.SUBJECT_MOCKED, sides.changes[0].path, 0, f"the framework's own `{name}` is replaced")
    for name in sorted(set(sides.after.helpers) - set(sides.before.helpers)):
        path = next((path for path, word in sorted(called) if word == name), None)
        if path:
            yield Found(Rule.SUBJECT_MOCKED, path, 0, f"`{name}` is replaced by one of the tests' own")
    texts = {change.path: change.after or "" for change in sides.changes}
    for line in sides.added:
        if is_test_path(line.path) and _STUBS.search(line.text):
            alone = not any(case.path == line.path for case in sides.after.cases)
            stubs_all = alone and re.search(r"\.setattr\(\s*[\"']", line.text) and _autouse(line, sides)
            if stubs_all or (alone and re.search(r"\.(?:mock|doMock)\(\s*[\"']\.", line.text)):
                yield Found(Rule.SUBJECT_MOCKED, line.path, line.number, f"replaced for all tests: {line.text[:120]}")
            names = set(WORD.findall(_STUBS.sub(" ", line.text) + _imported(line.text, texts[line.path])))
            if stubbed := sorted(name for name in names if (line.path, name) in called):
                yield Found(
                    Rule.SUBJECT_MOCKED, line.path, line.number, f"`{stubbed[0]}` is replaced: {line.text[:120]}"
                )


def _autouse(line: Line, sides: Sides) -> bool:
    """Whether a fixture that all tests get is added along with a line."""
    return any(one.path == line.path and "autouse=True" in one.text for one in sides.added)


def _imported(stub: str, text: str) -> str:
    """The imports from a module that is replaced as a whole."""
    module = _MODULE.search(stub)
    if not module:
        return ""
    name = module[1].strip("\"'")
    return " ".join(
        line for line in text.splitlines() if "import" in line and re.search(rf"[\"']{re.escape(name)}[\"']", line)
    )
