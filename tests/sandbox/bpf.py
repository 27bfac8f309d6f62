"""What the kernel does with a filter: an interpreter of the few instructions that ours has."""

import struct

WORDS = {"number": 0, "architecture": 1}


def verdict(program: bytes, number: int, architecture: int, arguments: tuple[int, ...] = ()) -> int:
    """What a filter says of a call."""
    data = struct.pack("=IIQ6Q", number, architecture, 0, *arguments, *[0] * (6 - len(arguments)))
    steps = list(struct.iter_unpack("=HBBI", program))
    at = loaded = 0
    while True:
        code, yes, no, value = steps[at]
        at += 1
        match code:
            case 0x20:
                (loaded,) = struct.unpack_from("=I", data, value)
            case 0x54:
                loaded &= value
            case 0x06:
                return int(value)
            case 0x15 | 0x35 | 0x45:
                holds = {0x15: loaded == value, 0x35: loaded >= value, 0x45: bool(loaded & value)}[code]
                at += yes if holds else no
            case _:
                raise AssertionError(f"no such instruction: {code:#x}")
