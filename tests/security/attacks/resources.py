"""After the machine itself: each without its limit stops by itself, before it does harm."""

from dataclasses import replace
from datetime import timedelta

from selfheald.domain.limits import MIB, Limit, SandboxLimits
from tests.security.attack import WIDE, Attack, Weakness, limit_named, program_won

NARROW = replace(WIDE, memory=192 * MIB, processes=100, disk=48 * MIB, output=MIB)
OFF = Weakness(limits=WIDE)


def _exhausts(
    name: str, tries: str, program: str, limit: Limit, *, limits: SandboxLimits = NARROW, off: Weakness = OFF
) -> Attack:
    return Attack(
        name=name,
        tries=tries,
        held_by=f"`sandbox_limits.{limit}`",
        program=program,
        off=off,
        limits=limits,
        won=program_won,
        seen=limit_named(limit),
        seen_as="outcome `limit_reached`",
    )


def _bounded(name: str, tries: str, by: str, program: str, limits: SandboxLimits) -> Attack:
    return Attack(name=name, tries=tries, held_by=by, program=program, off=OFF, limits=limits, won=program_won)


RESOURCES = (
    _exhausts(
        "bomb-with-forks",
        "fork until the machine has no room for processes",
        """
started, end = 0, time.monotonic() + 10
while started < 200 and time.monotonic() < end:
    try: child = os.fork()
    except BlockingIOError: continue
    if not child:
        time.sleep(20)
        os._exit(0)
    started += 1
if started == 200: print('WON', flush=True)
""",
        Limit.PROCESSES,
    ),
    _exhausts(
        "bomb-with-threads",
        "start threads until the machine has no room for them",
        """
import threading
started, end = 0, time.monotonic() + 10
while started < 200 and time.monotonic() < end:
    try: threading.Thread(target=time.sleep, args=[20], daemon=True).start()
    except RuntimeError: continue
    started += 1
if started == 200: print('WON', flush=True)
os._exit(0)
""",
        Limit.PROCESSES,
    ),
    _exhausts(
        "eat-memory",
        "take memory until the machine has none",
        "kept = [b'x' * (1 << 20) for _ in range(320)]\ntime.sleep(1)\nprint('WON', flush=True)",
        Limit.MEMORY,
    ),
    _exhausts(
        "eat-memory-by-many",
        "take memory in many processes, each of which is modest",
        """
done, told = os.pipe()
for _ in range(16):
    if not os.fork():
        kept = b'x' * (20 << 20)
        os.write(told, b'.')
        time.sleep(30)
        os._exit(0)
for _ in range(16): os.read(done, 1)
time.sleep(1)
print('WON', flush=True)
""",
        Limit.MEMORY,
    ),
    _exhausts(
        "fill-tmp",
        "fill /tmp, which lives in memory",
        """
for number in range(10):
    with open(f'/tmp/{number}', 'wb') as file: file.write(bytes(32 << 20))
time.sleep(1)
print('WON', flush=True)
""",
        Limit.MEMORY,
    ),
    _exhausts(
        "fill-the-disk",
        "fill the disk by the work tree",
        """
for number in range(5):
    with open(f'fill.{number}', 'wb') as file: file.write(bytes(16 << 20))
time.sleep(4)
print('WON', flush=True)
""",
        Limit.DISK,
    ),
    _exhausts(
        "fill-the-disk-unseen",
        "fill the disk by files that have no name any more",
        """
kept = []
for number in range(5):
    kept.append(open('fill', 'wb', 0))
    os.unlink('fill')
    kept[-1].write(bytes(16 << 20))
time.sleep(6)
print('WON', flush=True)
""",
        Limit.DISK,
    ),
    _exhausts(
        "flood-the-output",
        "write more output than anybody can keep",
        "for _ in range(64): print('x' * (1 << 16))\nprint('WON', flush=True)",
        Limit.OUTPUT,
    ),
    _exhausts(
        "burn-the-processor",
        "compute for ever",
        "end = time.process_time() + 3\nwhile time.process_time() < end: pass\nprint('WON', flush=True)",
        Limit.CPU_TIME,
        limits=replace(NARROW, cpu_time=timedelta(seconds=1)),
    ),
    _bounded(
        "open-too-many-files",
        "open files until the machine has no room for them",
        "`sandbox_limits.open_files`",
        "kept = [os.open('/dev/null', os.O_RDONLY) for _ in range(300)]\nprint('WON')",
        replace(WIDE, open_files=256),
    ),
    _bounded(
        "write-one-huge-file",
        "write one file that is larger than the disk may get",
        "the limit on a file's size",
        """
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
with open('huge', 'wb', 0) as file:
    os.truncate('huge', 64 << 20)
print('WON')
""",
        replace(WIDE, disk=48 * MIB),
    ),
    _bounded(
        "overflow-tmp",
        "write more to /tmp than it has room for",
        "`sandbox_limits.tmp`",
        "with open('/tmp/fill', 'wb') as file: file.write(bytes(24 << 20))\nprint('WON')",
        replace(WIDE, tmp=16 * MIB),
    ),
)
