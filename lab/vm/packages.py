"""The Debian packages that the virtual machine is made of.

What lives here: the list, and installing it where we are root. What does not: finding the files in them (``kernel``).
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from ptpstack.errors import PtpstackError

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


class PackagesMissingError(PtpstackError):
    """Debian packages that the virtual machine needs are not installed, and we may not install them."""


def install_missing() -> None:
    """Install what is missing when root on a Debian system; otherwise raise with the one command to run."""
    missing = [package for package, evidence in PACKAGES.items() if not evidence.exists()]
    if not missing:
        return
    command = ["apt-get", "install", "--yes", "--no-install-recommends", *missing]
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise PackagesMissingError(
            f"the virtual machine needs {', '.join(missing)}",
            why="not installed, and only root may install",
            next_step=f"sudo {' '.join(command)}",
        )
    print(f"installing {', '.join(missing)} …", flush=True)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for step in (["apt-get", "update"], command):
        done = subprocess.run(step, env=environment, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise PackagesMissingError(
                f"{' '.join(step)} failed", why=done.stderr.strip(), next_step="run it by hand and read its output"
            )
