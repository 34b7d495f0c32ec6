"""People in tenants, and API clients that carry their access tokens."""

from __future__ import annotations

from rest_framework.test import APIClient

from integrations.activity.actor import Actor
from integrations.authentication.tokens import issue_tokens
from integrations.models import Membership, Role, Tenant, User
from integrations.services.memberships import add_member

PASSWORD = "a long enough passphrase"


def person(name: str, password: str = PASSWORD) -> User:
    return User.objects.create_user(name, f"{name}@example.com", password)


def join(tenant: Tenant, name: str, role: Role) -> Membership:
    """Make a new person a member."""
    return add_member(actor=Actor.system("test"), tenant=tenant, user=person(name), role=role)


def client_of(user: User, tenant: Tenant | None = None) -> APIClient:
    """Return a client that carries the person's access token, and names a tenant where one is given."""
    client = APIClient()
    named = {"HTTP_X_SIGNALBOX_TENANT": tenant.slug} if tenant else {}
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {issue_tokens(user=user).access}", **named)
    return client
