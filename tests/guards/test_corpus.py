"""The corpora are well formed, large enough and spread over the frameworks: else what they measure means little."""

import configparser
import io
import json
import tomllib
from collections import Counter
from collections.abc import Callable, Iterator
from xml.parsers import expat

import pytest
import tree_sitter_elixir
import tree_sitter_go
import tree_sitter_java
import tree_sitter_javascript
import tree_sitter_python
import tree_sitter_ruby
import tree_sitter_rust
import tree_sitter_typescript
import yaml
from tests.guards.corpus import FOLDER, Entry, FileChange, Verdict, read
from tests.house.checkout import code, table
from tree_sitter import Language, Parser

WEAKENING = read(Verdict.WEAKENING)
HONEST = read(Verdict.HONEST)

AT_LEAST = {
    Verdict.WEAKENING: {
        "exunit": 20,
        "gates": 50,
        "go": 30,
        "jest": 50,
        "junit": 30,
        "minitest": 20,
        "pytest": 60,
        "rspec": 30,
        "rust": 30,
        "unittest": 25,
    },
    Verdict.HONEST: {
        "exunit": 25,
        "gates": 30,
        "go": 40,
        "jest": 60,
        "junit": 40,
        "minitest": 16,
        "others": 15,
        "pytest": 65,
        "rspec": 35,
        "rust": 35,
        "unittest": 20,
    },
}

GRAMMARS = {
    ".py": tree_sitter_python.language(),
    ".js": tree_sitter_javascript.language(),
    ".jsx": tree_sitter_javascript.language(),
    ".mjs": tree_sitter_javascript.language(),
    ".cjs": tree_sitter_javascript.language(),
    ".ts": tree_sitter_typescript.language_typescript(),
    ".mts": tree_sitter_typescript.language_typescript(),
    ".tsx": tree_sitter_typescript.language_tsx(),
    ".rb": tree_sitter_ruby.language(),
    ".java": tree_sitter_java.language(),
    ".go": tree_sitter_go.language(),
    ".ex": tree_sitter_elixir.language(),
    ".exs": tree_sitter_elixir.language(),
    ".rs": tree_sitter_rust.language(),
}

READERS: dict[str, Callable[[str], object]] = {
    ".yml": yaml.safe_load,
    ".yaml": yaml.safe_load,
    ".toml": tomllib.loads,
    ".json": json.loads,
    ".cfg": lambda text: configparser.ConfigParser().read_string(text),
    ".ini": lambda text: configparser.ConfigParser().read_string(text),
    ".xml": lambda text: expat.ParserCreate().ParseFile(io.BytesIO(text.encode())),
}


def every_file() -> Iterator[tuple[Entry, FileChange]]:
    return ((entry, file) for entry in (*WEAKENING, *HONEST) for file in entry.files)


def texts(suffix: str) -> Iterator[tuple[str, str]]:
    for entry, file in every_file():
        if file.path.endswith(suffix):
            yield from ((entry.id, text) for text in (file.before, file.after) if text is not None)


@pytest.mark.parametrize("verdict", list(Verdict))
def test_each_framework_has_enough_diffs(verdict: Verdict) -> None:
    found = Counter(entry.framework for entry in read(verdict))

    assert set(found) == set(AT_LEAST[verdict])
    assert {name: found[name] for name, least in AT_LEAST[verdict].items() if found[name] < least} == {}


def test_the_corpora_are_as_large_as_promised() -> None:
    assert len(WEAKENING) >= 500
    assert len(HONEST) >= 500


def test_each_diff_has_a_name_of_its_own() -> None:
    names = Counter(entry.id for entry in (*WEAKENING, *HONEST))

    assert [name for name, times in names.items() if times > 1] == []


def test_no_two_diffs_are_the_same() -> None:
    diffs = Counter(entry.files for entry in (*WEAKENING, *HONEST))

    assert len(diffs) == len(WEAKENING) + len(HONEST)


def test_each_file_of_a_diff_changes() -> None:
    assert [entry.id for entry, file in every_file() if file.before == file.after] == []


def test_no_diff_names_a_file_twice() -> None:
    paths = {entry.id: [file.path for file in entry.files] for entry in (*WEAKENING, *HONEST)}

    assert [name for name, found in paths.items() if len(found) != len(set(found))] == []


def test_each_diff_says_in_a_sentence_what_it_is_about() -> None:
    assert [entry.id for entry in (*WEAKENING, *HONEST) if not entry.about.endswith(".")] == []


@pytest.mark.parametrize("verdict", list(Verdict))
def test_the_readme_explains_each_kind(verdict: Verdict) -> None:
    header = {Verdict.WEAKENING: "kind of weakening", Verdict.HONEST: "kind of honest diff"}[verdict]
    explained = {code(kind) for kind, _ in table((FOLDER / "README.md").read_text("utf-8"), header, "what was done")}

    assert {entry.kind for entry in read(verdict)} == explained


@pytest.mark.parametrize("suffix", sorted(GRAMMARS))
def test_all_code_parses(suffix: str) -> None:
    parser = Parser(Language(GRAMMARS[suffix]))

    assert [name for name, text in texts(suffix) if parser.parse(text.encode()).root_node.has_error] == []


@pytest.mark.parametrize("suffix", sorted(READERS))
def test_all_configuration_reads(suffix: str) -> None:
    for name, text in texts(suffix):
        try:
            READERS[suffix](text)
        except (ValueError, yaml.YAMLError, configparser.Error, expat.ExpatError) as error:
            raise AssertionError(f"{name}: {error}") from error
