"""Attacks by a program in the sandbox: none succeeds, and each does when its protection is switched off."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.security.attack import Attack, titles
from tests.security.attacks.files import FILES
from tests.security.attacks.kernel import KERNEL
from tests.security.attacks.network import NETWORK
from tests.security.attacks.processes import PROCESSES
from tests.security.attacks.resources import RESOURCES
from tests.security.scene import Scene
from tests.security.scene import scene as set_up

ATTACKS = [attack for attack in (*FILES, *PROCESSES, *KERNEL, *NETWORK, *RESOURCES) if attack.possible]

pytestmark = pytest.mark.slow


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    async with set_up(tmp_path) as built:
        yield built


@pytest.mark.parametrize("attack", ATTACKS, ids=titles(ATTACKS))
async def test_it_fails_and_is_seen(scene: Scene, attack: Attack) -> None:
    after = await scene.strike(attack.program, attack.limits)

    assert not attack.won(after), after.said
    assert attack.seen(after), after
    assert await scene.healthy()


@pytest.mark.parametrize("attack", ATTACKS, ids=titles(ATTACKS))
async def test_it_succeeds_without_its_protection(scene: Scene, attack: Attack) -> None:
    after = await scene.strike(attack.program, attack.limits, attack.off)

    assert attack.won(after), after.said
