"""The classic BPF program that lets one kind of frame into a raw socket (Documentation/networking/filter.rst)."""

from __future__ import annotations

import array
import socket
import struct

_SO_ATTACH_FILTER, _SO_ATTACH_REUSEPORT_CBPF = 26, 51
_INSTRUCTION = struct.Struct("=HBBI")  # struct sock_filter: code, jump if true, jump if false, k
_PROGRAM = struct.Struct("@HP")  # struct sock_fprog: length, address

_LOAD_WORD, _LOAD_HALF, _LOAD_BYTE, _LOAD_LENGTH = 0x20, 0x28, 0x30, 0x80
_JUMP_EQUAL, _JUMP_GREATER, _JUMP_SET = 0x15, 0x25, 0x45
_RETURN, _RETURN_ACCUMULATOR = 0x06, 0x16
_TO_INDEX, _XOR_INDEX, _MODULO = 0x07, 0xAC, 0x94

_ACCEPT, _DROP = 0x40000, 0
_PACKET_TYPE = 0xFFFF_F000 + 4  # SKF_AD_OFF + SKF_AD_PKTTYPE
_PACKET_MULTICAST = 2  # above it: for another host, and outgoing
_NETWORK_HEADER = 0xFFF0_0000  # SKF_NET_OFF
_SOURCE_AT = {socket.AF_INET: (12,), socket.AF_INET6: (8, 12)}
"""Words of an IP header that hold the source: all of an IPv4 address, the first 64 bits of an IPv6 one."""

_VLAN, _SERVICE_VLAN = 0x8100, 0x88A8
_TAGS_IN_BAND = 2
GENERAL_BIT = 0x08
"""The bit of the payload's first byte that is set in general frames and clear in event frames."""


def frame_filter(ethertype: int, *, general: bool) -> bytes:
    """Return the program for incoming frames of *ethertype*, either the general ones or the event ones.

    Up to two VLAN tags may stand in the frame; one that the kernel has stripped is not there to be seen. A frame
    without a payload counts as a general one, so that whoever reads it counts it: loading from it would end it here.
    """
    verdicts = (_ACCEPT, _DROP) if general else (_DROP, _ACCEPT)
    program = [
        (_LOAD_WORD, 0, 0, _PACKET_TYPE),
        (_JUMP_GREATER, 0, 1, _PACKET_MULTICAST),
        (_RETURN, 0, 0, _DROP),
    ]
    for tags in range(_TAGS_IN_BAND + 1):
        program += [
            (_LOAD_HALF, 0, 0, 12 + 4 * tags),
            (_JUMP_EQUAL, 0, 7, ethertype),
            (_LOAD_LENGTH, 0, 0, 0),
            (_JUMP_GREATER, 1, 0, 14 + 4 * tags),
            (_RETURN, 0, 0, verdicts[0]),
            (_LOAD_BYTE, 0, 0, 14 + 4 * tags),
            (_JUMP_SET, 0, 1, GENERAL_BIT),
            (_RETURN, 0, 0, verdicts[0]),
            (_RETURN, 0, 0, verdicts[1]),
            (_JUMP_EQUAL, 2, 0, _VLAN),
            (_JUMP_EQUAL, 1, 0, _SERVICE_VLAN),
            (_RETURN, 0, 0, _DROP),
        ]
    program.append((_RETURN, 0, 0, _DROP))
    return b"".join(_INSTRUCTION.pack(*instruction) for instruction in program)


def steer_by_source(family: int, sockets: int) -> bytes:
    """Return the program that gives all datagrams of one sender to the same of *sockets* that share a port."""
    first, *others = _SOURCE_AT[socket.AddressFamily(family)]
    program = [(_LOAD_WORD, 0, 0, _NETWORK_HEADER + first)]
    for at in others:
        program += [(_TO_INDEX, 0, 0, 0), (_LOAD_WORD, 0, 0, _NETWORK_HEADER + at), (_XOR_INDEX, 0, 0, 0)]
    program += [(_MODULO, 0, 0, sockets), (_RETURN_ACCUMULATOR, 0, 0, 0)]
    return b"".join(_INSTRUCTION.pack(*instruction) for instruction in program)


def attach(sock: socket.socket, program: bytes) -> None:
    """Put *program* in front of *sock*."""
    _attach(sock, _SO_ATTACH_FILTER, program)


def attach_to_group(sock: socket.socket, program: bytes) -> None:
    """Let *program* choose among the sockets that share the port of *sock* (SO_REUSEPORT)."""
    _attach(sock, _SO_ATTACH_REUSEPORT_CBPF, program)


def _attach(sock: socket.socket, option: int, program: bytes) -> None:
    code = array.array("B", program)
    address, length = code.buffer_info()
    sock.setsockopt(socket.SOL_SOCKET, option, _PROGRAM.pack(length // _INSTRUCTION.size, address))
