"""What a POST with an idempotency key came to, so that the same request sent again is not done again."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models

from integrations.ids import uuid7


class IdempotencyAnswer(models.Model):
    """A key, and the request that was made with it. Without a status the request is under way.

    Kept are the status, the id of the object and the names of the answer's members: no body, so no secret either. Only an
    answer that no GET shows again and that holds no secret is kept whole, in `answer`.
    `id` is the claim of the request that does the work. `tenant_id` is null where the platform itself is asked.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant_id = models.UUIDField(null=True)
    audience = models.CharField(max_length=16)
    key = models.CharField(max_length=255)
    fingerprint = models.CharField(max_length=64)
    status_code = models.SmallIntegerField(null=True)
    object_id = models.CharField(max_length=64, blank=True)
    members = ArrayField(models.TextField(), default=list, blank=True)
    answer = models.JSONField(null=True)
    claimed_at = models.DateTimeField()
    expires_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["tenant_id", "audience", "key"], nulls_distinct=False, name="idempotency_answer_unique"
            )
        ]
        indexes: ClassVar = [models.Index(fields=["expires_at"], name="idempotency_answer_expiry")]

    def __str__(self) -> str:
        return self.key
