"""A system check: can this environment recognise the keys that the database has?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Info, Tags, Warning, register
from django.db import connection
from django.db.models import Count
from django.utils import timezone

from integrations.api_keys.hashing import peppers
from integrations.api_keys.models import APIKey


@register(Tags.database)
def check_peppers(databases: Sequence[str] | None = None, **_options: Any) -> list[CheckMessage]:
    """Report live keys that need a pepper which is not at hand, and how far a change of pepper has come."""
    if "default" not in (databases or ()) or settings.CONFIGURATION_PROBLEMS or not _has_table():
        return []
    live = APIKey.objects.live(timezone.now()).order_by("pepper_fingerprint")
    needed = dict(live.values_list("pepper_fingerprint").annotate(count=Count("id")))
    known = peppers()
    messages: list[CheckMessage] = []
    if missing := {pepper: count for pepper, count in needed.items() if pepper not in known.fingerprints}:
        messages.append(
            Warning(
                f"{sum(missing.values())} live API keys were hashed with a pepper that this environment does not have "
                f"({', '.join(missing)}): requests with them are answered 503.",
                hint="Set API_KEY_PEPPER to it or list it in API_KEY_PEPPER_PREVIOUS. If it is lost, revoke these keys.",
                id="integrations.W040",
            )
        )
    if settings.API_KEY_PEPPER_PREVIOUS:
        waiting = sum(needed.get(pepper, 0) for pepper in known.fingerprints[1:])
        messages.append(
            Info(
                f"{waiting} live API keys still need API_KEY_PEPPER_PREVIOUS: each is hashed anew when it is next used.",
                hint="Empty API_KEY_PEPPER_PREVIOUS once this says 0, or rotate the keys that nobody uses.",
                id="integrations.I041",
            )
        )
    return messages


def _has_table() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass(%s) IS NOT NULL", [APIKey._meta.db_table])
        return bool(cursor.fetchone()[0])
