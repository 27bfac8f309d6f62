"""The benchmarks run, at sizes that say nothing about speed."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.bench.figures import Sample

TINY = ("--quick", "--files", "200", "--projects", "20", "--rounds", "1", "--requests", "20")
SECONDS = 120


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Any]:
    """What a tiny run prints, and what it writes."""
    folder = tmp_path_factory.mktemp("bench")
    command = [sys.executable, "-m", "tests.bench", *TINY, "--folder", str(folder), "--json", str(folder / "f.json")]
    root = Path(__file__).parents[2]
    ended = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout, json.loads((folder / "f.json").read_text())


def test_every_benchmark_prints_a_table(told: tuple[str, Any]) -> None:
    printed, _ = told

    for title in (
        "Agent-start overhead",
        "Projects swept per CPU second",
        "Conditions",
        "First byte of an answer",
        "Start of a program in the agent's zone",
    ):
        assert title in printed


def test_the_phases_add_up_to_the_overhead(told: tuple[str, Any]) -> None:
    found = told[1]["overhead"]

    phases = [found[f"{name}_seconds"]["median"] for name in ("detect", "decide_claim", "prepare", "start")]

    assert min(phases) > 0
    assert sum(phases) == pytest.approx(found["overhead_seconds"]["median"])
    assert found["clone_seconds"]["median"] > 0
    assert found["shallow_seconds"]["median"] > 0
    assert found["cold_seconds"]["overhead"] > 0


def test_the_sweep_stands_beside_both_bare_loops(told: tuple[str, Any]) -> None:
    found = told[1]["sweep"]

    assert found["projects"] == 20
    for name in ("first_sweep", "steady_state", "bare_loop_body_read", "bare_loop_json"):
        assert found[name]["median"] > 0
    steady, bare = found["steady_state"]["median"], found["bare_loop_json"]["median"]
    assert found["ratio"]["to_json"]["median"] == pytest.approx(steady / bare)


def test_the_proxy_stands_beside_direct_requests(told: tuple[str, Any]) -> None:
    for found in told[1]["proxy"].values():
        assert found["through_ms"]["median"] > found["direct_ms"]["median"] > 0
        assert found["added_ms"]["median"] == pytest.approx(
            found["through_ms"]["median"] - found["direct_ms"]["median"]
        )


def test_the_zone_stands_beside_a_bare_start(told: tuple[str, Any]) -> None:
    found = told[1]["zone"]

    assert found["zone_ms"]["median"] > found["sandbox_ms"]["median"] > found["bare_ms"]["median"] > 0
    assert len(found["added_ms"]["values"]) == 3


def test_the_machine_is_told(told: tuple[str, Any]) -> None:
    assert {"cores", "python", "git", "sandbox", "file_system", "date"} <= told[1]["machine"].keys()


def test_a_sample_shows_its_median_and_its_bounds() -> None:
    assert Sample([3.0, 1.0, 10.0]).shown("{:.0f}") == ("3", "1 - 10")
