"""Whose roles somebody may give and take: nobody decides about more than they may do themselves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from integrations.errors import NotAllowedError
from integrations.models import Membership, Role
from integrations.scopes import ALL, ROLE_SCOPES, allows


@dataclass(frozen=True, slots=True)
class MemberAuthority:
    """What a credential may decide about members.

    That of a member names the membership, whose role is read again with the deed: it may have been taken meanwhile.
    """

    scopes: frozenset[str]
    is_owner: bool = False
    membership_id: UUID | None = None

    def covers(self, role: str) -> bool:
        """Tell whether they may give and take a role: that of owner if they are one, others if they may do as much."""
        if role == Role.OWNER:
            return self.is_owner
        return all(allows(self.scopes, scope) for scope in ROLE_SCOPES[role])

    def require(self, *roles: str) -> None:
        """Raise NotAllowedError for the first of these roles that is not theirs to decide about."""
        for role in roles:
            if self.covers(role):
                continue
            if role == Role.OWNER:
                raise NotAllowedError("Only an owner decides who is an owner.")
            raise NotAllowedError(f"The role {role} may do more than you: ask an owner or an admin.")


PLATFORM: Final = MemberAuthority(frozenset({ALL}), is_owner=True)


def authority_of(membership: Membership) -> MemberAuthority:
    """Return what a member may decide, by their role."""
    return MemberAuthority(ROLE_SCOPES[membership.role], membership.role == Role.OWNER, membership.id)
