"""Which member a tenant's request comes from, and what they may decide about others."""

from __future__ import annotations

from integrations.api.tenancy import TenantMixin
from integrations.models import Membership
from integrations.services.member_authority import PLATFORM, MemberAuthority, authority_of


class MemberMixin(TenantMixin):
    """Gives a view the membership of the person who asks, and their authority over members."""

    @property
    def membership(self) -> Membership | None:
        """The person's own membership; None for platform admins and API keys."""
        return self.access.membership if self.access else None

    @property
    def authority(self) -> MemberAuthority:
        if self.access is None:
            return PLATFORM
        return authority_of(self.membership) if self.membership else MemberAuthority(self.access.scopes)
