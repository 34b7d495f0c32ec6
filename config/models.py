"""What the site as a whole remembers of itself: the counts of its processes, and a value to try its keys on."""

from __future__ import annotations

from typing import ClassVar, Final
from uuid import UUID

from django.contrib.postgres.fields import ArrayField
from django.db import models

from integrations.encryption.fields import EncryptedTextField, SealedModel

CANARY_ID: Final = UUID("0190c0de-cafe-7000-8000-000000000001")


class ProcessTotal(models.Model):
    """What all processes of a kind (web, worker, beat) have counted so far. Only grows; each process adds its part.

    What nobody counted for 90 days (a route that is gone) is forgotten.
    """

    pk = models.CompositePrimaryKey("process", "metric", "labels")
    process = models.CharField(max_length=16)
    metric = models.CharField(max_length=32)
    labels = models.TextField(help_text="The other parts of the key, as a JSON array.")
    count = models.BigIntegerField(default=0)
    seconds = models.FloatField(default=0)
    histogram = ArrayField(models.BigIntegerField())
    updated_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.metric} {self.labels} of {self.process}"


class RequestMinute(models.Model):
    """The API requests of all web processes that were counted in one minute; kept for a day."""

    minute = models.DateTimeField(primary_key=True)
    count = models.BigIntegerField(default=0)
    seconds = models.FloatField(default=0)
    histogram = ArrayField(models.BigIntegerField())

    def __str__(self) -> str:
        return f"{self.minute:%Y-%m-%d %H:%M}"


class DeliveryHour(models.Model):
    """The most that was ever seen of one hour's calls, of all tenants together; hours long past are added up in one row.

    So the totals that Prometheus reads never shrink, although the rows they come from may go: with a tenant that is
    deleted, or when rollups are rebuilt.
    """

    hour = models.DateTimeField(primary_key=True)
    sums = ArrayField(models.BigIntegerField(), help_text="In the order of `config.metrics.delivery_totals`.")

    def __str__(self) -> str:
        return f"{self.hour:%Y-%m-%d %H}h"


class EncryptionCanary(SealedModel):
    """One value under the platform's data key, which is opened to see whether this process's keys are the right ones."""

    encryption_tenant_field: ClassVar[str | None] = None

    id = models.UUIDField(primary_key=True, default=CANARY_ID, editable=False)
    value = EncryptedTextField()

    def __str__(self) -> str:
        return "encryption canary"
