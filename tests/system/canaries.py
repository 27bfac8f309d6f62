"""Canaries: secrets made by chance, and the search for them in everything that selfheald writes and says."""

import json
import secrets
import string
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from urllib.parse import quote

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from tests.system.house import SLUG, House

from selfheald.cli.demo_daemon import Daemon
from selfheald.redaction.looks import is_random
from selfheald.simulator.bare import run_git

ALNUM = string.ascii_letters + string.digits


def word(length: int = 32) -> str:
    """A canary of letters and digits, and none of the few in ten thousand that look like words."""
    while True:
        made = "".join(secrets.choice(ALNUM) for _ in range(length))
        if is_random(made):
            return made


def key_pair() -> tuple[str, str]:
    """A private key, and the public one."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return private.decode(), public.decode()


def found_in(places: Mapping[str, bytes], canaries: Mapping[str, str]) -> list[str]:
    """Which canaries stand where, in whatever form: plain, quoted for addresses, in base64, in hexadecimal."""
    return sorted(
        f"{name} ({form}) in {place}"
        for name, canary in canaries.items()
        for form, needle in _forms(canary)
        for place, content in places.items()
        if needle in content
    )


def _forms(canary: str) -> Iterator[tuple[str, bytes]]:
    # Of a key any line will do; what is left of a shorter one tells enough when half of it does.
    for line in [line for line in canary.splitlines() if line and not line.startswith("-----")]:
        raw = line.encode()
        half = raw[: max(12, len(raw) // 2)]
        yield "plain", half
        yield "plain, its end", raw[-max(12, len(raw) // 2) :]
        yield "quoted", quote(half.decode(), safe="").encode()
        yield "hexadecimal", half.hex().encode()
        for before in range(3):
            for encode in (b64encode, urlsafe_b64encode):
                yield "base64", encode(b"\0" * before + half)[-(-8 * before // 6) : 8 * (before + len(half)) // 6]


async def everything(house: House, running: Daemon, *, more: Iterable[str] = ()) -> dict[str, bytes]:
    """All that selfheald has written and said: what a canary is looked for in. Call it while the daemon runs."""
    places = {f"state/{path.relative_to(house.state)}": path.read_bytes() for path in _files(house.state)}
    places |= {f"our git object {name}": content for name, content in (await _our_objects(house)).items()}
    places["log lines"] = "\n".join(map(json.dumps, running.lines)).encode()
    places["other lines"] = "\n".join(running.other).encode()
    places["metrics"] = (await running.metrics()).encode()
    for pull_request in house.pull_requests:
        places["pull request title"] = pull_request.title.encode()
        places["pull request body"] = (pull_request.body or "").encode()
        places["pull request comments"] = "\n".join(pull_request.comments).encode()
    for command in ("case 1 --json", "case 1", "case 1 --prompt", "case 1 --transcript", "case 1 --diff", *more):
        done = await house.selfheald(*command.split())
        places[f"selfheald {command}"] = (done.out + done.err).encode()
    for branch, commit in (await house.branches()).items():
        git, base = house.town.github.path(SLUG), branch.removeprefix("selfheal-")
        places["pushed messages"] = (await run_git(git, "log", "--format=%B%an%ae%cn%ce", f"{base}..{commit}")).encode()
        places["pushed changes"] = (await run_git(git, "diff", "--text", base, commit)).encode()
    return places


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]


async def _our_objects(house: House) -> dict[str, bytes]:
    """The objects of our mirror that are not the repository's own.

    The mirror holds what the repository's server gave us, history and all: whoever may read the repository has it, no
    agent sees it, and a commit could not be made without it. Only the objects that came from that server's branches,
    ours left out, are passed over here.
    """
    mirror, origin = house.state / "git" / "mirrors" / f"{SLUG}.git", house.town.github.path(SLUG)
    theirs = set((await run_git(origin, "rev-list", "--objects", "--exclude=refs/heads/selfheal-*", "--all")).split())
    listed = await run_git(mirror, "cat-file", "--batch-all-objects", "--batch-check=%(objectname) %(objecttype)")
    ours = [line.split() for line in listed.splitlines() if line.split()[0] not in theirs]
    return {f"{name} ({kind})": (await run_git(mirror, "cat-file", kind, name)).encode() for name, kind in ours}
