"""Names of white-listed boxes lead to public addresses, or nowhere (threat S2, DNS rebinding).

aiohttp connects to the addresses returned here and asks no second time, so what was checked is what
is dialled.
"""

import ipaddress
import socket

from aiohttp.abc import AbstractResolver, ResolveResult


class PublicResolver(AbstractResolver):
    """Asks another resolver, and passes on what is global (IANA special-purpose registries)."""

    def __init__(self, resolver: AbstractResolver) -> None:
        self._resolver = resolver

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Return the public addresses of a name.

        Raises:
            OSError: it has none.
        """
        found = await self._resolver.resolve(host, port, family)
        public = [address for address in found if is_public(address["host"])]
        if not public:
            raise OSError(None, "the name of a box leads to no public address")
        return public

    async def close(self) -> None:
        """See AbstractResolver."""
        await self._resolver.close()


def is_public(address: str) -> bool:
    """Tell whether an IP address is reachable from everywhere, and names one host."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    inner = _ipv4_inside(parsed) if isinstance(parsed, ipaddress.IPv6Address) else None
    wanted = inner or parsed
    return wanted.is_global and not wanted.is_multicast


def _ipv4_inside(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """Return the IPv4 address that an IPv6 address stands for (mapped, 6to4, NAT64)."""
    if address in ipaddress.IPv6Network("64:ff9b::/96"):
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour
