"""Who may come in at `/api/v1`: a tenant's API key, or one of its members."""

from __future__ import annotations

from rest_framework.authentication import BaseAuthentication

from integrations.authentication.api_keys import APIKeyAuthentication
from integrations.authentication.members import MemberAuthentication


def tenant_authenticators() -> list[BaseAuthentication]:
    """Return the ways to authenticate as a tenant, in the order in which they are tried."""
    return [APIKeyAuthentication(), MemberAuthentication()]
