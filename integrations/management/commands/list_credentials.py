"""`manage.py list_credentials`: which credentials are old, or end soon."""

from __future__ import annotations

import json
import re
from argparse import ArgumentParser, ArgumentTypeError
from datetime import datetime, timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db.models import F, Q
from django.db.models.functions import Coalesce
from django.utils import timezone

from integrations.errors import ServiceError
from integrations.models import Integration
from integrations.tenant_lookup import get_tenant


def _days(text: str) -> timedelta:
    match = re.fullmatch(r"([0-9]{1,4})d", text)
    if match is None:
        raise ArgumentTypeError(f"{text!r} is no age: write a whole number and d, such as 90d.")
    return timedelta(days=int(match[1]))


class Command(BaseCommand):
    help = "List integrations by the age of their secrets, oldest first. Values are never printed."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--older-than", type=_days, metavar="DAYS", help="such as 90d: replaced before then")
        parser.add_argument("--expiring-within", type=_days, metavar="DAYS", help="such as 14d: these end by then")
        parser.add_argument("--tenant", metavar="SLUG", help="of one tenant")
        parser.add_argument("--json", action="store_true", help="an object a line")

    def handle(self, *args: Any, **options: Any) -> None:
        rows = Integration.objects.filter(tenant__deleted_at=None).select_related("tenant")
        rows = rows.annotate(since=Coalesce("secret_changed_at", "created_at"))
        if options["tenant"]:
            try:
                rows = rows.filter(tenant=get_tenant(options["tenant"]))
            except ServiceError as error:
                raise CommandError(str(error)) from None
        now = timezone.now()
        wanted = Q()
        if options["older_than"] is not None:
            wanted |= Q(since__lt=now - options["older_than"])
        if options["expiring_within"] is not None:
            wanted |= Q(expires_at__lt=now + options["expiring_within"])
        for row in rows.filter(wanted).order_by("since", F("id")).iterator(chunk_size=500):
            self.stdout.write(_as_json(row) if options["json"] else _line(row, now))


def _as_json(row: Any) -> str:
    return json.dumps(
        {
            "tenant": row.tenant.slug,
            "integration": str(row.id),
            "name": row.name,
            "provider": row.provider,
            "owner": str(row.owner_id) if row.owner_id else None,
            "status": row.status,
            "secret_changed_at": row.since.isoformat(),
            "expires_at": row.expires_at.isoformat() if row.expires_at else None,
        }
    )


def _line(row: Any, now: datetime) -> str:
    ends = f", ends {row.expires_at:%Y-%m-%d}" if row.expires_at else ""
    own = " (a member's own)" if row.owner_id else ""
    return f"{(now - row.since).days:>5} d  {row.tenant.slug}  {row.provider}  {row.name}{own}  {row.id}{ends}"
