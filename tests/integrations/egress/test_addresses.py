from __future__ import annotations

from ipaddress import ip_network

import pytest

from integrations.egress.addresses import is_allowed


@pytest.fixture(autouse=True)
def _nothing_allowed(settings) -> None:
    settings.OUTBOUND_ALLOWED_NETWORKS = []


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0",  # noqa: S104  (an example)
        "10.0.0.1",
        "100.64.0.1",
        "100.100.100.200",
        "127.0.0.1",
        "127.255.255.254",
        "168.63.129.16",
        "169.254.169.254",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.192",
        "192.0.2.1",
        "192.88.99.1",
        "192.168.1.1",
        "198.18.0.1",
        "198.19.255.255",
        "198.51.100.1",
        "203.0.113.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::127.0.0.1",
        "::ffff:127.0.0.1",
        "::ffff:8.8.8.8",
        "64:ff9b::7f00:1",
        "64:ff9b::808:808",
        "64:ff9b:1::7f00:1",
        "100::1",
        "2001::1",
        "2001:2::1",
        "2001:db8::1",
        "2002:7f00:1::1",
        "3fff::1",
        "5f00::1",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "fe80::1%2",
        "fec0::1",
        "ff02::1",
    ],
)
def test_is_allowed_refuses_what_is_not_public(address: str) -> None:
    assert not is_allowed(address)


@pytest.mark.parametrize(
    "address", ["1.1.1.1", "8.8.8.8", "172.32.0.1", "198.20.0.1", "2606:4700::1111", "2a00:1450::1"]
)
def test_is_allowed_lets_public_addresses_through(address: str) -> None:
    assert is_allowed(address)


def test_is_allowed_lets_listed_networks_through_and_no_others(settings) -> None:
    settings.OUTBOUND_ALLOWED_NETWORKS = [ip_network("10.1.0.0/16"), "fd00::/64"]

    assert is_allowed("10.1.2.3")
    assert is_allowed("fd00::5")
    assert not is_allowed("10.2.0.1")
    assert not is_allowed("::ffff:10.1.2.3")


def test_is_allowed_raises_when_it_is_no_address() -> None:
    with pytest.raises(ValueError):
        is_allowed("example.com")
