"""The other end of the control socket: requests out, JSON lines in."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from typing import Any

from ptpstack.errors import PtpstackError

DEFAULT_SOCKET = "/run/ptpstack/control.sock"
ANSWER_TIMEOUT_S = 5.0


class NotReachableError(PtpstackError):
    """No daemon answers at the control socket."""


def ask(path: str, request: dict[str, Any], *, wait_forever: bool = False) -> Iterator[dict[str, Any]]:
    """Yield the answers to *request* until the daemon ends them; with *wait_forever* between two of them.

    Raises :class:`NotReachableError`.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(ANSWER_TIMEOUT_S)
        try:
            connection.connect(path)
            connection.sendall(json.dumps(request).encode() + b"\n")
            connection.settimeout(None if wait_forever else ANSWER_TIMEOUT_S)
            with connection.makefile("rb") as lines:
                for line in lines:
                    answer = _object(line)
                    if "end" in answer:
                        return
                    yield answer
        except TimeoutError as error:
            raise _not_reachable(path, f"no answer within {ANSWER_TIMEOUT_S:g} s") from error
        except (OSError, ValueError) as error:
            raise _not_reachable(path, getattr(error, "strerror", None) or "not ptpstack's answers") from error


def _object(line: bytes) -> dict[str, Any]:
    answer = json.loads(line)
    if not isinstance(answer, dict):
        raise ValueError(f"{line!r} is no answer of ours")  # noqa: TRY004 (as json.loads raises)
    return answer


def _not_reachable(path: str, why: str) -> NotReachableError:
    return NotReachableError(
        "no daemon is reachable",
        where=path,
        why=why,
        next_step="start it (`ptpstack run`), or give its [control] socket with --socket; it may need root",
    )
