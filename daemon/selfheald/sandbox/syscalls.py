"""The system calls that no agent needs, by their numbers on each processor. Data."""

X86_64 = "x86_64"
AARCH64 = "aarch64"

ARCHITECTURES = {X86_64: 0xC000003E, AARCH64: 0xC00000B7}
"""The kernel's word for each (``AUDIT_ARCH_…``), which a filter sees beside every call."""

REFUSED: dict[str, tuple[int | None, int | None]] = {
    # Other processes: their memory, files and course.
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "process_madvise": (440, 440),
    "kcmp": (312, 272),
    "pidfd_getfd": (438, 438),
    # Mounts and roots: each way to change what is seen.
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "move_mount": (429, 429),
    "open_tree": (428, 428),
    "open_tree_attr": (467, 467),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "mount_setattr": (442, 442),
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
    # Namespaces: those of the sandbox are the last ones.
    "unshare": (272, 97),
    "setns": (308, 268),
    # Wide doors into the kernel, with a history of holes.
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "fanotify_init": (300, 262),
    "modify_ldt": (154, None),
    "uselib": (134, None),
    "lookup_dcookie": (212, 18),
    # The kernel's keys are the user's, not the namespace's.
    "keyctl": (250, 219),
    "add_key": (248, 217),
    "request_key": (249, 218),
    # The machine itself.
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "create_module": (174, None),
    "query_module": (178, None),
    "get_kernel_syms": (177, None),
    "nfsservctl": (180, 42),
    "swapon": (167, 224),
    "swapoff": (168, 225),
    "reboot": (169, 142),
    "acct": (163, 89),
    "settimeofday": (164, 170),
    "clock_settime": (227, 112),
    "clock_adjtime": (305, 266),
    "adjtimex": (159, 171),
    "sethostname": (170, 161),
    "setdomainname": (171, 162),
    "iopl": (172, None),
    "ioperm": (173, None),
    "syslog": (103, 116),
    "quotactl": (179, 60),
    "quotactl_fd": (443, 443),
    "vhangup": (153, 58),
    "_sysctl": (156, None),
}
"""Numbers on x86_64 and on aarch64; ``None``: there is no such call."""

LOOKED_AT = {
    "clone": (56, 220),
    "clone3": (435, 435),
    "ioctl": (16, 29),
    "personality": (135, 92),
    "socket": (41, 198),
    "socketpair": (53, 199),
}
"""Calls that depend on what they are asked for."""


def number(architecture: str, pair: tuple[int | None, int | None]) -> int | None:
    """The number of a call on an architecture."""
    return pair[0] if architecture == X86_64 else pair[1]
