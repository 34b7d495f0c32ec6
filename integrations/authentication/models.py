"""Refresh tokens in use."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models

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
