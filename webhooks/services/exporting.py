"""A tenant's webhooks as a file: without their secrets, or with them sealed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from integrations.activity.actor import Actor
from integrations.activity.recording import record_activity
from integrations.errors import InvalidInputError
from integrations.isolation.scope import tenant_scope
from integrations.models import Tenant
from webhooks.models import Webhook
from webhooks.services.webhook_fields import PLAIN_FIELDS
from webhooks.transfer.csv_file import write_csv
from webhooks.transfer.json_file import write_json
from webhooks.transfer.rows import MAX_ROWS
from webhooks.transfer.sealing import Seal

WRITERS: Final = {"json": write_json, "csv": write_csv}
CONTENT_TYPES: Final = {"json": "application/json", "csv": "text/csv; charset=utf-8"}


@dataclass(frozen=True, slots=True)
class ExportedFile:
    """A file to hand out; `name` is a suggestion."""

    name: str
    content_type: str
    text: str


def export_webhooks(
    *, actor: Actor, tenant: Tenant, file_format: str = "json", passphrase: str | None = None
) -> ExportedFile:
    """Return all webhooks of a tenant, by name; with a passphrase their secrets too, sealed, on the record.

    Addresses are in clear: they are what an import is about. The integration that a derived address refers to is left
    out, since another tenant has another; it then comes from that tenant's own.

    Raises InvalidInputError for a format that does not exist, a passphrase that is too short, and more than 1,000
    webhooks; UnreadableSecretError for a secret that does not open, since a file without it would look whole.
    """
    if file_format not in WRITERS:
        raise InvalidInputError({"file_format": ["Give json or csv."]})
    seal = _seal(passphrase) if passphrase is not None else None  # a third of a second: outside of the transaction
    with tenant_scope(tenant):
        webhooks = list(Webhook.objects.filter(tenant_id=tenant.id).order_by("workflow_name", "id")[: MAX_ROWS + 1])
        if len(webhooks) > MAX_ROWS:
            raise InvalidInputError({"webhooks": [f"A file holds at most {MAX_ROWS:,} webhooks."]})
        rows = [_row(webhook, seal) for webhook in webhooks]
        record_activity(
            actor=actor,
            verb="webhooks.exported",
            target=tenant,
            tenant_id=tenant.id,
            detail=f"{len(rows)} webhooks, {'with sealed secrets' if seal else 'without secrets'}",
        )
    text = WRITERS[file_format](rows, salt=seal.salt if seal else None)
    return ExportedFile(f"webhooks-{tenant.slug}.{file_format}", CONTENT_TYPES[file_format], text)


def _seal(passphrase: str) -> Seal:
    try:
        return Seal(passphrase)
    except ValueError as error:
        raise InvalidInputError({"passphrase": [str(error)]}) from None


def _row(webhook: Webhook, seal: Seal | None) -> dict[str, Any]:
    row: dict[str, Any] = {
        "workflow_name": webhook.workflow_name,
        "url": webhook.url.reveal() if webhook.url is not None else None,
        **{name: getattr(webhook, name) for name in PLAIN_FIELDS},
        "header_names": sorted(webhook.headers),
    }
    if seal is not None:
        row["sealed"] = seal.close(webhook.workflow_name, _secrets(webhook))
    return row


def _secrets(webhook: Webhook) -> dict[str, Any]:
    return {
        "auth_token": webhook.auth_token.reveal() if webhook.auth_token is not None else None,
        "headers": {name: value.reveal() for name, value in webhook.headers.items()},
        "signing_secret": webhook.signing_secret.reveal(),
    }
