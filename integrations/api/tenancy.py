"""Which tenant a request is about, and who makes it."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from rest_framework.request import Request

from integrations.activity.actor import Actor
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
        return Actor.of(self.request.user, self.request)


class TenantMixin(ActorMixin):
    """Gives a view `self.tenant`, found after authentication and permission and before the body is read.

    Another source of the tenant (an API key) overrides `get_tenant`; the view itself stays the same.
    """

    tenant: Tenant

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        self.tenant = self.get_tenant()

    def get_tenant(self) -> Tenant:
        """Return the tenant that the path names by id or slug; `NotFoundError` (404) for any other."""
        return get_tenant(self.kwargs["tenant"])
