"""Invitations of people to become members of a tenant."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import ClassVar, Final, Self

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from integrations.ids import uuid7
from integrations.models.tenant import Role, Tenant

VALID_FOR: Final = timedelta(hours=72)


class InvitationState(models.TextChoices):
    PENDING = "pending", "Pending"
    ACCEPTED = "accepted", "Accepted"
    WITHDRAWN = "withdrawn", "Withdrawn"
    EXPIRED = "expired", "Expired"


class InvitationQuerySet(models.QuerySet["Invitation"]):
    def open(self) -> Self:
        """Leave out what was accepted or withdrawn; what has expired is open until another invitation replaces it."""
        return self.filter(accepted_at=None, withdrawn_at=None)

    def in_state(self, state: str, now: datetime) -> Self:
        """Filter by what `Invitation.state_at` answers."""
        if state == InvitationState.ACCEPTED:
            return self.exclude(accepted_at=None)
        if state == InvitationState.WITHDRAWN:
            return self.filter(accepted_at=None, withdrawn_at__lt=F("expires_at"))
        if state == InvitationState.PENDING:
            return self.open().filter(expires_at__gt=now)
        ended_late = Q(withdrawn_at=None, expires_at__lte=now) | Q(withdrawn_at__gte=F("expires_at"))
        return self.filter(ended_late, accepted_at=None)


class Invitation(models.Model):
    """An address that may become a member by following a link, once, within 72 hours.

    Of the link only a hash is stored, and none before the link is made: by whoever sends the mail, or at once where the
    site sends no mail.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="invitations")
    email = models.EmailField(max_length=150, help_text="In lower case.")
    role = models.CharField(max_length=16, choices=Role.choices, default=Role.MEMBER)
    token_hash = models.CharField(max_length=64, null=True, unique=True, editable=False)  # noqa: DJ001  (unique)
    expires_at = models.DateTimeField(editable=False)
    invited_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+", editable=False
    )
    invited_by_name = models.CharField(max_length=254, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    times_sent = models.PositiveIntegerField(default=1, editable=False, help_text="How many links it was given.")
    last_link_at = models.DateTimeField(editable=False, help_text="When the newest link was asked for.")
    sent_at = models.DateTimeField(null=True, editable=False, help_text="When the newest link's mail went out.")
    mail_due_at = models.DateTimeField(null=True, editable=False, help_text="When the mail is tried; empty for none.")
    mail_failures = models.PositiveIntegerField(default=0, editable=False)
    accepted_at = models.DateTimeField(null=True, editable=False)
    withdrawn_at = models.DateTimeField(null=True, editable=False)

    objects = InvitationQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["-id"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["tenant", "email"],
                condition=Q(accepted_at=None, withdrawn_at=None),
                name="invitation_one_open",
                violation_error_message="This address is invited already.",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["mail_due_at"], condition=Q(mail_due_at__isnull=False), name="invitation_mail_due"),
        ]

    def __str__(self) -> str:
        return self.email

    def state_at(self, now: datetime) -> InvitationState:
        """Return what has become of it. One that had expired before it was withdrawn stays expired."""
        if self.accepted_at is not None:
            return InvitationState.ACCEPTED
        if self.withdrawn_at is not None and self.withdrawn_at < self.expires_at:
            return InvitationState.WITHDRAWN
        return InvitationState.EXPIRED if self.expires_at <= now else InvitationState.PENDING
