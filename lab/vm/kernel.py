"""Debian's kernel: which one the guest boots, and where its parts lie on this host.

What lives here: the files of an installed linux-image and linux-headers package. The host's own running kernel plays no
part: it may be another one, and nothing is ever loaded into it.
"""

from __future__ import annotations

import lzma
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from lab.vm.cache import cached
from ptpstack.errors import PtpstackError


class KernelError(PtpstackError):
    """No kernel to boot, or one without its headers."""


@dataclass(frozen=True)
class Kernel:
    """A Debian kernel, named by its release (what ``uname -r`` says inside the guest), in this or another root."""

    release: str
    root: Path = Path("/")

    @property
    def image(self) -> Path:
        """The compressed kernel that QEMU loads."""
        among_modules = self.modules / "vmlinuz"  # where newer packages have it, and installing copies it to /boot
        return among_modules if among_modules.exists() else self.root / "boot" / f"vmlinuz-{self.release}"

    @property
    def modules(self) -> Path:
        """The folder of its modules."""
        return self.root / "usr/lib/modules" / self.release

    @property
    def headers(self) -> Path:
        """The folder that modules are built against."""
        return self.root / "usr/src" / f"linux-headers-{self.release}"

    def module_files(self, *names: str) -> list[Path]:
        """The files of these modules and all they need, in loading order; what is built in is left out."""
        files = {path.name.split(".")[0].replace("-", "_"): path for path in self.modules.rglob("*.ko*")}
        needs = {
            Path(target).name.split(".")[0].replace("-", "_"): [
                Path(needed).name.split(".")[0] for needed in rest.split()
            ]
            for target, _, rest in (
                line.partition(":") for line in (self.modules / "modules.dep").read_text().splitlines()
            )
        }
        order: list[Path] = []

        def add(name: str) -> None:
            name = name.replace("-", "_")
            for needed in needs.get(name, []):
                add(needed)
            if name in files and files[name] not in order:
                order.append(files[name])

        for name in names:
            add(name)
        return order


def unpacked(image: Path) -> Path:
    """The kernel inside a bzImage, which QEMU starts directly: unpacking it in the guest would take 5 s longer.

    The image itself where it is packed otherwise than with xz. Offsets: Documentation/x86/boot.rst, payload_offset.
    """
    packed = image.read_bytes()
    start = (packed[0x1F1] + 1) * 512 + int.from_bytes(packed[0x248:0x24C], "little")
    payload = packed[start : start + int.from_bytes(packed[0x24C:0x250], "little")]
    if not payload.startswith(b"\xfd7zXZ"):
        return image

    def build(target: Path) -> None:
        target.write_bytes(lzma.LZMADecompressor().decompress(payload))  # four bytes, the size, follow the stream

    return cached("vmlinux", [payload], build)


def find_kernel(release: str | None = None) -> Kernel:
    """The installed kernel of that release, or the one that Debian's ``linux-image-amd64`` stands for today."""
    kernel = Kernel(release or _stock_release())
    if not kernel.image.exists() or not kernel.headers.is_dir():
        package = release or "amd64"
        raise KernelError(
            f"no kernel {kernel.release} with its headers",
            where=f"{kernel.image}, {kernel.headers}",
            next_step=f"sudo apt-get install linux-image-{package} linux-headers-{package}",
        )
    return kernel


def _stock_release() -> str:
    query = ["dpkg-query", "--show", "--showformat=${Depends}", "linux-image-amd64"]
    depends = subprocess.run(query, capture_output=True, text=True, check=False).stdout
    found = re.search(r"linux-image-(\S+)", depends)
    return found[1] if found else "(none)"
