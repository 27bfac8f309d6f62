"""A bubblewrap that leaves out some of its options: ``weakened.py BWRAP WEAKNESS.json ARGUMENT…``.

It reads the options that the daemon hands over (``--args FD``), takes some out, and becomes the real bubblewrap. So a
test without one protection has all the others.
"""

import json
import os
import sys
from pathlib import Path

real, wanted, arguments = sys.argv[1], json.loads(Path(sys.argv[2]).read_text()), sys.argv[3:]
dropped, added = wanted["drop"], wanted["add"]
if "--args" in arguments:
    at = arguments.index("--args") + 1
    with open(int(arguments[at]), "rb", closefd=False) as handed:
        given = handed.read().decode().split("\0")[:-1]
    kept, index = [], 0
    while index < len(given):
        if given[index] in dropped:
            index += dropped[given[index]] + 1
            continue
        kept.append(given[index])
        index += 1
    fd = os.memfd_create("weakened", 0)
    os.write(fd, "".join(f"{part}\0" for part in [*kept, *added]).encode())
    os.lseek(fd, 0, os.SEEK_SET)
    arguments[at] = str(fd)
os.execv(real, [real, *arguments])  # noqa: S606 - that is the point
