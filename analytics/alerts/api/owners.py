"""The two owners of rules and channels, which share their views: a tenant, and the platform itself."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING
from uuid import UUID

from analytics.alerts.ownership import owner_scope
from integrations.api.tenancy import ActorMixin, TenantMixin

if TYPE_CHECKING:
    from integrations.models import Tenant


class OwnerMixin(ActorMixin):
    """Gives a view `self.owner`: whose the rules, channels and alerts are; None for the platform."""

    @property
    def owner(self) -> Tenant | None:
        return getattr(self, "tenant", None)

    @property
    def owner_id(self) -> UUID | None:
        return self.owner.id if self.owner is not None else None

    @contextmanager
    def scope(self) -> Iterator[None]:
        """Open the owner's scope for a unit of work."""
        with owner_scope(self.owner_id):
            yield


class OfTenant(TenantMixin, OwnerMixin):
    """For the addresses of tenants, and of platform admins who act for one."""


class OfPlatform(OwnerMixin):
    """For the platform's own addresses; platform admins alone are let in."""
