"""Where agents' programs are found."""

from pathlib import Path

import pytest

from selfheald.agents.build import KINDS
from selfheald.agents.install import Installed, find
from selfheald.domain.errors import NotFoundError

TRIPLE = "x86_64-unknown-linux-musl"
CODEX, CLAUDE, GEMINI, OPENCODE = (KINDS[kind].package for kind in ("codex", "claude-code", "gemini", "opencode"))


def program(path: Path, content: bytes = b"\x7fELF...") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    path.chmod(0o755)
    return path


def launcher(prefix: Path) -> Path:
    script = program(prefix / "lib/node_modules/@openai/codex/bin/codex.js", b"#!/usr/bin/env node\n")
    link(prefix / "bin" / "codex", script)
    return script


def link(name: Path, target: Path) -> None:
    name.parent.mkdir(exist_ok=True)
    name.symlink_to(target)


def node(prefix: Path, version: str) -> Path:
    return program(prefix / "bin" / "node", f"#!/bin/sh\necho {version}\n".encode())


@pytest.mark.parametrize(
    ("place", "machine"),
    [
        (f"@openai/codex-linux-x64/vendor/{TRIPLE}", "x86_64"),
        (f"@openai/codex/node_modules/@openai/codex-linux-x64/vendor/{TRIPLE}", "x86_64"),
        (f"@openai/codex/vendor/{TRIPLE}", "x86_64"),
        ("@openai/codex-linux-arm64/vendor/aarch64-unknown-linux-musl", "aarch64"),
    ],
)
def test_the_program_behind_npms_launcher_is_found(tmp_path: Path, place: str, machine: str) -> None:
    launcher(tmp_path)
    vendor = tmp_path / "lib/node_modules" / place
    native = program(vendor / "bin" / "codex")
    (vendor / "codex-path").mkdir()

    found = find(CODEX, None, str(tmp_path / "bin"), machine)

    assert found == Installed(argv=(str(native),), mounts=(vendor,), tools=vendor / "codex-path")


def test_a_package_without_a_scope_has_its_program_beside_it(tmp_path: Path) -> None:
    script = program(tmp_path / "lib/opencode-ai/bin/opencode", b"#!/usr/bin/env node\n")
    native = program(tmp_path / "lib/opencode-linux-x64/bin/opencode")

    assert find(OPENCODE, script, "", "x86_64") == Installed(argv=(str(native),), mounts=(native,))


def test_a_program_that_npm_put_in_the_launchers_place_is_taken_as_it_is(tmp_path: Path) -> None:
    native = program(tmp_path / "lib/claude-code/bin/claude.exe")
    link(tmp_path / "bin" / "claude", native)

    assert find(CLAUDE, None, str(tmp_path / "bin")) == Installed(argv=(str(native),), mounts=(native,))


def test_a_script_of_ones_own_is_taken_as_it_is(tmp_path: Path) -> None:
    script = program(tmp_path / "codex", b"#!/bin/sh\n")

    assert find(CODEX, script, "") == Installed(argv=(str(script),), mounts=(script,))


def test_a_script_for_node_is_started_by_node_with_its_package_in_sight(tmp_path: Path) -> None:
    script = program(tmp_path / "lib/@google/gemini-cli/bundle/gemini.js", b"#!/usr/bin/env node\n")
    (script.parent.parent / "package.json").write_text("{}")
    link(tmp_path / "bin" / "gemini", script)
    installed_node = node(tmp_path, "v22.1.0")

    found = find(GEMINI, None, str(tmp_path / "bin"))

    assert found == Installed(argv=(str(installed_node), str(script)), mounts=(script.parent.parent, installed_node))


def test_of_a_script_that_is_in_no_package_nothing_else_is_in_sight(tmp_path: Path) -> None:
    script = program(tmp_path / "home/bin/gemini", b"#!/usr/bin/env node\n")
    (tmp_path / "bin").mkdir()
    installed_node = node(tmp_path, "v22.1.0")

    found = find(GEMINI, script, str(tmp_path / "bin"))

    assert found.mounts == (script, installed_node)


@pytest.mark.parametrize(
    ("version", "said"),
    [(None, "needs node 20 or newer, which is not installed"), ("v18.20.1", "is v18.20.1"), ("nothing", "is nothing")],
)
def test_a_node_that_is_missing_or_too_old_is_told(tmp_path: Path, version: str | None, said: str) -> None:
    script = program(tmp_path / "lib/gemini-cli/bundle/gemini.js", b"#!/usr/bin/env node\n")
    (tmp_path / "bin").mkdir()
    if version:
        node(tmp_path, version)

    with pytest.raises(NotFoundError, match=said):
        find(GEMINI, script, str(tmp_path / "bin"))


@pytest.mark.parametrize("machine", ["x86_64", "riscv64"])
def test_a_launcher_without_its_program_is_not_enough(tmp_path: Path, machine: str) -> None:
    launcher(tmp_path)

    with pytest.raises(NotFoundError, match=r"npm's launcher.*npm install --global @openai/codex@"):
        find(CODEX, None, str(tmp_path / "bin"), machine)


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_on_the_path_is_nothing(tmp_path: Path, kind: str) -> None:
    package = KINDS[kind].package

    with pytest.raises(NotFoundError, match=f"npm install --global {package.name}@{package.tested}"):
        find(package, None, str(tmp_path))


def test_the_tests_install_the_versions_that_are_called_tested() -> None:
    script = (Path(__file__).parents[1] / "system" / "tools.sh").read_text()

    assert all(f"{kind.package.name}@{kind.package.tested}" in script for kind in KINDS.values())
