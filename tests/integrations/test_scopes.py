"""What scopes mean, what views may ask for, and that the reference page says the same."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from integrations.models import Role
from integrations.scopes import ANY_CREDENTIAL, ROLE_SCOPES, AnyOf, Scope, allows, expanded, is_known, meets

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "scopes.md"


@pytest.mark.parametrize(
    ("granted", "allowed"),
    [
        ({"webhooks:read"}, True),
        ({"webhooks:*"}, True),
        ({"*"}, True),
        ({"webhooks:write", "webhook:*", "*:read", ""}, False),
        (set(), False),
    ],
    ids=["itself", "area", "all", "others", "none"],
)
def test_scope_is_allowed_by_itself_or_a_wildcard(granted: set[str], *, allowed: bool) -> None:
    assert allows(granted, Scope.WEBHOOKS_READ) is allowed


def test_any_of_several_is_enough_and_any_credential_needs_none() -> None:
    either = AnyOf({Scope.WEBHOOKS_READ, Scope.KEYS_MANAGE})
    assert meets({"keys:*"}, either)
    assert meets({"webhooks:read"}, either)
    assert not meets({"webhooks:write"}, either)
    assert not meets(set(), Scope.WEBHOOKS_READ)
    assert meets(set(), ANY_CREDENTIAL)
    assert (str(either), str(ANY_CREDENTIAL)) == ("keys:manage or webhooks:read", "any valid credential")


def test_unknown_scopes_stand_for_nothing() -> None:
    assert expanded({"webhooks:*", "fax:send"}) == {Scope.WEBHOOKS_READ, Scope.WEBHOOKS_WRITE}
    assert [is_known(scope) for scope in ("*", "webhooks:*", "webhooks:read", "fax:*", "webhooks", "webhooks:x")] == [
        True,
        True,
        True,
        False,
        False,
        False,
    ]


def test_reference_page_names_every_scope_and_who_has_it() -> None:
    rows = re.findall(
        r"^\| `([a-z]+:[a-z]+)` \|.*\| (✓?) ?\| (✓?) ?\| ?(✓?) ?\|$", PAGE.read_text("utf-8"), re.MULTILINE
    )
    documented = {
        scope: {role for role, mark in zip((Role.OWNER, Role.ADMIN, Role.MEMBER), marks, strict=True) if mark}
        for scope, *marks in rows
    }
    assert documented == {str(scope): {role for role in Role if allows(ROLE_SCOPES[role], scope)} for scope in Scope}
