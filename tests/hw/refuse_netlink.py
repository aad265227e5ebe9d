"""Run as ``python -m tests.hw.refuse_netlink CODE``: CODE in a process to which the kernel gives no netlink socket.

The same refusal that systemd's RestrictAddressFamilies= makes, by the same means: a seccomp filter.
"""

import ctypes
import os
import platform
import socket
import struct
import sys

SOCKET_NUMBER = {"x86_64": 41, "aarch64": 198}
PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 38, 22, 2
LOAD, JUMP_IF_EQUAL, RETURN = 0x20, 0x15, 0x06
ALLOW, REFUSE = 0x7FFF0000, 0x00050000 | 97  # EAFNOSUPPORT
FILTER = (  # code, jump if true, jump if false, constant
    (LOAD, 0, 0, 0),  # the number of the system call
    (JUMP_IF_EQUAL, 0, 3, SOCKET_NUMBER.get(platform.machine(), -1) & 0xFFFFFFFF),
    (LOAD, 0, 0, 16),  # its first argument
    (JUMP_IF_EQUAL, 0, 1, socket.AF_NETLINK),
    (RETURN, 0, 0, REFUSE),
    (RETURN, 0, 0, ALLOW),
)


def refuse_netlink() -> None:
    code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *instruction) for instruction in FILTER))
    program = ctypes.create_string_buffer(struct.pack("@HP", len(FILTER), ctypes.addressof(code)))
    libc = ctypes.CDLL(None, use_errno=True)
    for arguments in ((PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), (PR_SET_SECCOMP, SECCOMP_MODE_FILTER, program, 0, 0)):
        if libc.prctl(*arguments):
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def without_netlink(code: str) -> list[str]:
    """The command that runs ``code`` where netlink is refused; it leaves its caller as it is."""
    return [sys.executable, "-W", "error", "-m", "tests.hw.refuse_netlink", code]


if __name__ == "__main__":
    refuse_netlink()
    exec(sys.argv[1])
