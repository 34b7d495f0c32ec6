"""Reading a webhook's row under the lock that all changes of it take."""

from __future__ import annotations

from uuid import UUID

from integrations.errors import NotFoundError
from integrations.models import Tenant
from webhooks.models import Webhook


def locked_webhook(tenant: Tenant, webhook_id: UUID) -> Webhook:
    """Return the tenant's webhook, locked until the end of the transaction; NotFoundError if there is none.

    Runs in the tenant's scope.
    """
    # Not FOR UPDATE: a recording transaction checks its foreign keys to this row while it holds rows of the queue.
    rows = Webhook.objects.select_for_update(no_key=True).filter(tenant_id=tenant.id, id=webhook_id)
    found = rows.order_by("id").first()  # the model's own order would lock the tenant, too
    if found is None:
        raise NotFoundError("This tenant has no such webhook.")
    found.tenant = tenant
    return found
