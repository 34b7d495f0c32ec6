"""Customers of the SaaS, and the people who act for them."""

from __future__ import annotations

from typing import ClassVar, Self
from uuid import UUID

from django.conf import settings
from django.core.validators import RegexValidator
from django.db import models

from integrations.ids import uuid7

SLUG_PATTERN = r"^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\Z"


class TenantQuerySet(models.QuerySet["Tenant"]):
    def existing(self) -> Self:
        """Leave out tenants that were deleted and whose rows are still being removed."""
        return self.filter(deleted_at=None)

    def identified_by(self, reference: str) -> Self:
        """Find by id or slug, as `{id}` in a path allows."""
        try:
            return self.existing().filter(id=UUID(reference))
        except ValueError:
            return self.existing().filter(slug=reference)


class Tenant(models.Model):
    """A customer of the SaaS. Everything below belongs to exactly one tenant, or to the platform."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField(max_length=200)
    slug = models.CharField(
        max_length=63,
        validators=[RegexValidator(SLUG_PATTERN, "Use lower-case letters, digits and inner hyphens.")],
        help_text="Part of derived webhook addresses; cannot be changed later.",
    )
    is_active = models.BooleanField(
        default=True, help_text="An inactive tenant accepts nothing; its waiting deliveries are held."
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    deleted_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = TenantQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["name", "id"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["slug"],
                condition=models.Q(deleted_at=None),
                name="tenant_slug_unique",
                violation_error_message="Another tenant has this slug.",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Role(models.TextChoices):
    OWNER = "owner", "Owner"
    ADMIN = "admin", "Admin"
    MEMBER = "member", "Member"


class Membership(models.Model):
    """A person's role in a tenant."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=16, choices=Role.choices, default=Role.MEMBER)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar = ["tenant", "id"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["tenant", "user"],
                name="membership_unique",
                violation_error_message="This person is a member already.",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user} ({self.get_role_display()}) in {self.tenant}"
