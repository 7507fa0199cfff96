"""The rule of addresses, on addresses as data: only the public internet may be reached."""

from ipaddress import ip_address

import pytest

from service.webhooks.addresses import is_public

REFUSED = {
    "private": ("10.0.0.1", "10.255.255.255", "172.16.0.1", "172.31.255.255", "192.168.0.1"),
    "loopback": ("127.0.0.1", "127.255.255.254", "::1"),
    "this network": ("0.0.0.0", "0.1.2.3", "::"),
    "link-local, with the credentials of tasks": ("169.254.169.254", "169.254.170.2", "fe80::1", "fe80::1%eth0"),
    "shared": ("100.64.0.1", "100.127.255.255"),
    "multicast": ("224.0.0.1", "239.255.255.255", "ff02::1", "ff0e::1"),
    "reserved, broadcast": ("240.0.0.1", "255.255.255.255", "5f00::1", "fec0::1", "100::1"),
    "protocols": ("192.0.0.1", "192.0.0.9", "192.0.0.170", "192.88.99.1", "2001:20::1"),
    "documentation, benchmarks": ("192.0.2.1", "198.51.100.1", "203.0.113.1", "198.18.0.1", "2001:db8::1", "3fff::1"),
    "unique-local": ("fc00::1", "fd00:ec2::254", "fdff::1"),
    "mapped": ("::ffff:10.0.0.1", "::ffff:169.254.170.2", "::ffff:93.184.216.34", "::93.184.216.34"),
    "translated": ("64:ff9b::a9fe:aa02", "64:ff9b::5db8:d822", "64:ff9b:1::1"),
    "tunnelled": ("2002:a9fe:aa02::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2"),
    "with a zone": ("2606:4700:4700::1111%eth0",),
}
ADMITTED = (
    *("93.184.216.34", "8.8.8.8", "1.1.1.1", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0"),
    *("172.15.255.255", "172.32.0.0", "169.253.255.255", "169.255.0.0", "192.167.255.255", "192.169.0.0"),
    *("223.255.255.255", "2606:4700:4700::1111", "2a00:1450:4001:831::200e", "2600:1f18::1"),
)


@pytest.mark.parametrize("kind", REFUSED)
def test_address_that_is_not_of_the_public_internet_is_refused(kind: str) -> None:
    """The tasks reach more than a caller does, and a webhook must not lend it."""
    assert [text for text in REFUSED[kind] if is_public(ip_address(text))] == []


def test_public_addresses_are_admitted() -> None:
    """Up to the edges of the refused networks."""
    assert [text for text in ADMITTED if not is_public(ip_address(text))] == []
