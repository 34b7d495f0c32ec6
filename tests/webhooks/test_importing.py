"""Imports beside other work on the same webhooks."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, transaction

from integrations.activity.actor import Actor
from integrations.models import Tenant
from tests.lock_waits import waiting_for_locks
from tests.running_site import wait_until
from tests.webhooks.webhook_steps import URL
from webhooks.models import Webhook
from webhooks.services.importing import ImportPlan, import_webhooks
from webhooks.services.webhooks import create_webhook
from webhooks.transfer.rows import FileRow


@pytest.mark.django_db(transaction=True)
def test_never_waits_in_a_circle_with_who_locks_by_id(tenant: Tenant, admin_actor: Actor) -> None:
    older, newer = (
        create_webhook(actor=admin_actor, tenant=tenant, workflow_name=name, url=URL) for name in ("older", "newer")
    )
    rows = [
        FileRow(number, {"workflow_name": name, "timeout_ms": 5000}) for number, name in ((1, "newer"), (2, "older"))
    ]

    def run() -> ImportPlan:
        try:
            return import_webhooks(actor=admin_actor, tenant=tenant, rows=rows)
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as threads:
        with transaction.atomic():
            Webhook.objects.select_for_update(no_key=True).order_by("id").get(id=older.id)
            imported = threads.submit(run)
            wait_until(lambda: waiting_for_locks() == 1, "the import waits for the older webhook")
            Webhook.objects.select_for_update(no_key=True).order_by("id").get(id=newer.id)
        plan = imported.result(15)
    assert [(row.workflow_name, row.action) for row in plan.rows] == [("newer", "update"), ("older", "update")]
