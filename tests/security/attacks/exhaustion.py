"""After the daemon as a whole, by an agent that runs away."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class DaemonAttack:
    """One agent, a line of shell, that exhausts something."""

    name: str
    tries: str
    script: str
    limit: str
    value: object
    """What ``sandbox_limits`` says with the protection on."""


EXHAUSTION = (
    DaemonAttack(
        name="starve-the-daemon-of-processes",
        tries="leave the daemon no processes to work with",
        script="n=0; while [ $n -lt 200 ]; do sleep 20 & n=$((n+1)); done; echo WON; exit 1",
        limit="processes",
        value=100,
    ),
    DaemonAttack(
        name="drown-the-daemon-in-output",
        tries="drown log and transcript in short lines",
        script="yes 0123456789012345678901234567890123456789 | head -c 1000000; echo; echo WON; exit 1",
        limit="output",
        value="2m",
    ),
    DaemonAttack(
        name="leave-the-daemon-no-disk",
        tries="leave the daemon no disk for its store",
        script="for i in 1 2 3 4; do head -c 16m /dev/zero > fill.$i; done; sleep 25; echo WON; exit 1",
        limit="disk",
        value="32m",
    ),
)
