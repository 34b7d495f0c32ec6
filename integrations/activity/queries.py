"""Reads of the activity log."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from django.db import connection
from django.db.models import QuerySet

from integrations.activity.models import ActivityLog
from integrations.ids import uuid7_floor

# Verbs are few and entries many: step from verb to verb through the index instead of reading all rows.
_VERBS: Final = """
WITH RECURSIVE verbs(verb) AS (
    (SELECT verb FROM integrations_activitylog ORDER BY verb LIMIT 1)
    UNION ALL
    SELECT (SELECT log.verb FROM integrations_activitylog AS log WHERE log.verb > verbs.verb ORDER BY log.verb LIMIT 1)
    FROM verbs WHERE verbs.verb IS NOT NULL
)
SELECT verb FROM verbs WHERE verb IS NOT NULL
"""


def known_verbs() -> list[str]:
    """Return every verb that an entry has, over all tenants; not for a tenant's scope."""
    with connection.cursor() as cursor:
        cursor.execute(_VERBS)
        return [verb for (verb,) in cursor.fetchall()]


def verb_groups() -> list[str]:
    """Return what verbs are about, the part before the full stop (`webhook` of `webhook.deleted`), in order."""
    return sorted({verb.partition(".")[0] for verb in known_verbs()})


def with_verb(entries: QuerySet[ActivityLog], pattern: str, *, across_tenants: bool) -> QuerySet[ActivityLog]:
    """Keep entries with this verb, or with all of a group (`webhook.*`)."""
    if not pattern.endswith(".*"):
        return entries.filter(verb=pattern)
    start = pattern[:-1]
    if not across_tenants:
        return entries.filter(verb__startswith=start)  # one tenant's entries are read by its own index
    return entries.filter(verb__in=[verb for verb in known_verbs() if verb.startswith(start)])


def made_between(entries: QuerySet[ActivityLog], start: datetime | None, end: datetime | None) -> QuerySet[ActivityLog]:
    """Keep entries made from `start` up to but without `end`, by their ids, which every index of the log ends with."""
    if start is not None:
        entries = entries.filter(id__gte=uuid7_floor(start))
    if end is not None:
        entries = entries.filter(id__lt=uuid7_floor(end))
    return entries
