"""Where Codex's program is found."""

from pathlib import Path

import pytest

from selfheald.agents.codex_install import Installed, find_codex

TRIPLE = "x86_64-unknown-linux-musl"


def program(path: Path, content: bytes = b"\x7fELF...") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    path.chmod(0o755)
    return path


def launcher(prefix: Path) -> Path:
    script = program(prefix / "lib/node_modules/@openai/codex/bin/codex.js", b"#!/usr/bin/env node\n")
    (prefix / "bin").mkdir()
    (prefix / "bin" / "codex").symlink_to("../lib/node_modules/@openai/codex/bin/codex.js")
    return script


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

    found = find_codex(None, str(tmp_path / "bin"), machine)

    assert found == Installed(program=native, folder=vendor, tools=vendor / "codex-path")


def test_a_program_of_its_own_is_taken_as_it_is(tmp_path: Path) -> None:
    native = program(tmp_path / "codex")

    assert find_codex(native, "") == Installed(program=native, folder=native, tools=None)


def test_a_launcher_without_its_program_is_not_enough(tmp_path: Path) -> None:
    launcher(tmp_path)

    assert find_codex(None, str(tmp_path / "bin"), "x86_64") is None


def test_a_machine_without_a_package_has_no_program(tmp_path: Path) -> None:
    launcher(tmp_path)

    assert find_codex(None, str(tmp_path / "bin"), "riscv64") is None


def test_nothing_on_the_path_is_nothing(tmp_path: Path) -> None:
    assert find_codex(None, str(tmp_path)) is None
