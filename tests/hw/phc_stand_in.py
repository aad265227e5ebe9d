"""A driver with pins, one input and one output, as the kernel shows it: ioctl by ioctl, and a queue of edges."""

from __future__ import annotations

import errno
import os
import shutil
import struct
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from hw import phc_ioctl

NUMBERS = {
    number: name for name, number in vars(phc_ioctl).items() if name.startswith("PTP_") and isinstance(number, int)
}


class PhcStandIn:
    """Answers for the descriptor of /dev/null. *refusals*: errno by the name of the request, or by (name, flags)."""

    def __init__(self, *, n_ext_ts: int = 1, n_per_out: int = 1, pins: Sequence[str] = ("SDP0", "SDP1")) -> None:
        self.n_ext_ts, self.n_per_out = n_ext_ts, n_per_out
        self.pins = [[name, 0, 0] for name in pins]
        self.refusals: dict[str | tuple[str, int], int] = {}
        self.requests: list[tuple[object, ...]] = []

    def ioctl(self, _fd: int, request: int, data: bytes | bytearray = b"") -> None:
        name = NUMBERS[request]
        flags = {"EXTTS": 4, "PEROUT": 36}.get(name.split("_")[1])
        key = (name, struct.unpack_from("=I", data, flags)[0]) if flags is not None else name
        for refused in (name, key):
            if refused in self.refusals:
                raise OSError(self.refusals[refused], os.strerror(self.refusals[refused]))
        getattr(self, f"_{name.removeprefix('PTP_').lower()}")(data)

    def _clock_getcaps(self, data: bytearray) -> None:
        data[:] = struct.pack("=20i", 1_000_000, 0, self.n_ext_ts, self.n_per_out, 0, len(self.pins), *[0] * 14)

    def _pin_getfunc2(self, data: bytearray) -> None:
        (index,) = struct.unpack_from("=I", data, 64)
        name, function, channel = self.pins[index]
        struct.pack_into("=64sIII", data, 0, str(name).encode(), index, function, channel)

    def _pin_setfunc2(self, data: bytearray) -> None:
        index, function, channel = struct.unpack_from("=III", data, 64)
        if function == 1 and channel >= self.n_ext_ts:
            raise OSError(errno.EINVAL, "Invalid argument")
        for pin in self.pins:
            if pin[1:] == [function, channel]:
                pin[1:] = [0, 0]
        self.pins[index][1:] = [function, channel]
        self.requests.append(("pin", index, function, channel))

    def _extts_request(self, data: bytes) -> None:
        self.requests.append(("extts", *struct.unpack_from("=II", data)))

    def _extts_request2(self, data: bytes) -> None:
        self.requests.append(("extts2", *struct.unpack_from("=II", data)))

    def _mask_clear_all(self, _data: bytes) -> None:
        self.requests.append(("mask all",))

    def _mask_en_single(self, data: bytes) -> None:
        self.requests.append(("unmask", *struct.unpack("=I", data)))

    def _perout_request2(self, data: bytes) -> None:
        at_s, at_ns, _, period_s, period_ns, _, channel, flags, on_s, on_ns, _ = struct.unpack("=qIIqIIIIqII", data)
        seconds = 1_000_000_000
        self.requests.append(
            ("perout", channel, flags, at_s * seconds + at_ns, period_s * seconds + period_ns, on_s * seconds + on_ns)
        )


def layout(expressions: Mapping[str, object], folder: Path) -> dict[str, int]:
    """What a C compiler says of the *expressions*, by <linux/ptp_clock.h>; skips the test where it cannot be asked."""
    compiler, header = shutil.which("gcc"), Path("/usr/include/linux/ptp_clock.h")
    if compiler is None or not header.exists():
        pytest.skip(f"needs gcc and {header} (Debian: linux-libc-dev)")
    prints = "\n".join(f'printf("%llu\\n", (unsigned long long)({expression}));' for expression in expressions)
    source = folder / "layout.c"
    source.write_text(
        "#include <stddef.h>\n#include <stdio.h>\n#include <linux/ptp_clock.h>\n"
        "#ifndef PTP_MASK_CLEAR_ALL /* Linux 6.7 */\n"
        "#define PTP_MASK_CLEAR_ALL _IO(PTP_CLK_MAGIC, 19)\n"
        "#define PTP_MASK_EN_SINGLE _IOW(PTP_CLK_MAGIC, 20, unsigned int)\n#endif\n"
        f"int main(void) {{ {prints} return 0; }}\n"
    )
    subprocess.run([compiler, "-o", folder / "layout", source], check=True)
    printed = subprocess.run([folder / "layout"], check=True, capture_output=True, text=True).stdout
    return dict(zip(expressions, map(int, printed.split()), strict=True))
