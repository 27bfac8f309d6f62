"""What a program sees inside the bubblewrap sandbox: the system read-only, its tree, its home, nothing else."""

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

TREE = "/tree"
HOME = "/home/agent"
UID = "1000"
"""The user inside; outside it is the daemon's user."""

SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

SHM_BYTES = 256 << 20
"""Shared memory: enough for test runs, and it does not starve the machine."""

KERNEL_SETTINGS = ("/proc/sys", "/proc/fs", "/proc/irq", "/proc/bus", "/proc/acpi", "/proc/sysrq-trigger")
"""To be read only. To the kernel a program of a daemon that runs as root is root here, whatever rights it lacks: by
``/proc/sys/kernel/core_pattern`` it could have a program of its own run on the host. bubblewrap itself covers some."""

KERNEL_SECRETS = (
    *("/proc/kcore", "/proc/keys", "/proc/kmsg", "/proc/kpagecgroup", "/proc/kpagecount", "/proc/kpageflags"),
    *("/proc/latency_stats", "/proc/pagetypeinfo", "/proc/sched_debug", "/proc/slabinfo", "/proc/timer_list"),
    *("/proc/timer_stats", "/proc/vmallocinfo"),
)
"""Not to be read, which the kernel itself holds for all but root."""

USR_ALIASES = ("/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
"""Links into /usr on a merged system, folders of their own elsewhere."""

ETC = (
    "/etc/alternatives",
    "/etc/ca-certificates",
    "/etc/crypto-policies",
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/localtime",
    "/etc/mime.types",
    "/etc/nsswitch.conf",
    "/etc/pki/ca-trust",
    "/etc/pki/tls/certs",
    "/etc/protocols",
    "/etc/services",
    # Not all of /etc/ssl: a daemon that runs as root would show the private keys in it.
    "/etc/ssl/cert.pem",
    "/etc/ssl/certs",
    "/etc/ssl/openssl.cnf",
)
"""What programs need for certificates, time and names of services; shown where it exists."""

ETC_PATTERNS = (
    # Debian keeps what Java and Maven cannot start without here. Not all of it: some of their files may hold passwords.
    "etc/java*/*.cfg",
    "etc/java*/*.properties",
    "etc/java*/security",
    "etc/maven/logging",
    "etc/maven/m2.conf",
)
"""The same, where names hold versions."""

PASSWD = b"agent:x:1000:1000:agent:/home/agent:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/bin/false\n"
GROUP = b"agent:x:1000:\nnogroup:x:65534:\n"
HOSTS = b"127.0.0.1 localhost sandbox\n::1 localhost\n"
"""The only names that resolve inside: there is no resolver."""
MADE: Mapping[str, bytes] = {"/etc/passwd": PASSWD, "/etc/group": GROUP, "/etc/hosts": HOSTS}
"""Files that know the inside only."""

ISOLATION = (
    *("--unshare-user", "--uid", UID, "--gid", UID, "--disable-userns"),
    # A network with nothing but a loopback interface of its own: see doors.py for the ways out.
    "--unshare-net",
    *("--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try", "--hostname", "sandbox"),
    *("--die-with-parent", "--new-session", "--cap-drop", "ALL"),
)


def system(root: Path = Path("/")) -> Iterator[str]:
    """Give bubblewrap's arguments for the read-only system; ``root`` is where the host's system is looked for."""
    yield from ("--ro-bind", "/usr", "/usr")
    for alias in USR_ALIASES:
        path = root / alias[1:]
        if path.is_symlink():
            yield from ("--symlink", str(path.readlink()), alias)
        elif path.is_dir():
            yield from ("--ro-bind", alias, alias)
    found = (f"/{path.relative_to(root)}" for pattern in ETC_PATTERNS for path in sorted(root.glob(pattern)))
    for name in (*ETC, *found):
        # A link (localtime often is one) may lead to where nothing is shown: its target is put in its place.
        yield from ("--ro-bind-try", os.path.realpath(name), name)


def scratch(tmp: int) -> Iterator[str]:
    """Give bubblewrap's arguments for what is made anew for each run; ``tmp`` bytes of it are the private /tmp."""
    yield from ("--proc", "/proc", *_kernel_interfaces())
    yield from ("--dev", "/dev", "--size", str(SHM_BYTES), "--tmpfs", "/dev/shm")  # noqa: S108 - inside
    yield from ("--remount-ro", "/dev")
    yield from ("--size", str(tmp), "--tmpfs", "/tmp")  # noqa: S108 - a private one, inside
    yield from ("--dir", "/run", "--dir", "/var", "--symlink", "../tmp", "/var/tmp")  # noqa: S108 - inside


def _kernel_interfaces() -> Iterator[str]:
    for name in KERNEL_SETTINGS:
        yield from ("--ro-bind-try", name, name)
    for name in filter(os.path.exists, KERNEL_SECRETS):
        yield from ("--ro-bind", "/dev/null", name)


def shared(tree: Path, home: Path, mounts: Sequence[Path]) -> Iterator[str]:
    """Give bubblewrap's arguments for the folders of the host; the mounts are checked already."""
    for mount in mounts:
        yield from ("--ro-bind", str(mount.resolve()), str(mount))
    yield from ("--bind", str(home), HOME, "--bind", str(tree), TREE, "--chdir", TREE)


def made(files: Mapping[str, int]) -> Iterator[str]:
    """Give bubblewrap's arguments for files of our own making, from file descriptors."""
    for path, fd in files.items():
        yield from ("--ro-bind-data", str(fd), path)


def environment(env: Mapping[str, str]) -> Iterator[str]:
    """Give bubblewrap's arguments for the whole environment."""
    yield "--clearenv"
    for name, value in {"PATH": SYSTEM_PATH, "LANG": "C.UTF-8", **env, "HOME": HOME}.items():
        yield from ("--setenv", name, value)
