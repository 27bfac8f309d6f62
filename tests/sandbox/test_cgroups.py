"""Control groups: where they may be made, and what is written into them. The tree is a folder of ours."""

import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from selfheald.domain.limits import Limit, SandboxLimits
from selfheald.sandbox.cgroups import Ground, Group, find_ground, left_behind, prepare
from selfheald.sandbox.limiter import Limiter, remove_groups

SERVICE = "system.slice/selfheald.service"
V1 = "9:memory:/user\n8:pids:/\n1:cpu,cpuacct:/user\n"


def files(folder: Path, content: Mapping[str, str]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in content.items():
        (folder / name).write_text(text)
    return folder


def second(root: Path, path: str = SERVICE, *, offered: str = "cpu io memory pids") -> Path:
    """A tree of version 2 with our group in it."""
    own = {"cgroup.controllers": offered, "cgroup.procs": f"{os.getpid()}\n", "cgroup.subtree_control": ""}
    files(root, {**own, "cgroup.procs": "1\n"})
    return files(root / path, {**own, "cgroup.type": "domain\n"} if path != "." else own)


def delegated(folder: Path) -> Path:
    os.setxattr(folder, "user.delegate", b"1")
    return folder


def first(root: Path) -> None:
    """A tree of version 1."""
    for name, path in {"memory": "user", "pids": ".", "cpu": "user", "cpuacct": "user"}.items():
        files(root / name / path, {"cgroup.procs": ""})


def test_a_delegated_service_is_the_ground(tmp_path: Path) -> None:
    service = delegated(second(tmp_path))

    ground = find_ground(tmp_path, f"0::/{SERVICE}\n")

    assert ground == Ground(version=2, folders={"memory": service, "pids": service, "cpu": service})
    assert ground.holds == {Limit.MEMORY, Limit.PROCESSES, Limit.CPU_TIME}


def test_a_daemon_that_has_moved_into_a_leaf_finds_the_same_ground(tmp_path: Path) -> None:
    service = delegated(second(tmp_path))
    delegated(second(tmp_path, f"{SERVICE}/daemon", offered=""))  # it belongs to our user, too

    ground = find_ground(tmp_path, f"0::/{SERVICE}/daemon\n")

    assert ground is not None
    assert ground.folders["memory"] == service


def test_the_root_of_a_container_is_its_own(tmp_path: Path) -> None:
    second(tmp_path, ".")

    assert find_ground(tmp_path, "0::/\n") is not None


@pytest.mark.parametrize("offered", ["", "hugetlb", "cpu io"])
def test_without_memory_and_pids_there_is_no_ground(tmp_path: Path, offered: str) -> None:
    delegated(second(tmp_path, offered=offered))

    assert find_ground(tmp_path, f"0::/{SERVICE}\n") is None


def test_what_nobody_has_delegated_is_left_alone(tmp_path: Path) -> None:
    service = second(tmp_path)
    (service / "cgroup.procs").chmod(0o444)

    assert find_ground(tmp_path, f"0::/{SERVICE}\n") is None
    assert find_ground(tmp_path / "nowhere", f"0::/{SERVICE}\n") is None


def test_version_1_is_taken_where_our_groups_can_be_written(tmp_path: Path) -> None:
    first(tmp_path)

    ground = find_ground(tmp_path, V1)

    assert ground is not None
    assert ground.version == 1
    assert ground.folders["memory"] == tmp_path / "memory/user"
    assert ground.folders["pids"] == tmp_path / "pids"


def test_the_daemon_moves_out_of_the_way_once(tmp_path: Path) -> None:
    service = delegated(second(tmp_path))
    ground = find_ground(tmp_path, f"0::/{SERVICE}\n")
    assert ground is not None

    prepare(ground)

    assert (service / "daemon/cgroup.procs").read_text() == str(os.getpid())
    assert (service / "cgroup.subtree_control").read_text() == "+memory +pids +cpu"

    (service / "cgroup.subtree_control").write_text("cpu memory pids\n")  # as the kernel puts it
    (service / "daemon/cgroup.procs").unlink()
    prepare(ground)
    assert not (service / "daemon/cgroup.procs").exists()


def test_the_machine_s_own_root_keeps_its_processes(tmp_path: Path) -> None:
    root = second(tmp_path, ".")
    ground = find_ground(tmp_path, "0::/\n")
    assert ground is not None

    prepare(ground)

    assert not (root / "daemon").exists()
    assert (root / "cgroup.subtree_control").read_text() == "+memory +pids +cpu"


LIMITS = SandboxLimits(memory=1 << 30, processes=99, cpus=1.5)


def test_limits_are_written_as_version_2_wants_them(tmp_path: Path) -> None:
    group = Group(Ground(version=2, folders=dict.fromkeys(("memory", "pids", "cpu"), tmp_path)), "selfheald-x-1")

    group.make(LIMITS)
    group.enter(4711)

    written = {path.name: path.read_text() for path in (tmp_path / "selfheald-x-1").iterdir()}
    assert written == {
        "memory.max": "1073741824",
        "memory.oom.group": "1",
        "memory.swap.max": "0",
        "pids.max": "99",
        "cpu.max": "150000 100000",
        "cgroup.procs": "4711",
    }


def test_limits_are_written_as_version_1_wants_them(tmp_path: Path) -> None:
    first(tmp_path)
    ground = find_ground(tmp_path, V1)
    assert ground is not None

    Group(ground, "g").make(LIMITS)

    written = {str(path.relative_to(tmp_path)): path.read_text() for path in tmp_path.glob("**/g/*")}
    assert written == {
        "memory/user/g/memory.limit_in_bytes": "1073741824",
        "memory/user/g/memory.memsw.limit_in_bytes": "1073741824",
        "pids/g/pids.max": "99",
        "cpu/user/g/cpu.cfs_quota_us": "150000",
    }


@pytest.mark.parametrize(
    ("events", "limit"),
    [
        ({"memory.events": "low 0\noom 1\noom_kill 3\n"}, Limit.MEMORY),
        ({"memory.events": "oom_kill 0\n", "pids.events": "max 2\n"}, Limit.PROCESSES),
        ({"memory.events": "oom_kill 0\n", "pids.events": "max 0\n"}, None),
        ({}, None),
    ],
)
def test_the_kernel_tells_which_limit_it_held(tmp_path: Path, events: Mapping[str, str], limit: Limit | None) -> None:
    files(tmp_path / "g", {**events, "cpu.stat": "usage_usec 2500000\nuser_usec 1\n"})
    group = Group(Ground(version=2, folders=dict.fromkeys(("memory", "pids", "cpu"), tmp_path)), "g")

    assert (group.reached(), group.cpu_seconds()) == (limit, 2.5)


async def test_groups_of_a_killed_daemon_are_removed_and_no_others(tmp_path: Path) -> None:
    ground = Ground(version=2, folders={"memory": tmp_path})
    for name in ("selfheald-ours-1", "selfheald-ours-2", "selfheald-theirs-1"):
        (tmp_path / name).mkdir()

    assert await remove_groups("ours", lambda: ground) == 2

    assert os.listdir(tmp_path) == ["selfheald-theirs-1"]  # noqa: PTH208 - pathlib may block, says ruff
    assert list(left_behind(ground, "ours")) == []


def test_check_tells_what_holds_and_how_to_get_more(tmp_path: Path) -> None:
    ground = Ground(version=2, folders={"memory": tmp_path, "pids": tmp_path})

    hard = Limiter(find=lambda: ground).told()
    soft = Limiter(SandboxLimits(cpus=2), find=lambda: None).told()

    assert hard.startswith("memory 4g by cgroup v2; processes 2048 by cgroup v2; cpu_time 4h and disk 10g by looks; ")
    assert "Delegate" not in hard
    assert soft.startswith("memory 4g by a look every 0.25 s; processes 2048 by a look every 0.25 s; cpus 2 NOT held; ")
    assert "Delegate=yes" in soft


def test_a_ground_that_does_not_hold_is_done_without(tmp_path: Path) -> None:
    limiter = Limiter(find=lambda: Ground(version=2, folders={"memory": tmp_path / "gone"}))

    with limiter.hold((tmp_path,)) as hold:
        assert hold.entrances == []
