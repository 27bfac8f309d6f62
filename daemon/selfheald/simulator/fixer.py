"""The demo's agent: a script that knows one bug. It runs inside the sandbox, by path, with the standard library only.

usage: fixer.py PROMPT_FILE, with the work tree as the current folder
"""

import pathlib
import subprocess
import sys

BUGGY = "    return [total // people] * people\n"
RIGHT = """\
    share, rest = divmod(total, people)
    return [share + 1] * rest + [share] * (people - rest)
"""
SUMMARY = "hand out the cents that do not divide evenly"


def main(prompt_file: str) -> int:
    """Fix the bug and leave a summary; 1 when this is not the tree that it knows."""
    prompt = pathlib.Path(prompt_file).read_text(encoding="utf-8")
    print("I am a scripted fixer, not a language model: I know just the bug of this demo.", flush=True)
    print(f"reading the prompt: {len(prompt.splitlines())} lines, with the failed job's log", flush=True)
    source = pathlib.Path("billing/cents.py")
    if not source.is_file() or BUGGY not in (text := source.read_text(encoding="utf-8")):
        print("this is not the repository that I know", flush=True)
        return 1
    print("running the tests as they are", flush=True)
    print(f"they {'pass' if _tests_pass() else 'fail'}, as the log says", flush=True)
    source.write_text(text.replace(BUGGY, RIGHT), encoding="utf-8")
    print("changed billing/cents.py; running the tests again", flush=True)
    if not _tests_pass():
        print("they still fail", flush=True)
        return 1
    pathlib.Path("commit-message.txt").write_text(f"{SUMMARY}\n", encoding="utf-8")
    print("they pass now", flush=True)
    return 0


def _tests_pass() -> bool:
    tests = [sys.executable, "-B", "-m", "unittest", "discover", "--quiet", "--start-directory", "tests", "-t", "."]
    return subprocess.run(tests, capture_output=True, check=False).returncode == 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
