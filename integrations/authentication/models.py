"""Refresh tokens in use, and the second factor of platform staff."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models

from integrations.encryption.fields import EncryptedTextField, SealedModel
from integrations.ids import uuid7


class RefreshSession(models.Model):
    """A log-in over the API. Only the newest refresh token of a session is valid; an older one ends the session."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="refresh_sessions")
    token_number = models.IntegerField(default=1)
    expires_at = models.DateTimeField()
    created_at = models.DateTimeField(auto_now_add=True)
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["expires_at"], name="refresh_session_expiry")]

    def __str__(self) -> str:
        return f"session {self.id} of {self.user_id}"


class StaffDevice(SealedModel):
    """The authenticator app of one person: the key from which both sides compute the codes (TOTP, RFC 6238).

    It counts from `confirmed_at` on, when a first code proved that the app has the key. A code is good once:
    `last_step` is the newest time step that was used up.
    """

    encryption_tenant_field = None  # people are the platform's

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="staff_device")
    key = EncryptedTextField(help_text="Base32, as people type it.")
    confirmed_at = models.DateTimeField(null=True, editable=False)
    last_step = models.BigIntegerField(default=0, editable=False)
    failures = models.PositiveIntegerField(default=0, editable=False)
    next_try_at = models.DateTimeField(null=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"authenticator app of {self.user_id}"


class RecoveryCode(models.Model):
    """A code for the day on which the authenticator app is lost. Only its HMAC is stored; it is good once."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    device = models.ForeignKey(StaffDevice, on_delete=models.CASCADE, related_name="recovery_codes")
    code_hmac = models.CharField(max_length=64, editable=False)
    used_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["device", "code_hmac"], name="recovery_code_unique"),
        ]

    def __str__(self) -> str:
        return f"recovery code {self.id}"
