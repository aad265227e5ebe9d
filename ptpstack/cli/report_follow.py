"""The events of a running daemon for a while, as lines like those of its event file."""

from __future__ import annotations

import json
import socket
import sys
import time
from collections.abc import Iterator

from ptpstack.cli.client import NotReachableError


def follow(path: str, seconds: float) -> Iterator[str]:
    """Yield each event that the daemon at the control socket *path* records in the next *seconds*, one a line.

    An interrupt ends it early. Raises :class:`NotReachableError`.
    """
    sys.stderr.write(f"following {path} for {seconds:g} s; Ctrl-C reports what there is so far\n")
    until = time.monotonic() + seconds
    rest = b""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        try:
            connection.settimeout(seconds)
            connection.connect(path)
            connection.sendall(json.dumps({"get": "events", "follow": True}).encode() + b"\n")
            while (left := until - time.monotonic()) > 0:
                connection.settimeout(left)
                data = connection.recv(1 << 16)
                if not data:
                    sys.stderr.write(f"{path}: the daemon ended the connection\n")
                    return
                *lines, rest = (rest + data).split(b"\n")
                yield from (line.decode(errors="replace") + "\n" for line in lines)
        except (TimeoutError, KeyboardInterrupt):
            return
        except OSError as error:
            raise NotReachableError(
                "no daemon is reachable",
                where=path,
                why=error.strerror or str(error),
                next_step="start it (`ptpstack run`), or name the socket of [control]; it may need root",
            ) from error
