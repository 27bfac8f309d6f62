"""What people see of an agent at work."""

from selfheald.engine.progress import BURST, PER_SECOND, thinned


def test_a_flood_is_thinned_out_and_a_quiet_agent_is_heard_whole() -> None:
    told: list[str] = []
    now = 0.0
    tell = thinned(told.append, lambda: now)

    for number in range(10_000):
        tell(f"flood {number}")
    assert told == [f"flood {number}" for number in range(BURST)]

    now = 1 / PER_SECOND
    tell("later")
    tell("too soon")
    assert told[BURST:] == ["later"]

    now = 3600.0
    for number in range(BURST):
        tell(f"quiet {number}")
    assert len(told) == 2 * BURST + 1
