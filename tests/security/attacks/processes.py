"""After other processes, and after staying alive."""

from tests.sandbox.processes import marked
from tests.security.attack import NAIVE, PRIVILEGED, Attack, program_won, without
from tests.security.scene import Aftermath

PIDS = "the sandbox has its own process numbers, with nobody else in them"
FILTER = "the filter on system calls"
ENDED = "the run's processes end with it: its pid namespace is killed"


def _bystander_died(after: Aftermath) -> bool:
    return after.scene.bystander.poll() is not None or after.scene.bystander_dies()


def _still_there(after: Aftermath) -> bool:
    return bool(marked(after.scene.mark))


PROCESSES = (
    Attack(
        name="read-the-environment-of-another",
        tries="read the environment of a process of the host",
        held_by=PIDS,
        program="print(open(f\"/proc/{S['bystander']}/environ\", 'rb').read())",
        off=NAIVE,
    ),
    Attack(
        name="read-command-lines",
        tries="read the command lines of all processes of the host",
        held_by=PIDS,
        program="""
for pid in filter(str.isdigit, os.listdir('/proc')):
    try: print(open(f'/proc/{pid}/cmdline', 'rb').read()[:200])
    except OSError: pass
print('LOST', 'only its own')
""",
        off=without("--unshare-pid"),
    ),
    Attack(
        name="read-the-memory-of-another",
        tries="read the memory of a process of the host",
        held_by=PIDS,
        program="""
pid = S['bystander']
stack = next(line for line in open(f'/proc/{pid}/maps') if '[stack]' in line)
start, end = (int(part, 16) for part in stack.split()[0].split('-'))
memory = open(f'/proc/{pid}/mem', 'rb', 0)
memory.seek(start)
print(memory.read(end - start).replace(b'\\0', b' ').decode('ascii', 'replace'))
""",
        off=NAIVE,
    ),
    Attack(
        name="kill-a-bystander",
        tries="kill a process of the host",
        held_by=PIDS,
        program="os.kill(S['bystander'], signal.SIGKILL)",
        off=without("--unshare-pid"),
        won=_bystander_died,
    ),
    Attack(
        name="read-the-daemon-s-environment",
        tries="find a token in its own environment",
        held_by="its environment is an allow-list",
        program="print(dict(os.environ)); print('LOST', 'no token')",
        off=NAIVE,
    ),
    Attack(
        name="trace-a-process",
        tries="take control of a process by ptrace",
        held_by=FILTER,
        program="""
child = os.fork()
if not child:
    time.sleep(30)
    os._exit(0)
try:
    if libc.ptrace(16, child, 0, 0): raise OSError(ctypes.get_errno(), 'ptrace')
    print('WON')
finally:
    os.kill(child, 9)
""",
        off=without("--seccomp"),
        won=program_won,
    ),
    Attack(
        name="read-memory-by-system-call",
        tries="read another process's memory by process_vm_readv",
        held_by=FILTER,
        program="""
class Part(ctypes.Structure): _fields_ = [('at', ctypes.c_void_p), ('size', ctypes.c_size_t)]
secret, taken = ctypes.create_string_buffer(b'x' * 8), ctypes.create_string_buffer(8)
child = os.fork()
if not child:
    time.sleep(30)
    os._exit(0)
try:
    there, here = Part(ctypes.addressof(secret), 8), Part(ctypes.addressof(taken), 8)
    done = libc.process_vm_readv(child, ctypes.byref(here), 1, ctypes.byref(there), 1, 0)
    if done < 0: raise OSError(ctypes.get_errno(), 'process_vm_readv')
    if taken.raw == b'x' * 8: print('WON')
finally:
    os.kill(child, 9)
""",
        off=without("--seccomp"),
        won=program_won,
    ),
    Attack(
        name="take-a-file-descriptor",
        tries="take an open file from another process by pidfd_getfd",
        held_by=FILTER,
        program="""
child = os.fork()
if not child:
    time.sleep(30)
    os._exit(0)
try:
    call(438, os.pidfd_open(child), 0, 0)
    print('WON')
finally:
    os.kill(child, 9)
""",
        off=without("--seccomp"),
        won=program_won,
    ),
    Attack(
        name="read-shared-memory-of-the-host",
        tries="read System V shared memory of the host by its key",
        held_by="its own IPC namespace",
        program="""
libc.shmat.restype = ctypes.c_void_p
segment = libc.shmget(S['shared_memory'], 0, 0)
if segment < 0: raise OSError(ctypes.get_errno(), 'shmget')
print(ctypes.string_at(libc.shmat(segment, None, 0o10000)).decode())
""",
        off=without("--unshare-ipc"),
    ),
    Attack(
        name="stay-as-an-orphan",
        tries="leave a process that lives on in a session of its own",
        held_by=ENDED,
        program="""
subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(300)', S['mark']], start_new_session=True,
                 stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
print('LOST', 'it ends with me')
""",
        off=NAIVE,
        won=_still_there,
    ),
    Attack(
        name="stay-as-a-daemon",
        tries="fork twice, clear the environment, ignore signals and live on",
        held_by=ENDED,
        program="""
if not os.fork():
    os.setsid()
    if not os.fork():
        for number in (1, 2, 3, 15): signal.signal(number, signal.SIG_IGN)
        null = os.open('/dev/null', os.O_RDWR)
        for fd in (0, 1, 2): os.dup2(null, fd)
        os.execve(sys.executable, ['python', '-c', 'import time; time.sleep(300)', S['mark']], {})
    os._exit(0)
os.wait()
print('LOST', 'it ends with me')
""",
        off=NAIVE,
        won=_still_there,
    ),
    Attack(
        name="change-the-tree-afterwards",
        tries="change the work tree after the guards have looked at it",
        held_by=ENDED,
        program="""
script = "import time; time.sleep(1); open('late', 'w').close(); time.sleep(300)"
subprocess.Popen([sys.executable, '-c', script, S['mark']], start_new_session=True,
                 stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
print('LOST', 'it ends with me')
""",
        off=NAIVE,
        won=lambda after: after.scene.changed_late(),
    ),
    Attack(
        name="gain-rights-by-setuid",
        tries="gain rights by a setuid program",
        held_by="no new privileges",
        program="""
if any('NoNewPrivs:\\t1' in line for line in open('/proc/self/status')): raise PermissionError('no new privileges')
print('WON')
""",
        off=NAIVE,
        won=program_won,
    ),
    Attack(
        name="use-capabilities",
        tries="use a capability of the daemon's user: bind to a low port",
        held_by="no capabilities, and none can be gained",
        program="""
effective = next(line for line in open('/proc/self/status') if line.startswith('CapEff'))
if not int(effective.split()[1], 16): raise PermissionError('no capabilities')
socket.create_server(('127.0.0.1', 81))
print('WON')
""",
        off=PRIVILEGED,
        won=program_won,
    ),
)
