"""A newer Debian beside this machine's system: its newest kernel with headers, its compiler, its QEMU.

For what this machine's own release does not have yet: network interfaces' stamping set by netlink (Linux 6.14), an
emulated Intel igb (QEMU 8). Unpacked into the cache, never installed: nothing of this machine changes.

What lives here: fetching that tree. What does not: booting it (``machine``), building against it (``module``).
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from lab import packages
from lab.vm.cache import cached
from lab.vm.kernel import Kernel
from ptpstack.errors import PtpstackError

SUITE = "trixie"
KERNELS_FROM = f"{SUITE}-backports"
PACKAGES = (
    *(f"linux-{part}-amd64/{KERNELS_FROM}" for part in ("image", "headers")),
    "qemu-system-x86",
    *("gcc", "make", "gawk", "bash", "dash", "coreutils", "sed", "grep", "findutils", "base-files"),
)
"""The last line builds modules; nothing in the tree is configured, so its scripts find no other shell or awk."""

LIBRARIES = "usr/lib/x86_64-linux-gnu"


class NewerDebianError(PtpstackError):
    """The newer Debian could not be fetched."""


@dataclass(frozen=True)
class NewerDebian:
    """The unpacked tree."""

    root: Path

    @property
    def kernel(self) -> Kernel:
        """Its one kernel."""
        (modules,) = (self.root / "usr/lib/modules").iterdir()
        return Kernel(modules.name, self.root)

    @property
    def qemu(self) -> list[str]:
        """The command that runs its QEMU, with its own libraries, on this system."""
        modules = f"QEMU_MODULE_DIR={self.root / LIBRARIES / 'qemu'}"
        firmware = [option for name in ("qemu", "seabios") for option in ("-L", str(self.root / "usr/share" / name))]
        return ["env", modules, *command_of(self.root, "usr/bin/qemu-system-x86_64"), *firmware]


def newer_debian() -> NewerDebian:
    """The tree, fetched when it is not in the cache (some 200 MB). Raises NewerDebianError where that cannot be."""
    return NewerDebian(cached("tree", [" ".join((SUITE, *PACKAGES)).encode()], _fetch))


def command_of(root: Path, program: str) -> list[str]:
    """Return the command that runs *program* of a tree with its own libraries, on this system."""
    return [str(root / "usr/lib64/ld-linux-x86-64.so.2"), "--library-path", str(root / LIBRARIES), str(root / program)]


def unpack(target: Path, packages_wanted: Sequence[str], suites: Sequence[str] = (SUITE,)) -> None:
    """Unpack *packages_wanted* of *suites*, with all that they depend on, into *target*. Raises NewerDebianError."""
    if not packages.is_root():
        raise NewerDebianError("a newer Debian is unpacked by root only", next_step="the same command with sudo, once")
    packages.install_missing({"mmdebstrap": Path("/usr/bin/mmdebstrap")}, "a newer Debian")
    mirror = _mirror()
    command = ["mmdebstrap", "--mode=root", "--variant=extract", "--format=directory"]
    command += ["--aptopt=APT::Install-Recommends false"]
    command += ["--aptopt=Acquire::Check-Valid-Until false"]  # a mirror may stand still; its signatures are checked
    command += [f"--include={','.join(packages_wanted)}", suites[0], str(target)]
    command += [f"deb {mirror} {suite} main" for suite in suites]
    with TemporaryDirectory() as scratch:
        environment = {**os.environ, "TMPDIR": scratch}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise NewerDebianError("mmdebstrap failed", why=done.stderr.strip()[-1000:])


def _fetch(target: Path) -> None:
    print(f"lab: fetching the newest kernel and QEMU of Debian {SUITE} (once, a minute or two)", flush=True)
    unpack(target, PACKAGES, (SUITE, KERNELS_FROM))
    (target / "usr/bin/awk").symlink_to("gawk")  # what installing would do
    subprocess.run(["depmod", "-b", str(target), NewerDebian(target).kernel.release], check=True)


def _mirror() -> str:
    """Where this machine gets Debian from."""
    listing = ["apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages", "Origin: Debian"]
    found = subprocess.run(listing, capture_output=True, text=True, check=False).stdout.split()
    if not found:
        raise NewerDebianError("no mirror of Debian is known here", why="apt is not set up for one")
    return found[0]
