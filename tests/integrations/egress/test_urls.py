from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from integrations.egress.addresses import is_allowed
from integrations.egress.destination import Destination
from integrations.egress.urls import DestinationError, check_destination


@pytest.fixture(autouse=True)
def _nothing_allowed(settings) -> None:
    settings.OUTBOUND_ALLOWED_NETWORKS = []
    settings.OUTBOUND_REQUIRE_HTTPS = False


@pytest.mark.parametrize(
    ("url", "normal"),
    [
        ("https://Example.COM/Hook", "https://example.com/Hook"),
        ("HTTPS://example.com", "https://example.com"),
        ("https://example.com:443/a", "https://example.com/a"),
        ("http://example.com:80/", "http://example.com/"),
        ("http://example.com:8080/a?b=c&d=e%20f", "http://example.com:8080/a?b=c&d=e%20f"),
        ("https://example.com./a", "https://example.com/a"),
        ("https://bücher.example/ä?ö", "https://xn--bcher-kva.example/%C3%A4?%C3%B6"),
        ("https://my_host.example.com/", "https://my_host.example.com/"),
        ("  https://example.com/a  ", "https://example.com/a"),
        ("https://8.8.8.8/", "https://8.8.8.8/"),
        ("https://[2606:4700:0:0::1111]:8443/x", "https://[2606:4700::1111]:8443/x"),
    ],
)
def test_check_destination_normalises(url: str, normal: str) -> None:
    assert check_destination(url) == normal


@pytest.mark.parametrize(
    ("url", "word"),
    [
        ("", "start with"),
        ("example.com/a", "start with"),
        ("ftp://example.com/", "start with"),
        ("file:///etc/passwd", "start with"),
        ("gopher://example.com/", "start with"),
        ("https:///path", "no host"),
        ("https://", "no host"),
        ("https://user:secret@example.com/", "password"),
        ("https://user@example.com/", "password"),
        ("https://example.com@127.0.0.1/", "password"),
        ("https://example.com/#part", "fragment"),
        ("https://example.com:0/", "port"),
        ("https://example.com:65536/", "port"),
        ("https://example.com:x/", "port"),
        ("https://exa mple.com/", "space"),
        ("https://example.com\\@127.0.0.1/", "backslash"),
        ("https://example.com/\r\nX-Injected: 1", "control"),
        ("https://example.com/\x00", "control"),
        ("https://[::1/", "valid URL"),
        ("https://example.com/\ud800", "valid URL"),
        ("https://-example.com/", "not valid"),
        ("https://example..com/", "not valid"),
        ("https://exam%70le.com/", "not valid"),
        ("https://" + "a" * 64 + ".com/", "not valid"),
        ("https://example.com/" + "a" * 2048, "longer"),
        ("https://[fe80::1%25eth0]/", "interface"),
        ("https://[1:2]/", "valid"),
    ],
)
def test_check_destination_refuses_what_is_no_plain_http_url(url: str, word: str) -> None:
    with pytest.raises(DestinationError) as refusal:
        check_destination(url)
    assert word in refusal.value.reason


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "10.0.0.5",
        "169.254.169.254",
        "192.168.0.1",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]",
        "[fd00:ec2::254]",
        "localhost",
        "LOCALHOST.",
        "app.localhost",
        "printer.local",
        "metadata.google.internal",
        "intranet",
        "router.home.arpa",
    ],
)
def test_check_destination_refuses_private_hosts(host: str) -> None:
    with pytest.raises(DestinationError) as refusal:
        check_destination(f"http://{host}/latest/meta-data")
    assert "private or reserved network" in refusal.value.reason


@pytest.mark.parametrize(
    "host",
    [
        "2130706433",
        "0x7f000001",
        "0x7f.0.0.1",
        "0177.0.0.1",
        "017700000001",
        "127.1",
        "127.0.1",
        "0",
        "1.2.3.4.5",
        "256.1.1.1",
        "8.8.8.010",
        "foo.0x7f",
        "example.1",
        "１２７.0x0.0.1",
    ],
)
def test_check_destination_refuses_other_notations_of_ipv4(host: str) -> None:
    with pytest.raises(DestinationError) as refusal:
        check_destination(f"http://{host}/")
    assert "four decimal numbers" in refusal.value.reason


@pytest.mark.parametrize("host", ["１２７.0.0.1", "①②⑦.⓪.⓪.①", "127。0。0。1", "ⓛⓞⓒⓐⓛⓗⓞⓢⓣ"])
def test_check_destination_sees_through_unicode_disguises(host: str) -> None:
    with pytest.raises(DestinationError) as refusal:
        check_destination(f"http://{host}/")
    assert "private or reserved network" in refusal.value.reason


def test_check_destination_refuses_http_when_https_is_required(settings) -> None:
    settings.OUTBOUND_REQUIRE_HTTPS = True

    with pytest.raises(DestinationError, match="https://"):
        check_destination("http://example.com/")
    assert check_destination("https://example.com/") == "https://example.com/"


def test_check_destination_opens_what_the_operator_lists(settings) -> None:
    settings.OUTBOUND_ALLOWED_NETWORKS = ["127.0.0.0/8"]

    assert check_destination("http://127.0.0.1:9000/hook") == "http://127.0.0.1:9000/hook"
    assert check_destination("http://localhost:9000/") == "http://localhost:9000/"
    with pytest.raises(DestinationError):
        check_destination("http://10.0.0.1/")
    with pytest.raises(DestinationError):
        check_destination("http://n8n:5678/")

    settings.OUTBOUND_ALLOWED_NETWORKS = ["172.16.0.0/12"]
    assert check_destination("http://n8n:5678/webhook") == "http://n8n:5678/webhook"
    with pytest.raises(DestinationError):
        check_destination("http://localhost/")


_pieces = st.sampled_from(
    [
        "http://",
        "https://",
        "127.0.0.1",
        "0x7f.1",
        "example.com",
        "[::1]",
        "@",
        ":",
        "/",
        "?",
        "%2f",
        "%",
        ".",
        "..",
        "ä",
        "。",
    ]
)


@given(st.lists(_pieces | st.text(max_size=3), min_size=1, max_size=8).map("".join))
def test_check_destination_returns_only_what_the_sender_reads_alike(url: str) -> None:
    """Whatever is let through has the same host and port for the HTTP client, and is no literal private address."""
    try:
        normal = check_destination(url)
    except DestinationError:
        return
    assert check_destination(normal) == normal
    sent, read = Destination.of(normal), URL(normal)
    assert (sent.origin.host, sent.origin.port) == (read.host, read.port)  # another parser reads it alike
    host = normal.partition("://")[2].partition("/")[0].partition("?")[0]
    assert f"{read.host_subcomponent}:{sent.origin.port}" in {host, f"{host}:80", f"{host}:443"}
    assert f"\r\nHost: {host}\r\n".encode() in sent.head
    assert sent.head.count(b"\n") == 4
    assert read.raw_user is None
    if ":" in sent.origin.host or sent.origin.host.replace(".", "").isdigit():
        assert is_allowed(sent.origin.host)
