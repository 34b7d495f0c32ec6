from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from integrations.api_keys.rules import cleaned
from integrations.errors import InvalidInputError

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)


def refusal(**given: object) -> dict[str, list[str]]:
    with pytest.raises(InvalidInputError) as refused:
        cleaned(given, now=NOW)
    return refused.value.errors


def test_values_are_stored_in_one_spelling() -> None:
    clean = cleaned(
        {
            "name": "  Shop  ",
            "scopes": ["webhooks:read", "events:write", "webhooks:read"],
            "allowed_networks": ["10.0.0.0/8", " 203.0.113.7 ", "2001:DB8::/32", "10.0.0.0/8"],
            "rate_limit": 1,
            "expires_at": NOW + timedelta(seconds=1),
        },
        now=NOW,
    )
    assert clean == {
        "name": "Shop",
        "scopes": ["events:write", "webhooks:read"],
        "allowed_networks": ["10.0.0.0/8", "203.0.113.7/32", "2001:db8::/32"],
        "rate_limit": 1,
        "expires_at": NOW + timedelta(seconds=1),
    }


@pytest.mark.parametrize("name", ["", "  ", "x" * 101, None, 3], ids=["empty", "blank", "long", "none", "number"])
def test_name_needs_1_to_100_characters(name: object) -> None:
    assert refusal(name=name) == {"name": ["Give it 1 to 100 characters."]}


@pytest.mark.parametrize("name", ["a\x00b", "a\nb", "a\ud800b"], ids=["nul", "newline", "surrogate"])
def test_name_has_no_control_characters(name: str) -> None:
    assert refusal(name=name) == {"name": ["Contains a control character."]}


@pytest.mark.parametrize("scopes", [["*"], ["webhooks:*"], ["keys:*", "events:write"]])
def test_wildcards_are_scopes(scopes: list[str]) -> None:
    assert cleaned({"scopes": scopes}, now=NOW)["scopes"] == sorted(scopes)


@pytest.mark.parametrize(
    "scope", ["", "webhooks", "webhooks:", "*:read", "Webhooks:read", "billing:*", "webhooks:read "]
)
def test_unknown_scopes_are_named_with_the_known_ones(scope: str) -> None:
    [reason] = refusal(scopes=["events:write", scope])["scopes"]
    assert reason.startswith(f"Unknown: {scope}. Known are events:write, webhooks:read, ")
    assert "keys:manage" in reason


def test_key_needs_a_scope() -> None:
    assert refusal(scopes=[])["scopes"][0].startswith("Name at least one: ")


@pytest.mark.parametrize("value", ["*", {"*": 1}, [1], [["*"]], None], ids=["text", "map", "numbers", "nested", "none"])
def test_lists_are_lists_of_strings(value: object) -> None:
    assert refusal(scopes=value, allowed_networks=value) == {
        "scopes": ["Must be a list of strings."],
        "allowed_networks": ["Must be a list of strings."],
    }


@pytest.mark.parametrize(
    ("network", "reason"),
    [
        ("example.com", "is no network: write it as 203.0.113.0/24"),
        ("10.0.0.0/33", "is no network"),
        ("10.0.0.0\x00", "is no network"),
        ("", "is no network"),
        ("10.0.0.1/8", "write 10.0.0.0/8 or 10.0.0.1."),
        ("::ffff:10.0.0.0/104", "write the IPv4 network"),
        ("fe80::1%eth0", "names a zone"),
    ],
    ids=["name", "prefix", "nul", "empty", "host-bits", "mapped", "zone"],
)
def test_networks_that_are_none_say_how_to_write_them(network: str, reason: str) -> None:
    [said] = refusal(allowed_networks=["10.0.0.0/8", network])["allowed_networks"]
    assert reason in said


def test_at_most_20_networks() -> None:
    networks = [f"10.{number}.0.0/16" for number in range(21)]
    assert len(cleaned({"allowed_networks": networks[:20]}, now=NOW)["allowed_networks"]) == 20
    assert refusal(allowed_networks=networks)["allowed_networks"][0].startswith("At most 20 networks")


@pytest.mark.parametrize("limit", [0, -1, 1_000_001, True, 1.5, "10", None], ids=str)
def test_rate_limit_is_a_whole_number_in_bounds(limit: object) -> None:
    assert refusal(rate_limit=limit) == {
        "rate_limit": ["Must be a whole number from 1 to 1,000,000 requests per hour."]
    }


@pytest.mark.parametrize("moment", [NOW, NOW - timedelta(days=1)], ids=["now", "past"])
def test_end_lies_in_the_future(moment: datetime) -> None:
    assert refusal(expires_at=moment) == {"expires_at": ["Must be in the future. To end a key now, revoke it."]}


@pytest.mark.parametrize("moment", ["2030-01-01", NOW.replace(tzinfo=None)], ids=["text", "naive"])
def test_end_is_a_moment_with_its_zone(moment: object) -> None:
    assert refusal(expires_at=moment)["expires_at"][0].startswith("Must be a time with its zone")


def test_all_wrong_fields_are_named_at_once() -> None:
    assert set(refusal(name="", scopes=[], rate_limit=0)) == {"name", "scopes", "rate_limit"}
