"""How long history is kept, and how much of it is gone."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

# A longest age that nobody means, so that dates stay dates.
LONGEST_DAYS: Final = 3_650
# Deliveries of a disabled webhook are held for seven days, and those of today's beginning are a day old already.
SHORTEST_DAYS: Final = 8
SHORTEST_PAYLOAD_DAYS: Final = 3
ALL_TENANTS: Final = UUID(int=0)


class TenantRetention(models.Model):
    """How long a tenant's history is kept where that is shorter than the site's; null: as long as the site's."""

    tenant_id = models.UUIDField(primary_key=True)
    days = models.PositiveIntegerField(
        null=True,
        blank=True,
        validators=[MinValueValidator(SHORTEST_DAYS), MaxValueValidator(LONGEST_DAYS)],
        help_text="Days that calls, events and deliveries are kept.",
    )
    payload_days = models.PositiveIntegerField(
        null=True,
        blank=True,
        validators=[MinValueValidator(SHORTEST_PAYLOAD_DAYS), MaxValueValidator(LONGEST_DAYS)],
        help_text="Days that payloads are kept, which may be fewer.",
    )

    class Meta:
        verbose_name = "retention of a tenant"
        verbose_name_plural = "retention of tenants"

    def __str__(self) -> str:
        return f"retention of {self.tenant_id}"


class PurgeHorizon(models.Model):
    """The moment before which calls may have been removed, of a tenant or of all (`ALL_TENANTS`).

    Written before anything is removed: sums of hours before it can no longer be recomputed from rows.
    """

    tenant_id = models.UUIDField(primary_key=True)
    calls_before = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.tenant_id} {self.calls_before:%Y-%m-%d %H:%M}"
