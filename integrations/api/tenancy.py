"""Which tenant a request is about, who makes it, and what they may do."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from rest_framework.authentication import BaseAuthentication
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from integrations.activity.actor import Actor
from integrations.api.audience import Audience
from integrations.api.limits import tenant_throttles
from integrations.api.permissions import HasScope
from integrations.authentication.access import TenantAccess
from integrations.authentication.tenants import tenant_authenticators
from integrations.scopes import Scope
from integrations.tenant_lookup import get_tenant

if TYPE_CHECKING:
    from rest_framework.views import APIView

    from integrations.models import Tenant

    _Base = APIView
else:
    _Base = object


class ActorMixin(_Base):
    """Gives a view `self.actor`, whom its services name in the activity log."""

    @cached_property
    def actor(self) -> Actor:
        if isinstance(self.request.auth, TenantAccess):
            return self.request.auth.actor
        return Actor.of(self.request.user, self.request)


class TenantMixin(ActorMixin):
    """Gives a view `self.tenant`, found after authentication and permission and before the body is read.

    The same view serves both audiences: platform admins, whose path names the tenant, and the tenant itself, whose
    credential does. `scopes` says what the latter needs for each method; a method without an entry is refused.
    """

    audience: Audience = Audience.PLATFORM
    scopes: ClassVar[Mapping[str, Scope]] = {}
    tenant: Tenant

    def get_authenticators(self) -> list[BaseAuthentication]:
        if self.audience is Audience.TENANT:
            return tenant_authenticators()
        return super().get_authenticators()

    def get_permissions(self) -> list[Any]:
        permissions: list[BasePermission] = list(super().get_permissions())
        return [HasScope()] if self.audience is Audience.TENANT else permissions

    def get_throttles(self) -> list[BaseThrottle]:
        if self.audience is Audience.TENANT:
            return tenant_throttles()
        return super().get_throttles()

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        self.tenant = self.get_tenant()

    def get_tenant(self) -> Tenant:
        """Return the credential's tenant, or that of the path; `NotFoundError` (404) where the path names no tenant."""
        if self.audience is Audience.TENANT:
            access: TenantAccess = self.request.auth
            return access.tenant
        return get_tenant(self.kwargs["tenant"])

    @property
    def access(self) -> TenantAccess | None:
        """The tenant's own credential; None when a platform admin acts for the tenant."""
        return self.request.auth if self.audience is Audience.TENANT else None
