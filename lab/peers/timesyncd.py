"""systemd-timesyncd of a newer Debian, unpacked and never installed, which must not touch a clock.

Its package conflicts with chrony's. It has no mode that leaves the clock alone: it runs as nobody, without a
capability, and is made to believe that it steers. Its folders are of a mount namespace of its own.

What lives here: fetching it, its configuration, start and stop. What does not: what is expected of it.
"""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

from lab.namespaces import Node, stop
from lab.peers.newer_ntp import pretended_clock
from lab.vm.cache import cached
from lab.vm.newer import SUITE, unpack

PACKAGE = "systemd-timesyncd"
_TREE = "/run/systemd/tree"
"""Where nobody finds the unpacked tree, which may be in a folder of root's."""

_SCRIPT = """\
set -e
for folder in /etc/systemd /run/systemd /var/lib/systemd; do mkdir -p $folder; mount -t tmpfs none $folder; done
mkdir {tree}; mount --bind {root} {tree}
cp {pretend} /run/systemd/no_clock.so; cp {configuration} /etc/systemd/timesyncd.conf
chmod a+rx /run/systemd/no_clock.so /etc/systemd/timesyncd.conf
for folder in /run/systemd /var/lib/systemd; do install -d -o 65534 -g 65534 $folder/timesync; done
exec setpriv --reuid 65534 --regid 65534 --clear-groups --bounding-set -all \\
  env LD_PRELOAD=/run/systemd/no_clock.so {tree}/usr/lib64/ld-linux-x86-64.so.2 \\
  --library-path {libraries}/systemd:{libraries} {tree}/usr/lib/systemd/systemd-timesyncd
"""


class Timesyncd:
    """A systemd-timesyncd in *node* that asks *server* each 2**poll s; root only. Raises NewerDebianError."""

    def __init__(self, node: Node, directory: Path, server: str, poll: int) -> None:
        self.node = node
        self.log = directory / "timesyncd.log"
        directory.mkdir(parents=True, exist_ok=True)
        configuration = directory / "timesyncd.conf"
        seconds = 2**poll
        configuration.write_text(
            f"[Time]\nNTP={server}\nPollIntervalMinSec={seconds}\nPollIntervalMaxSec={seconds}\n", encoding="ascii"
        )
        root = cached(PACKAGE, [f"{SUITE} {PACKAGE}".encode()], lambda target: unpack(target, [PACKAGE]))
        self._script = _SCRIPT.format(
            tree=_TREE,
            root=shlex.quote(str(root)),
            pretend=shlex.quote(str(pretended_clock())),
            configuration=shlex.quote(str(configuration)),
            libraries=f"{_TREE}/usr/lib/x86_64-linux-gnu",
        )
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it."""
        apart = ["unshare", "--mount", "--propagation", "private"]
        self._process = self.node.start([*apart, "sh", "-c", self._script], self.log)

    @property
    def pid(self) -> int:
        """Its process."""
        assert self._process is not None
        return self._process.pid

    def stop(self) -> None:
        """Stop it."""
        if self._process:
            stop([self._process])
