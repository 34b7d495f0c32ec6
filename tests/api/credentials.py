"""Everybody who may knock at a tenant's door, and what they carry."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from django.utils import timezone

from integrations.activity.actor import Actor
from integrations.api_keys.key_text import CHECKSUM_CHARACTERS, KeyText, base62
from integrations.api_keys.models import APIKey
from integrations.authentication.members import TENANT_HEADER
from integrations.authentication.tokens import issue_tokens
from integrations.models import Role, Tenant, User
from integrations.scopes import ALL, ROLE_SCOPES, Scope, meets
from integrations.services.api_keys import IssuedKey, create_api_key, revoke_api_key
from integrations.services.tenants import create_tenant
from tests.api.objects import SAME_FOR_ALL, make_member
from tests.api.operations import Operation

Headers = Mapping[str, str]
_NAMES_A_TENANT: Final = f"HTTP_{TENANT_HEADER.upper().replace('-', '_')}"


@dataclass(frozen=True, slots=True)
class Doors:
    """The tenant at whose door they knock, another tenant, and the platform admin who set both up."""

    tenant: Tenant
    other: Tenant
    admin: User

    @property
    def actor(self) -> Actor:
        return Actor.of(self.admin)

    def issue(self, scopes: Collection[str], tenant: Tenant | None = None, **fields: Any) -> IssuedKey:
        """Make a key of the tenant, or of another one."""
        tenant, given = tenant or self.tenant, {"name": "caller", "scopes": sorted(scopes), **fields}
        return create_api_key(actor=self.actor, tenant=tenant, access=None, **given)

    def key(self, scopes: Collection[str], tenant: Tenant | None = None, **fields: Any) -> Headers:
        """Return the headers of a new key."""
        return _bearer(self.issue(scopes, tenant, **fields).text)

    def member(self, role: Role, tenant: Tenant | None = None) -> Headers:
        """Return the headers of a new member of the tenant, or of another one."""
        return token_of(make_member(tenant or self.tenant, self.actor, role).user)


def _bearer(text: str) -> Headers:
    return {"HTTP_AUTHORIZATION": f"Bearer {text}"}


def token_of(user: User) -> Headers:
    """Return the headers of a person who has just logged in."""
    return _bearer(issue_tokens(user=user).access)


def _expired(doors: Doors) -> Headers:
    issued = doors.issue([ALL])
    APIKey.objects.filter(id=issued.key.id).update(expires_at=timezone.now() - timedelta(seconds=1))
    return _bearer(issued.text)


def _revoked(doors: Doors) -> Headers:
    issued = doors.issue([ALL])
    revoke_api_key(actor=doors.actor, tenant=doors.tenant, key_id=issued.key.id)
    return _bearer(issued.text)


def _for_another_network(doors: Doors) -> Headers:
    issued = doors.issue([ALL])
    APIKey.objects.filter(id=issued.key.id).update(allowed_networks=["192.0.2.0/24"])
    return _bearer(issued.text)


def _with_another_secret(doors: Doors) -> Headers:
    """Return a key that exists but for one digit of its secret, with the checksum that belongs to that."""
    text = doors.issue([ALL]).text
    body, last = text[: -CHECKSUM_CHARACTERS - 1], text[-CHECKSUM_CHARACTERS - 1]
    body += "a" if last != "a" else "b"
    return _bearer(body + base62(zlib.crc32(body.encode()), CHECKSUM_CHARACTERS))


def _of_inactive_tenant(doors: Doors) -> Headers:
    idle = create_tenant(actor=doors.actor, name="Idle", slug="idle", is_active=False)
    return doors.key([ALL], idle)


def _stranger(doors: Doors) -> Headers:
    return token_of(User.objects.create_user("stranger", "stranger@example.com", "x"))


def _member_who_names_this_tenant(doors: Doors) -> Headers:
    return {**doors.member(Role.OWNER, doors.other), _NAMES_A_TENANT: doors.tenant.slug}


# Who is refused at every address, and how.
REFUSED: Final[Mapping[str, tuple[int, Callable[[Doors], Headers]]]] = {
    "no credential": (401, lambda doors: {}),
    "no bearer": (401, lambda doors: {"HTTP_AUTHORIZATION": "Basic YWRhOng="}),
    "malformed key": (401, lambda doors: _bearer("sb_live_nonsense")),
    "malformed token": (401, lambda doors: _bearer("nonsense")),
    "unknown key": (401, lambda doors: _bearer(KeyText.make().text)),
    "another secret": (401, _with_another_secret),
    "expired key": (401, _expired),
    "revoked key": (401, _revoked),
    "key for another network": (403, _for_another_network),
    "key of an inactive tenant": (403, _of_inactive_tenant),
    "person of no tenant": (403, _stranger),
    "platform admin": (403, lambda doors: token_of(doors.admin)),
    "other tenant's owner who names this tenant": (403, _member_who_names_this_tenant),
}


def refused(operation: Operation, doors: Doors) -> dict[str, tuple[int, Headers]]:
    """Return everybody who must not do this, with the status that they get."""
    found = {name: (status, make(doors)) for name, (status, make) in REFUSED.items()}
    if operation.needed is None:
        found["key with all scopes"] = (403, doors.key([ALL]))
    elif operation.scopes:
        found["key without the scope"] = (403, doors.key(set(Scope) - operation.scopes))
    if operation.needed is None or not meets(ROLE_SCOPES[Role.MEMBER], operation.needed):
        found["another member"] = (403, doors.member(Role.MEMBER))
    if set(operation.parameters) - SAME_FOR_ALL:
        found["other tenant's key"] = (404, doors.key([ALL], doors.other))
        found["other tenant's owner"] = (404, doors.member(Role.OWNER, doors.other))
    return found
