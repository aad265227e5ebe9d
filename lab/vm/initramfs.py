"""The first file system of the guest: busybox, the modules that reach the host's files, and ``init``.

What lives here: the archive (cpio "newc", as Documentation/driver-api/early-userspace/buffer-format.rst has it).
"""

from __future__ import annotations

import lzma
from pathlib import Path

from lab.vm.cache import cached
from lab.vm.kernel import Kernel

BUSYBOX = Path("/bin/busybox")
INIT = Path(__file__).with_name("init")
MODULES = ("virtio_pci", "virtio_console", "9pnet_virtio", "9p", "overlay")
"""What ``init`` loads: the bus, the console for output, the host's files, the layer that makes them writable."""


def build_initramfs(kernel: Kernel) -> Path:
    """The initramfs for this kernel, from the cache when nothing it is made of has changed."""
    modules = kernel.module_files(*MODULES)
    sources = [kernel.release.encode(), INIT.read_bytes(), str(BUSYBOX.stat()).encode(), repr(modules).encode()]

    def build(target: Path) -> None:
        files = {"init": INIT.read_bytes(), "bin/busybox": BUSYBOX.read_bytes()}
        names = [f"{number:02d}-{path.name.removesuffix('.xz')}" for number, path in enumerate(modules)]
        for name, path in zip(names, modules, strict=True):
            files[f"modules/{name}"] = lzma.decompress(path.read_bytes()) if path.suffix == ".xz" else path.read_bytes()
        target.write_bytes(cpio_archive(["bin", "modules", "dev", "proc", "sys", "host", "upper", "root"], files))

    return cached("initramfs.cpio", sources, build)


def cpio_archive(folders: list[str], files: dict[str, bytes]) -> bytes:
    """A cpio archive in the "newc" format; every file is executable."""
    entries = [(name, 0o040755, b"") for name in folders]
    entries += [(name, 0o100755, content) for name, content in files.items()]
    archive = b"".join(_entry(number, *entry) for number, entry in enumerate(entries, start=1))
    return archive + _entry(0, "TRAILER!!!", 0, b"")


def _entry(inode: int, name: str, mode: int, content: bytes) -> bytes:
    encoded = name.encode() + b"\0"
    owner = group = mtime = major = minor = special_major = special_minor = checksum = 0
    fields = (
        *(inode, mode, owner, group, 1, mtime, len(content), major, minor, special_major, special_minor),
        *(len(encoded), checksum),
    )
    header = b"070701" + b"".join(b"%08x" % field for field in fields) + encoded
    return _padded(header) + _padded(content)


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)
