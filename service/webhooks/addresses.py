"""The addresses that a webhook may be sent to: those of the public internet.

The tasks can reach the network around them, the services of AWS in it, and their own credentials at a link-local address. A
webhook that a caller points there would be sent with their reach.
"""

from ipaddress import IPv4Address, IPv6Address, ip_network

Address = IPv4Address | IPv6Address

# Global by the registry, or by an older one that Python has, but of no single host of the internet.
_SPECIAL_IPV4 = tuple(ip_network(cidr) for cidr in ("192.0.0.0/24", "192.88.99.0/24"))
# All that is assigned. Mapped IPv4 addresses, NAT64, unique-local, link-local and multicast addresses lie outside.
_ASSIGNED_IPV6 = ip_network("2000::/3")
# Within: protocols and tunnels, some of which lead to an IPv4 address (Teredo, 6to4), and documentation.
_SPECIAL_IPV6 = tuple(ip_network(cidr) for cidr in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"))


def is_public(address: Address) -> bool:
    """Whether an address is one of the public internet, and no detour to another one.

    >>> from ipaddress import ip_address
    >>> [is_public(ip_address(text)) for text in ("93.184.216.34", "169.254.170.2", "::ffff:93.184.216.34")]
    [True, False, False]
    """
    if isinstance(address, IPv6Address) and (address.scope_id or address not in _ASSIGNED_IPV6):
        return False
    special = _SPECIAL_IPV4 if address.version == 4 else _SPECIAL_IPV6
    return address.is_global and not address.is_multicast and not any(address in network for network in special)
