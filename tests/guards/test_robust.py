"""Whatever an agent leaves: the guards answer, soon."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.guards.corpus import Verdict, read
from tests.guards.diffs import added, found, modified, rules

from selfheald.domain.guards import reading
from selfheald.domain.guards.judge import MOST_FINDINGS
from selfheald.domain.guards.rules import Rule

PATHS = (
    *(
        "tests/test_a.py",
        "a.test.ts",
        "a.spec.tsx",
        "spec/a_spec.rb",
        "src/test/ATest.java",
        "a_test.go",
        "test/a_test.exs",
    ),
    *(
        "src/lib.rs",
        "package.json",
        "pyproject.toml",
        "Makefile",
        ".semaphore/a.yml",
        "pom.xml",
        ".eslintrc.json",
        "a.md",
    ),
)
PIECES = (
    *(
        "def test_a():\n",
        "    assert x == 1\n",
        "it('a', () => {",
        "expect(a).toBe(1)",
        "})",
        "@Test",
        "@tag :skip\n",
        "#[test]\n",
    ),
    *(
        "func TestA(t *testing.T) {",
        "t.Skip()",
        "\n",
        "\0",
        "\ud800",
        "é",
        "/*",
        "*/",
        '"""',
        "'",
        "1_",
        "٣",
        "timeout=1__",
        "80%",
    ),
    *(
        "fail_under = 80%\n",
        "max: 1%\n",
        "sleep(1_)",
        "5 * time.Second",
        "describe 'x' do\n",
        "end\n",
        "rescue => e\n",
        "(" * 50,
    ),
)
SOURCES = st.one_of(st.text(max_size=200), st.lists(st.sampled_from(PIECES), max_size=40).map("".join))


@given(path=st.sampled_from(PATHS), before=SOURCES, after=SOURCES)
@settings(max_examples=150)
def test_no_text_raises(path: str, before: str, after: str) -> None:
    found(modified(path, before, after))


@given(entry=st.sampled_from(read(Verdict.WEAKENING)), start=st.integers(0, 400), end=st.integers(0, 400))
@settings(max_examples=60)
def test_code_that_is_cut_anywhere_does_not_raise(entry: object, start: int, end: int) -> None:
    for file in getattr(entry, "files"):  # noqa: B009 - the strategy's type is not known here
        found(modified(file.path, (file.before or "")[start:], (file.after or "")[:end]))


def test_what_does_not_change_is_never_found() -> None:
    files = [file for verdict in Verdict for entry in read(verdict) for file in entry.files]
    same = [modified(file.path, text, text) for file in files for text in (file.before, file.after) if text]

    assert [found(one) for one in same if found(one)] == []


@pytest.mark.parametrize("path", PATHS)
def test_generated_files_are_judged_within_seconds_of_a_processor(path: str) -> None:
    line = "x = [" + "1, 'a', foo(bar), sleep timeout=1 " * 250 + "]\n"
    before, started = line * 10, time.process_time()

    found(modified(path, before, before + "assert x == 1\n" * 2_000))

    assert time.process_time() - started < 30


@pytest.mark.parametrize("path", ["setup.cfg", "pyproject.toml", "package.json", ".semaphore/a.yml", "tests/test_a.py"])
@pytest.mark.parametrize("piece", [" ", "[", "[ ", "{", "{a:", '"', "a ", "a.", "(", "- ", ": ", "# ", "||"])
def test_a_long_line_is_judged_in_proportion_to_its_length(path: str, piece: str) -> None:
    started = time.process_time()

    found(modified(path, "x\n", f"[{piece * 5_000}x\n"))

    assert time.process_time() - started < 5


def test_code_with_more_nodes_than_are_looked_at_is_told() -> None:
    code = "x = 1\n" * (reading.MOST_NODES // 3)

    assert Rule.NOT_LOOKED_AT in rules(modified("tests/test_a.py", "", code))


def test_findings_are_bounded_and_those_that_block_come_first() -> None:
    tests = "".join(f"def test_{number}():\n    assert f({number}) == {number}\n" for number in range(150))

    findings = found(modified("tests/test_a.py", tests, "x = 1\n"), added("a.bin", "x", mode="100644", binary=True))

    assert len(findings) == MOST_FINDINGS
    assert {one.rule for one in findings} == {Rule.TEST_DELETED}


def test_what_findings_say_is_one_plain_line() -> None:
    before = "def test_a():\n    assert f() == 'x'\n"

    (finding,) = found(
        modified("tests/test_\x1b[31m\ud800a.py", before, f"def test_a():\n    assert f() == '{'y' * 900}\u202e'\n")
    )

    assert finding.path == "tests/test_a.py"
    assert len(finding.text) <= 240
    assert finding.text.isprintable()
