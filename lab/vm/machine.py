"""Boots the guest under QEMU, runs one script in it, and brings back what it said.

What lives here: the command line of QEMU and the life of one guest. What does not: what runs inside (``init``,
``guest.sh``), and the parts that are built first (``kernel``, ``initramfs``, ``module``).
"""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp

from lab.vm.initramfs import build_initramfs
from lab.vm.kernel import find_kernel, unpacked
from lab.vm.module import build_vptp
from lab.vm.newer import newer_debian
from lab.vm.packages import install_missing
from ptpstack.errors import PtpstackError

CHECKOUT = Path(__file__).parents[2]
GUEST_SCRIPT = Path(__file__).with_name("guest.sh")
MEMORY_MB = 1024
CPU = "Nehalem,+rdrand"
"""As little as numpy asks for (x86-64-v2): wider vectors are slow to emulate. And something to seed chance from."""


class GuestError(PtpstackError):
    """The guest did not come to its end: it crashed, hung, or took too long."""


@dataclass(frozen=True)
class VmResult:
    """What a script left behind: its exit code, its output, and the files it put into ``$RESULTS``."""

    exit_code: int
    output: str
    files: Mapping[str, Path]


@dataclass(frozen=True)
class Guest:
    """What the virtual machine is made of.

    ``vptp``: parameters of the module (``"ports=4 phc=0,1,1,2"``), or None for a guest without it.
    ``nics``: real network cards that QEMU emulates (``igb``, ``e1000e``), all plugged into one hub.
    ``icount``: virtual time (an instruction is a nanosecond, idle time is skipped); without it, the host's time.
    ``kernel``: a release such as ``6.1.0-56-amd64``; None is Debian's stock one.
    ``newer``: the kernel and the QEMU of a newer Debian instead, fetched at the first use.
    ``sleeps``: it can be suspended to memory (S3), if not ``icount``. What it has over 9p is gone when it wakes.
    """

    vptp: str | None = ""
    nics: Sequence[str] = ()
    icount: bool = True
    kernel: str | None = None
    newer: bool = False
    sleeps: bool = False
    environment: Mapping[str, str] | None = None


def run_in_vm(
    script: str, *, timeout: float, guest: Guest | None = None, results: Path | None = None, stream: bool = False
) -> VmResult:
    """Run a shell script as root in a new guest, in the checkout; its own first line may name another interpreter.

    ``timeout`` is in seconds of this host. Files that the script writes into ``$RESULTS`` come back in the folder
    ``results`` (a new one under /tmp when None). ``stream`` shows the output as it comes.
    Raises GuestError when the guest does not come to its end; what ``$FINISHED`` has by then comes back.
    """
    results = results or Path(mkdtemp(prefix="ptpstack-vm-"))
    with _job(guest or Guest(), script) as (job, command):
        try:
            output = _run(command, timeout, job / "qemu", stream=stream)
            code = _exit_code(job, output)
        finally:
            shutil.copytree(job / "results", results, dirs_exist_ok=True)
        names = [path.relative_to(job / "results") for path in sorted((job / "results").rglob("*")) if path.is_file()]
    return VmResult(code, output, {str(name): results / name for name in names})


def shell_in_vm(guest: Guest) -> int:
    """An interactive root shell in a new guest; returns its exit code."""
    with _job(guest, None) as (job, command):
        subprocess.run(command, check=False)
        return _exit_code(job, "")


