"""Addresses of simulated hosts, for unicast: the host with number N has 10.N, one address for all of its ports."""

from __future__ import annotations


def address_of(number: int) -> str:
    """Return the address of the host that was added as the *number*-th, from 1."""
    return f"10.{number >> 16 & 0xFF}.{number >> 8 & 0xFF}.{number & 0xFF}"
