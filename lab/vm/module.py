"""Builds lab/vptp, the virtual PTP NIC, against a Debian kernel's headers."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

from lab.vm.cache import cached
from lab.vm.kernel import Kernel
from ptpstack.errors import PtpstackError

SOURCE = Path(__file__).parents[1] / "vptp"
SOURCE_FILES = sorted({SOURCE / "Makefile", SOURCE / "Kbuild", *SOURCE.glob("*.[ch]")})


class ModuleBuildError(PtpstackError):
    """The module did not compile, or compiled with warnings."""


def build_vptp(kernel: Kernel) -> Path:
    """``vptp.ko`` for this kernel, from the cache when its source has not changed. A warning is an error."""

    def build(target: Path) -> None:
        with TemporaryDirectory(dir=kernel.root / "tmp") as folder:
            for source in SOURCE_FILES:
                shutil.copy(source, folder)
            here, headers = ("/" / path.relative_to(kernel.root) for path in (Path(folder), kernel.headers))
            command = ["make", "-s", "-C", str(here), f"KERNEL_HEADERS={headers}", "W=1", "KCFLAGS=-Werror"]
            if kernel.root != Path("/"):  # with the compiler and the libraries that this kernel's tools were made for
                command = ["unshare", "--mount", "--pid", "--fork", f"--root={kernel.root}", "--mount-proc", *command]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode != 0:
                raise ModuleBuildError(
                    "vptp does not compile",
                    where=f"{SOURCE}, kernel {kernel.release}",
                    why=done.stderr.strip(),
                    next_step="mend the source, or add the kernel's new interface to its version switches",
                )
            shutil.copy(Path(folder) / "vptp.ko", target)

    sources = [kernel.release.encode(), *(source.read_bytes() for source in SOURCE_FILES)]
    return cached("vptp.ko", sources, build)
