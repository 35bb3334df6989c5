"""Who counts as one client."""

from __future__ import annotations

import ipaddress

__all__ = ["network"]


def network(address: str) -> str:
    """Give what counts as one client: an IPv4 address, or the /64 that an IPv6 host may choose from at will."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(ip, ipaddress.IPv4Address):
        return str(ip)
    return str(ip.ipv4_mapped or ipaddress.ip_network((ip, 64), strict=False))
