"""After files of the host."""

from dataclasses import replace

from tests.security.attack import NAIVE, UNFILTERED, Attack, Weakness
from tests.security.scene import Aftermath

VIEW = "what is not shown in the sandbox does not exist there"
BOUND = Weakness(add=("--bind", "{folder}", "{folder}"))
"""The host's folder is shown in the sandbox, writable."""


def _secret_changed(after: Aftermath) -> bool:
    return (after.scene.folder / "secret").read_text() != f"{after.scene.canary}\n"


def _tool_changed(after: Aftermath) -> bool:
    return (after.scene.folder / "tool/data").read_text() != "tool\n"


def _linked_in(after: Aftermath) -> bool:
    taken = after.scene.attempt / "tree/taken"
    return taken.exists() and after.scene.canary in taken.read_text()


FILES = (
    Attack(
        name="read-a-file-of-the-host",
        tries="read a file of the host by its path",
        held_by=VIEW,
        program="print(open(S['secret']).read())",
        off=BOUND,
    ),
    Attack(
        name="read-the-store",
        tries="read selfheald's SQLite file",
        held_by=VIEW,
        program="print(open(S['store'], 'rb').read())",
        off=BOUND,
    ),
    Attack(
        name="read-a-token-file",
        tries="read the file that holds a token",
        held_by=VIEW,
        program="print(open(S['token']).read())",
        off=BOUND,
    ),
    Attack(
        name="read-another-attempt",
        tries="read another attempt's prompt",
        held_by=VIEW,
        program="print(open(S['other']).read())",
        off=BOUND,
    ),
    Attack(
        name="read-the-git-mirror",
        tries="read the mirror from which the daemon pushes",
        held_by=VIEW,
        program="print(open(S['mirror']).read())",
        off=BOUND,
    ),
    Attack(
        name="traverse-out-of-the-tree",
        tries="reach other attempts by `..` from the work tree",
        held_by=VIEW,
        program="print(open('../../2-1/prompt.md').read())",
        off=NAIVE,
    ),
    Attack(
        name="follow-a-symlink-out",
        tries="read a file of the host through a symbolic link",
        held_by=VIEW,
        program="os.symlink(S['secret'], 'link'); print(open('link').read())",
        off=BOUND,
    ),
    Attack(
        name="hard-link-into-the-tree",
        tries="link a file of the host into the work tree, so that it is proposed",
        held_by=VIEW,
        program="os.link(S['secret'], 'taken')",
        off=NAIVE,
        won=_linked_in,
    ),
    Attack(
        name="reach-the-host-through-proc",
        tries="go through another process's root folder to the host's files",
        held_by="the sandbox has its own process numbers, with nobody else in them",
        program="""
found = [open(f'/proc/{pid}/root' + S['secret']).read() for pid in [S['bystander']]]
print(found)
""",
        off=NAIVE,
    ),
    Attack(
        name="write-a-file-of-the-host",
        tries="overwrite a file of the host",
        held_by=VIEW,
        program="open(S['secret'], 'w').write('owned')",
        off=BOUND,
        won=_secret_changed,
    ),
    Attack(
        name="write-a-mounted-tool",
        tries="change a program of the host that is shown in the sandbox",
        held_by="`mounts` are read-only",
        program="open(S['tool'], 'w').write('owned')",
        off=Weakness(add=("--bind", "{folder}/tool", "{folder}/tool")),
        won=_tool_changed,
    ),
    Attack(
        name="make-a-mounted-tool-writable",
        tries="remount a read-only folder writable",
        held_by="no capabilities; mount calls are filtered",
        program="""
folder = os.path.dirname(S['tool']).encode()
if libc.mount(None, folder, None, 0x1000 | 0x20, None): raise OSError(ctypes.get_errno(), 'mount')
open(S['tool'], 'w').write('owned')
""",
        off=replace(
            UNFILTERED,
            add=(
                *UNFILTERED.add,
                *("--bind", "{folder}/tool", "{folder}/tool", "--remount-ro", "{folder}/tool"),
            ),
        ),
        won=_tool_changed,
    ),
    Attack(
        name="leave-something-in-tmp",
        tries="leave a file in /tmp for whoever comes next",
        held_by="a private /tmp, made anew for each run",
        program="open('/tmp/' + S['mark'], 'w').write('owned'); print('LOST', 'only its own /tmp')",
        off=NAIVE,
        won=lambda after: after.scene.take_from_tmp(),
    ),
    Attack(
        name="read-the-host-s-devices",
        tries="read what others keep in the host's /dev",
        held_by="a private /dev with the few harmless devices, and a private /dev/shm",
        program="print(open('/dev/shm/' + S['mark']).read())",
        off=Weakness(add=("--dev-bind", "/dev", "/dev")),
    ),
    Attack(
        name="plant-a-program-for-others",
        tries="put a program where others would find it first",
        held_by="the system is read-only",
        program="""
open(S['tool'] + '-planted', 'w').write('owned')
print('WON')
""",
        off=BOUND,
        won=lambda after: (after.scene.folder / "tool/data-planted").exists(),
    ),
)
