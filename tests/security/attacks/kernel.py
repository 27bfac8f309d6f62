"""After the kernel: namespaces, mounts, and the doors that have had holes."""

import os
import platform
import socket
from dataclasses import replace
from pathlib import Path

from tests.security.attack import UNFILTERED, Attack, Weakness, program_won, without

FILTER = "the filter on system calls"
NO_USERNS = "the filter on system calls; `--disable-userns`"
FILTERED = without("--seccomp")
NESTING = without("--seccomp", "--disable-userns")
X86 = platform.machine() == "x86_64"
CLONE = 56 if X86 else 220

INT_80 = """
import mmap
code = mmap.mmap(-1, 4096, prot=7)
code.write(b'\\xb8\\x14\\x00\\x00\\x00\\xcd\\x80\\xc3')  # getpid, as i386 asks for it
run = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(code)))
if os.fork() == 0:
    os._exit(0 if run() == os.getpid() else 1)
if os.wait()[1]: raise PermissionError('killed')
print('WON')
"""


def _kernel(name: str, tries: str, program: str, *, off: Weakness = FILTERED, by: str = FILTER) -> Attack:
    return Attack(name=name, tries=tries, held_by=by, program=program, off=off, won=program_won)


TYPING = """
import fcntl, pty
if os.fork() == 0:
    os.setsid()
    _, terminal = pty.openpty()
    fcntl.ioctl(terminal, 0x540E, 0)  # it is ours
    try: fcntl.ioctl(terminal, 0x5412, b'x')
    except OSError: os._exit(1)
    os._exit(0)
if os.wait()[1]: raise PermissionError('TIOCSTI')
print('WON')
"""

VSOCK, ALG = 40, 38


def _if(offered: bool, attack: Attack) -> Attack:  # noqa: FBT001 - reads as a sentence
    """An attack on something that not every machine's kernel offers."""
    return replace(attack, possible=offered)


def _has_family(family: int) -> bool:
    try:
        socket.socket(family, socket.SOCK_STREAM if family == VSOCK else socket.SOCK_SEQPACKET).close()
    except OSError:
        return False
    return True


def _setting(path: str, other: str) -> str:
    file = Path("/proc/sys") / path
    return file.read_text().strip() if file.exists() else other


KERNEL = (
    _if(
        _has_family(VSOCK),
        _kernel(
            "open-vsock",
            "talk to the machine's hypervisor by vsock, which no network namespace stops",
            f"socket.socket({VSOCK}, socket.SOCK_STREAM); print('WON')",
        ),
    ),
    _if(
        _has_family(ALG),
        _kernel(
            "open-the-crypto-socket", "reach the kernel's crypto code", f"socket.socket({ALG}, 5, 0); print('WON')"
        ),
    ),
    _kernel("listen-to-kernel-events", "listen to the kernel by netlink", "socket.socket(16, 2, 15); print('WON')"),
    _kernel(
        "open-a-raw-socket",
        "send packets of its own making",
        "socket.socket(socket.AF_INET, socket.SOCK_RAW, 1); print('WON')",
        off=UNFILTERED,
        by="the filter on system calls; no capabilities",
    ),
    _kernel(
        "open-a-packet-socket",
        "read all packets of the network",
        "socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0x300); print('WON')",
        off=UNFILTERED,
        by="the filter on system calls; no capabilities",
    ),
    _if(
        _setting("kernel/io_uring_disabled", "0") == "0",
        _kernel(
            "use-io-uring",
            "do its system calls through io_uring",
            "call(425, 2, ctypes.create_string_buffer(256)); print('WON')",
        ),
    ),
    _if(
        os.geteuid() == 0,
        _kernel(
            "change-the-kernel-s-settings",
            "have a program run as root on the host, by what the kernel does with a crash",
            "os.open('/proc/sys/kernel/core_pattern', os.O_WRONLY); print('WON')",
            off=Weakness(add=("--proc", "/proc")),
            by="`/proc/sys` read-only",
        ),
    ),
    _if(
        os.geteuid() == 0 and Path("/proc/kpagecount").exists(),
        _kernel(
            "read-the-kernel-s-pages",
            "read what the kernel knows of all memory",
            "os.read(os.open('/proc/kpagecount', os.O_RDONLY), 8); print('WON')",
            off=Weakness(add=("--proc", "/proc")),
            by="nothing in its place",
        ),
    ),
    _kernel("use-userfaultfd", "hold the kernel in a page fault", f"call({323 if X86 else 282}, 1); print('WON')"),
    _kernel(
        "use-the-kernel-s-keys",
        "keep something in the kernel's keyrings",
        f"call({248 if X86 else 217}, b'user', b'k', b'v', 1, -2); print('WON')",
    ),
    _kernel(
        "change-the-personality",
        "make all memory executable by personality",
        f"call({135 if X86 else 92}, 0x0400000); print('WON')",
    ),
    _kernel(
        "nest-a-user-namespace",
        "become root in a user namespace of its own, by unshare",
        "if libc.unshare(0x10000000): raise OSError(ctypes.get_errno(), 'unshare')\nprint('WON')",
        off=NESTING,
        by=NO_USERNS,
    ),
    _kernel(
        "nest-by-clone",
        "become root in a user namespace of its own, by clone",
        f"child = call({CLONE}, 0x10000000 | 17, 0, 0, 0, 0)\nif child == 0: os._exit(0)\nos.wait(); print('WON')",
        off=NESTING,
        by=NO_USERNS,
    ),
    _kernel(
        "nest-by-clone3",
        "become root in a user namespace of its own, by clone3, whose flags no filter sees",
        """
import struct
flags = ctypes.create_string_buffer(struct.pack('=8Q', 0x10000000, 0, 0, 0, 17, 0, 0, 0))
child = call(435, flags, 64)
if child == 0: os._exit(0)
os.wait(); print('WON')
""",
        off=NESTING,
        by=NO_USERNS,
    ),
    _kernel(
        "mount-something",
        "mount a file system over what is there",
        "if libc.mount(b'x', b'/tmp', b'tmpfs', 0, None): raise OSError(ctypes.get_errno(), 'mount')\nprint('WON')",
        off=UNFILTERED,
        by="no capabilities; the filter on system calls",
    ),
    _kernel(
        "mount-the-new-way",
        "mount by fsopen and its sisters",
        "call(430, b'tmpfs', 0); print('WON')",
        off=UNFILTERED,
        by="the filter on system calls; no capabilities",
    ),
    _kernel(
        "change-the-root",
        "leave the sandbox's root by chroot",
        "os.chroot('/tmp'); print('WON')",
        off=UNFILTERED,
        by="no capabilities; the filter on system calls",
    ),
    _kernel(
        "open-a-file-by-its-handle",
        "name files by handles, around all paths",
        f"""
handle, mount = ctypes.create_string_buffer(b'\\x80' + bytes(159)), ctypes.c_int()
call({303 if X86 else 264}, -100, b'/tree', handle, ctypes.byref(mount), 0)
print('WON')
""",
    ),
    _if(
        _setting("dev/tty/legacy_tiocsti", "1") == "1",
        _kernel("type-into-the-terminal", "push characters into a terminal as if somebody had typed them", TYPING),
    ),
    _if(
        X86,
        _kernel("call-as-i386", "make system calls of another architecture, around the filter", INT_80),
    ),
)
