from __future__ import annotations

from datetime import UTC, datetime, timedelta
from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.api_keys.authority import Authority
from integrations.api_keys.models import APIKey
from integrations.errors import NotAllowedError

END = datetime(2030, 1, 1, tzinfo=UTC)


def key(**given: object) -> APIKey:
    return APIKey(**{"name": "x", "scopes": ["webhooks:read"], **given})


def may(holder: Authority, wanted: APIKey) -> bool:
    try:
        holder.require_to_cover(wanted)
    except NotAllowedError:
        return False
    return True


@pytest.mark.parametrize(
    ("held", "given", "allowed"),
    [
        (["*"], ["*"], True),
        (["*"], ["webhooks:*", "keys:manage"], True),
        (["webhooks:*"], ["webhooks:read", "webhooks:*"], True),
        (["webhooks:*"], ["*"], False),
        (["webhooks:read", "webhooks:write"], ["webhooks:*"], False),  # which stands for what will be added, too
        (["webhooks:read"], ["webhooks:write"], False),
        (["webhooks:read"], ["webhooks:read", "keys:manage"], False),
    ],
    ids=lambda value: "+".join(value) if isinstance(value, list) else str(value),
)
def test_scopes_reach_as_far_as_those_of_the_holder(held: list[str], given: list[str], allowed: bool) -> None:
    assert may(Authority(frozenset(held)), key(scopes=given)) is allowed


@pytest.mark.parametrize(
    ("held", "given", "allowed"),
    [
        ([], [], True),
        ([], ["10.0.0.0/8"], True),
        (["10.0.0.0/8"], [], False),
        (["10.0.0.0/8"], ["10.1.0.0/16", "10.2.0.0/16"], True),
        (["10.0.0.0/8"], ["10.1.0.0/16", "11.0.0.0/16"], False),
        (["10.0.0.0/8"], ["0.0.0.0/0"], False),
        (["10.0.0.0/8"], ["::/0"], False),
        (["0.0.0.0/0", "::/0"], [], False),
        (["10.0.0.0/8", "2001:db8::/32"], ["2001:db8:1::/48"], True),
    ],
    ids=lambda value: "+".join(value) or "everywhere" if isinstance(value, list) else str(value),
)
def test_networks_lie_within_those_of_the_holder(held: list[str], given: list[str], allowed: bool) -> None:
    assert may(Authority(frozenset({"*"}), tuple(held)), key(allowed_networks=given)) is allowed


@given(st.ip_addresses(v=4), st.integers(0, 32), st.ip_addresses(v=4), st.integers(0, 32))
def test_network_that_is_allowed_holds_no_address_that_the_holder_lacks(
    outer: object, outer_bits: int, inner: object, inner_bits: int
) -> None:
    held = ip_network(f"{outer}/{outer_bits}", strict=False)
    given_network = ip_network(f"{inner}/{inner_bits}", strict=False)
    allowed = may(Authority(frozenset({"*"}), (str(held),)), key(allowed_networks=[str(given_network)]))
    assert allowed == (given_network[0] in held and given_network[-1] in held)


@pytest.mark.parametrize(("limit", "allowed"), [(999, True), (1000, True), (1001, False)])
def test_rate_limit_is_no_higher_than_the_holders(limit: int, allowed: bool) -> None:
    assert may(Authority(frozenset({"*"}), rate_limit=1000), key(rate_limit=limit)) is allowed


@pytest.mark.parametrize(
    ("end", "allowed"),
    [(END, True), (END - timedelta(days=1), True), (END + timedelta(seconds=1), False), (None, False)],
    ids=["same", "earlier", "later", "never"],
)
def test_end_is_no_later_than_the_holders(end: datetime | None, allowed: bool) -> None:
    assert may(Authority(frozenset({"*"}), expires_at=END), key(expires_at=end)) is allowed


def test_refusal_names_what_is_too_much() -> None:
    with pytest.raises(NotAllowedError, match=r"scopes that you do not have: keys:manage, webhooks:write\."):
        Authority(frozenset({"webhooks:read"})).require_to_cover(key(scopes=["keys:manage", "webhooks:write"]))
