"""Processes of ours beside the one that keeps time: how they are started, and what they give up.

What lives here: the command, ordinary scheduling, another user. What does not: what they do.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import pwd
import resource
import shutil
import signal
import struct
import sys
from pathlib import Path
from typing import Final

from ptpstack.errors import ConfigError, HardwareError

ENVIRONMENT: Final = ("SSL_CERT_FILE", "SSL_CERT_DIR", "OPENSSL_CONF", "LD_LIBRARY_PATH")
"""What of our environment a child gets."""

_START: Final = """
import importlib, os, sys
os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
sys.path.insert(0, sys.argv[1])
sys.exit(importlib.import_module(sys.argv[2]).main())
"""
_CODE: Final = str(Path(__file__).resolve().parents[1])
"""A child runs the code that its parent runs, whatever else is installed, and nothing from the current folder."""

_CLONE_NEWNET = 0x4000_0000
_NAMED_NAMESPACES = Path("/run/netns")
_NO_CAPABILITIES_HEAD, _NO_CAPABILITIES = struct.pack("=Ii", 0x2008_0522, 0), bytes(24)
"""What capset(2) takes: version 3, this process; none effective, permitted or inheritable."""

_PR_SET_PDEATHSIG, _PR_SET_NO_NEW_PRIVS = 1, 38


def command(module: str) -> list[str]:
    """Return what runs ``main()`` of *module*: never for longer than it takes to say so at a real-time priority."""
    command = [sys.executable, "-I", "-c", _START, _CODE, module]
    chrt = None if os.sched_getscheduler(0) == os.SCHED_OTHER else shutil.which("chrt")
    return [chrt, "--other", "0", *command] if chrt else command


def environment() -> dict[str, str]:
    """Return the child's environment."""
    return {name: os.environ[name] for name in ENVIRONMENT if name in os.environ}


def die_with_parent() -> None:
    """Let the kernel end this process when its parent is gone; becoming another user undoes that."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def enter_namespace(namespace: str) -> None:
    """Be in the network namespace *namespace* for good, a name of `ip netns` or a path; empty: stay.

    For a process of one thread. Raises ``HardwareError``.
    """
    if not namespace:
        return
    path = Path(namespace) if "/" in namespace else _NAMED_NAMESPACES / namespace
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise HardwareError(
            "no such network namespace", where=str(path), why=str(error.strerror), next_step="`ip netns` lists them"
        ) from error
    libc = ctypes.CDLL(None, use_errno=True)
    refused = libc.setns(fd, _CLONE_NEWNET)
    why = os.strerror(ctypes.get_errno())
    os.close(fd)
    if refused:
        raise HardwareError("cannot enter", where=str(path), why=why, next_step="run as root or grant CAP_SYS_ADMIN")


def give_up_rights(user: str) -> None:
    """Become *user* if this is root, keep no capability, and never gain any right again. Raises ``ConfigError``.

    Root that may not become another (a service manager forbids it) stays root, without what makes that root.
    """
    "".encode("idna")  # imports what addresses and names want, which *user* may not be allowed to read
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    libc = ctypes.CDLL(None, use_errno=True)
    if os.geteuid() == 0 and user:
        try:
            _become(user)
        except PermissionError:
            if libc.capset(_NO_CAPABILITIES_HEAD, _NO_CAPABILITIES):
                why = os.strerror(ctypes.get_errno())
                raise ConfigError("cannot give up capabilities", why=why, next_step="run as another user") from None
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)


def _become(user: str) -> None:
    """Become *user*. Raises ``PermissionError`` without CAP_SETUID and CAP_SETGID."""
    try:
        entry = pwd.getpwnam(user)
        if not exists_here(entry.pw_uid):
            return  # in a user namespace that knows root alone, who has no rights outside
        os.setgroups([])
        os.setresgid(entry.pw_gid, entry.pw_gid, entry.pw_gid)
        os.setresuid(entry.pw_uid, entry.pw_uid, entry.pw_uid)
    except KeyError as error:
        raise ConfigError(f"root cannot become {user}", why=str(error), next_step="name a user that exists") from None


def exists_here(uid: int) -> bool:
    """Tell whether this user namespace has a user of that number."""
    lines = (line.split() for line in Path("/proc/self/uid_map").read_text(encoding="ascii").splitlines())
    return any(int(first) <= uid < int(first) + int(count) for first, _, count in lines)


def give_folder(path: Path, user: str) -> None:
    """Give the folder *path* to *user*, if this is root and *user* exists here; make it if there is none.

    Raises ``OSError``.
    """
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    if os.geteuid() == 0 and user:
        with contextlib.suppress(KeyError, OSError):
            entry = pwd.getpwnam(user)
            if exists_here(entry.pw_uid):
                os.chown(path, entry.pw_uid, entry.pw_gid)
