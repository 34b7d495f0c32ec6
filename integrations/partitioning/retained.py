"""Which partitioned tables grow old: each room declares its own, `settings.RETAINED_TABLES` names the declarations."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.db import models
from django.utils.module_loading import import_string


@dataclass(frozen=True, slots=True)
class RetainedTable:
    """A table in daily partitions on its UUIDv7 id, with a `tenant_id`, whose old rows go.

    `kept_at_least`: whatever the settings say, younger rows stay, since something may still need them.
    `holds_payloads`: the shorter retention of payloads counts. `is_archived`: partitions are written to the archive.
    """

    model: type[models.Model]
    kept_at_least: timedelta
    holds_payloads: bool = False
    is_archived: bool = False


def retained_tables() -> list[RetainedTable]:
    """Return the tables of `settings.RETAINED_TABLES`, in their order."""
    return [table for path in settings.RETAINED_TABLES for table in import_string(path)]
