"""The condition of an existing promotion, copied as it stands, means the same in selfheald's file."""

from pathlib import Path
from textwrap import indent

import pytest
import yaml
from tests.settings.sample import SMALL, load_text, mistakes_in

PIPELINE_FILE = """\
promotions:
  - name: Self-heal
    pipeline_file: heal.yml
    auto_promote:
"""
FAILED_MAIN = {"branch": "main", "tag": "", "pull_request": "", "result": "failed", "result_reason": "test"}
RELEASE_TAG = FAILED_MAIN | {"branch": "", "tag": "v1.2"}
PASSED = FAILED_MAIN | {"result": "passed", "result_reason": ""}


@pytest.mark.parametrize(
    ("lines", "answers"),
    [
        ("when: \"branch = 'main' AND result = 'failed'\"", (True, False, False)),
        ("when: branch = 'main' and result = 'failed'", (True, False, False)),
        ("when: '(branch = ''main'' OR tag =~ ''^v[0-9]'') AND result != ''passed'''", (True, True, False)),
        ("when: >-\n  result = 'failed'\n  AND branch =~ '^ma(in|ster)$'", (True, False, False)),
        ("when: |\n  result = 'failed' AND\n    (tag =~ '.*')\n", (False, True, False)),
        ("when: \"branch =~ '^m\\x61in$' and result_reason = 'test'\"", (True, False, False)),
        ("when: true", (True, True, True)),
        ("when: FALSE", (False, False, False)),
    ],
)
def test_the_lines_of_a_promotion_may_be_copied(tmp_path: Path, lines: str, answers: tuple[bool, ...]) -> None:
    written = yaml.safe_load(PIPELINE_FILE + indent(lines, " " * 6))["promotions"][0]["auto_promote"]["when"]

    condition = load_text(tmp_path, SMALL + indent(lines, " " * 4)).projects[0].when

    assert condition.text == (written if isinstance(written, str) else str(written).lower())
    assert tuple(condition.evaluate(built) for built in (FAILED_MAIN, RELEASE_TAG, PASSED)) == answers


@pytest.mark.parametrize("parameter", ["${{parameters.ENV}}", "${{ parameters.ENV | upper }}", "%{{ parameters.ENV }}"])
def test_a_parameter_stops_the_start(tmp_path: Path, parameter: str) -> None:
    (mistake,) = mistakes_in(tmp_path, SMALL + f"    when: \"'{parameter}' = 'prod' and result = 'failed'\"\n")

    assert mistake.endswith(f"projects[0].when: `{parameter}` is not filled in here: write the value itself")
