"""Which IP addresses Signalbox may connect to.

Everything that is not plainly part of the public Internet is refused: private, loopback, link-local, shared (CGNAT),
documentation, benchmarking, multicast and reserved networks, and every IPv6 form that carries an IPv4 address inside
(mapped, NAT64, 6to4, Teredo), because it could reach a refused IPv4 address by another name. The lists follow the
IANA special-purpose registries (RFC 6890 and its updates); they are written out because the answers of
`ipaddress.is_global` differ between Python versions. `OUTBOUND_ALLOWED_NETWORKS` lets single networks through.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from django.conf import settings

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

REFUSED_IPV4 = tuple(
    IPv4Network(network)
    for network in (
        "0.0.0.0/8",  # this host
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # shared address space (CGNAT); some clouds keep their metadata service here
        "127.0.0.0/8",  # loopback
        "168.63.129.16/32",  # Azure's platform service: a public number that only the virtual machine reaches
        "169.254.0.0/16",  # link-local, with the metadata services of most clouds
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments
        "192.0.2.0/24",  # documentation
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",  # private
        "198.18.0.0/15",  # benchmarking
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and broadcast
    )
)
# Outside of it lie unspecified, loopback, mapped, NAT64, unique local (with fd00:ec2::254), link-local and multicast.
GLOBAL_UNICAST_IPV6 = IPv6Network("2000::/3")
REFUSED_IPV6 = tuple(
    IPv6Network(network)
    for network in (
        "2001::/23",  # protocol assignments, with Teredo and benchmarking
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4
        "3fff::/20",  # documentation
    )
)


def is_allowed(address: str | Address) -> bool:
    """Whether Signalbox may connect to `address`; a string that is no IP address raises ValueError."""
    parsed = ip_address(address) if isinstance(address, str) else address
    return _is_public(parsed) or _is_in(parsed, allowed_networks())


def allowed_networks() -> Iterable[Network]:
    """The networks that the operator lets through, as `OUTBOUND_ALLOWED_NETWORKS` lists them."""
    return [ip_network(network) for network in settings.OUTBOUND_ALLOWED_NETWORKS]


def _is_public(address: Address) -> bool:
    if isinstance(address, IPv4Address):
        return not _is_in(address, REFUSED_IPV4)
    return address in GLOBAL_UNICAST_IPV6 and not _is_in(address, REFUSED_IPV6)


def _is_in(address: Address, networks: Iterable[Network]) -> bool:
    return any(address.version == network.version and address in network for network in networks)
