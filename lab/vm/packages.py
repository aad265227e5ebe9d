"""The Debian packages that the virtual machine is made of.

What lives here: the list. What does not: installing (`lab.packages`), finding the files in them (``kernel``).
"""

from __future__ import annotations

from pathlib import Path

from lab import packages
from lab.packages import PackagesMissingError

__all__ = ["PACKAGES", "PackagesMissingError", "install_missing"]

PACKAGES = {
    "qemu-system-x86": Path("/usr/bin/qemu-system-x86_64"),
    "linux-image-amd64": Path("/usr/share/doc/linux-image-amd64"),
    "linux-headers-amd64": Path("/usr/share/doc/linux-headers-amd64"),
    "busybox-static": Path("/bin/busybox"),
    "gcc": Path("/usr/bin/gcc"),
    "make": Path("/usr/bin/make"),
    "linuxptp": Path("/usr/sbin/ptp4l"),
    "ethtool": Path("/usr/sbin/ethtool"),
    "iproute2": Path("/usr/sbin/ip"),
}
"""Each package with a file that shows it is there."""


def install_missing() -> None:
    """Install what is missing, or raise PackagesMissingError with the one command to run."""
    packages.install_missing(PACKAGES, "the virtual machine")
