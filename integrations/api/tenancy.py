"""Which tenant a request is about, who makes it, and what they may do."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar
from uuid import UUID

from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from integrations.activity.actor import Actor
from integrations.api.audience import Audience
from integrations.api.idempotency import IdempotentPosts
from integrations.api.limits import count_request
from integrations.api.permissions import HasScope
from integrations.api.preconditions import refuse_condition_that_is_not_kept
from integrations.api_keys.usage import counter
from integrations.authentication.access import TenantAccess
from integrations.authentication.tenants import tenant_authenticators
from integrations.isolation import guard
from integrations.platform_roles import may_see_secrets
from integrations.scopes import Needed
from integrations.tenant_lookup import get_tenant

if TYPE_CHECKING:
    from integrations.models import Tenant


class ActorMixin(IdempotentPosts):
    """Gives a view `self.actor`, whom its services name in the activity log, and its POSTs their idempotency keys."""

    @cached_property
    def actor(self) -> Actor:
        if isinstance(self.request.auth, TenantAccess):
            return self.request.auth.actor
        return Actor.of(self.request.user, self.request)

    @property
    def hide_secrets(self) -> bool:
        """Whether an answer must not even show secrets masked: to auditors of the platform."""
        return not isinstance(self.request.auth, TenantAccess) and not may_see_secrets(self.request.user)


class TenantMixin(ActorMixin):
    """Gives a view `self.tenant`, found after authentication and permission and before the body is read.

    The same view serves both audiences: platform admins, whose path names the tenant, and the tenant itself, whose
    credential does. `scopes` says what the latter needs for each method; a method without an entry is refused.
    """

    audience: Audience = Audience.PLATFORM
    scopes: ClassVar[Mapping[str, Needed]] = {}
    tenant: Tenant
    _key_in_use: UUID | None = None

    def get_authenticators(self) -> list[BaseAuthentication]:
        if self.audience is Audience.TENANT:
            return tenant_authenticators()
        return super().get_authenticators()

    def get_permissions(self) -> list[Any]:
        return [HasScope()] if self.audience is Audience.TENANT else list(super().get_permissions())

    def perform_authentication(self, request: Request) -> None:
        super().perform_authentication(request)
        if isinstance(request.auth, TenantAccess):
            guard.arm(request.auth.tenant.id)
            self._key_in_use = request.auth.api_key_id
            count_request(request)  # before permissions are looked at: what is refused counts, too

    def dispatch(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        """Answer the request, and count it for the key that made it: as an error, too, when something unforeseen ends it."""
        status = 500
        try:
            response = super().dispatch(request, *args, **kwargs)
            status = response.status_code
            return response
        finally:
            if self._key_in_use is not None:
                address = getattr(request, "client_address", None)
                counter.count(self._key_in_use, is_error=status >= 400, address=address)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        refuse_condition_that_is_not_kept(request, self)
        self.tenant = self.get_tenant()

    def get_tenant(self) -> Tenant:
        """Return the credential's tenant, or that of the path; `NotFoundError` (404) where the path names no tenant."""
        if self.audience is Audience.TENANT:
            return self._credential.tenant
        return get_tenant(self.kwargs["tenant"])

    @property
    def access(self) -> TenantAccess | None:
        """The tenant's own credential; None when a platform admin acts for the tenant."""
        return self._credential if self.audience is Audience.TENANT else None

    @property
    def _credential(self) -> TenantAccess:
        credential: Any = self.request.auth
        assert isinstance(credential, TenantAccess)  # noqa: S101  (permission is given to no other at this audience)
        return credential