@contextmanager
def _job(guest: Guest, script: str | None) -> Iterator[tuple[Path, list[str]]]:
    """The writable folder that the guest shares with us, filled with its orders; and the command that boots it."""
    install_missing()
    newer = newer_debian() if guest.newer else None
    kernel = newer.kernel if newer else find_kernel(guest.kernel)
    environment = {
        "CHECKOUT": str(CHECKOUT),
        "PATH": f"{Path(sys.executable).parent}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "VPTP": "" if guest.vptp is None else str(build_vptp(kernel)),
        "VPTP_PARAMETERS": guest.vptp or "",
        "DRIVERS": " ".join(sorted(set(guest.nics))),
        "MODULES_OF": str(kernel.root),
        **(guest.environment or {}),
    }
    with TemporaryDirectory(prefix="ptpstack-job-") as folder:
        job = Path(folder)
        (job / "results").mkdir()
        (job / "guest.sh").write_bytes(GUEST_SCRIPT.read_bytes())
        (job / "environment").write_text(
            "".join(f"export {name}={shlex.quote(value)}\n" for name, value in environment.items())
        )
        if script is not None:
            (job / "script").write_text(script)
        qemu = newer.qemu if newer else ["qemu-system-x86_64"]
        dying_with_us = ["setpriv", "--pdeathsig", "KILL"]
        # A kernel that QEMU starts directly has no page table for the way back from the firmware.
        image = kernel.image if guest.sleeps else unpacked(kernel.image)
        yield job, [*dying_with_us, *qemu, *_machine(guest, image, build_initramfs(kernel), job)]


def _machine(guest: Guest, image: Path, initramfs: Path, job: Path) -> list[str]:
    """The arguments of QEMU."""
    command = ["-accel", "tcg", "-cpu", CPU, "-m", str(MEMORY_MB)]
    command += ["-machine", "q35,usb=off", "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"]
    if guest.icount:
        command += ["-icount", "shift=0,sleep=off", "-rtc", "base=2026-01-01T00:00:00,clock=vm", "-seed", "1"]
    kernel_arguments = (
        "console=ttyS0 quiet panic=-1 nokaslr mitigations=off cryptomgr.notests=1 "
        "oops=panic tsc=reliable no_timer_check random.trust_cpu=on"
    )
    command += ["-kernel", str(image), "-initrd", str(initramfs), "-append", kernel_arguments]
    command += ["-chardev", f"file,id=console,path={job / 'console'}", "-serial", "chardev:console"]
    command += ["-device", "virtio-serial-pci", "-chardev", "stdio,id=output,signal=off"]
    command += ["-device", "virtconsole,chardev=output"]
    command += ["-fsdev", "local,id=host,path=/,security_model=none,readonly=on,multidevs=remap"]
    command += ["-device", "virtio-9p-pci,fsdev=host,mount_tag=host"]
    command += ["-fsdev", f"local,id=job,path={job},security_model=none"]
    command += ["-device", "virtio-9p-pci,fsdev=job,mount_tag=job"]
    for number, nic in enumerate(guest.nics):
        command += ["-netdev", f"hubport,id=nic{number},hubid=0", "-device", f"{nic},netdev=nic{number}"]
    return command


def _run(command: list[str], timeout: float, errors: Path, *, stream: bool) -> str:
    """Run QEMU to its end, its own words into *errors*, and return what the script said."""
    lines: list[str] = []
    with (
        errors.open("w") as log,
        subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, text=True, errors="replace"
        ) as process,
    ):
        late = threading.Timer(timeout, process.kill)
        late.start()
        try:
            assert process.stdout is not None
            for line in process.stdout:
                lines.append(line)
                if stream:
                    print(line, end="", flush=True)
        except BaseException:
            process.kill()
            raise
        finally:
            timed_out = not late.is_alive()
            late.cancel()
    if timed_out:
        raise GuestError(f"the guest took more than {timeout:g} s", why=f"its last words: {''.join(lines)[-1000:]}")
    return "".join(lines)


def _exit_code(job: Path, output: str) -> int:
    try:
        return int((job / "exit_code").read_text())
    except FileNotFoundError:
        said = {name: (job / name).read_text(errors="replace") for name in ("qemu", "console") if (job / name).exists()}
        raise GuestError(
            "the guest stopped before its script did",
            why="; ".join(f"{who}: {words[-3000:]}" for who, words in (said | {"script": output}).items() if words),
            next_step="look at it from inside: python3 -m lab vm --shell",
        ) from None
