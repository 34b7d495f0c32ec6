"""Webhooks from a file into a tenant: all of them, or none. By name: new ones are created, others changed.

What the file would do is found out by doing it, in a transaction that is then rolled back: a dry run says exactly what
the import will say. Webhooks that the file does not name stay as they are.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from django.db import transaction

from integrations.activity.actor import Actor
from integrations.activity.recording import record_activity
from integrations.errors import InvalidInputError, ServiceError
from integrations.isolation.scope import tenant_scope
from integrations.models import Tenant
from webhooks.models import Webhook
from webhooks.services.locking import locked_webhook
from webhooks.services.webhook_fields import PLAIN_FIELDS
from webhooks.services.webhooks import create_webhook, update_webhook
from webhooks.signing import Ed25519Key, Scheme, signing_key
from webhooks.transfer.rows import FileRow, settings_of
from webhooks.transfer.sealing import Seal, SealError

_SECRETS: Final = frozenset({"auth_token", "headers", "signing_secret"})


@dataclass(slots=True)
class PlannedRow:
    """What a row of the file does: `action` is create, update, unchanged or refused.

    `changes` has the value before and after by field, for a secret only that it changes. `notes` say what a person has
    to do afterwards.
    """

    number: int
    workflow_name: str
    action: str = "unchanged"
    changes: dict[str, Any] = field(default_factory=dict)
    problems: dict[str, list[str]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class ImportPlan:
    """What the file did, or would do. Nothing was stored when it was a dry run or a row was refused."""

    rows: list[PlannedRow]
    is_applied: bool

    def count(self, action: str) -> int:
        return sum(row.action == action for row in self.rows)


class _RolledBack(Exception):
    """Takes back what the rows did, and brings out what they were found to do."""

    def __init__(self, planned: list[PlannedRow]) -> None:
        super().__init__()
        self.planned = planned


def import_webhooks(
    *,
    actor: Actor,
    tenant: Tenant,
    rows: list[FileRow],
    salt: str | None = None,
    passphrase: str | None = None,
    dry_run: bool = False,
) -> ImportPlan:
    """Bring the rows of a file into the tenant, in one transaction, and say what each does.

    Locks the webhooks that the file names in the order of their ids, and makes new ones in the order of their names, so
    that imports beside each other, and engines, never wait in a circle.

    Sealed secrets are taken over with the passphrase of the export, the signing secret among them, so that receivers
    notice nothing. Without it, what a row says of secrets is left as it is, and a new webhook gets a new signing secret.
    Raises InvalidInputError for a passphrase that cannot be right.
    """
    seal = _seal(passphrase, salt) if passphrase is not None else None
    try:
        with tenant_scope(tenant):
            planned = _import_all(actor, tenant, rows, seal, dry_run=dry_run)
    except _RolledBack as rolled_back:
        return ImportPlan(rolled_back.planned, is_applied=False)
    return ImportPlan(planned, is_applied=True)


def _import_all(
    actor: Actor, tenant: Tenant, rows: list[FileRow], seal: Seal | None, *, dry_run: bool
) -> list[PlannedRow]:
    named = Webhook.objects.filter(
        tenant_id=tenant.id, workflow_name__in=[row.workflow_name for row in rows if not row.problems]
    )
    list(named.select_for_update(no_key=True).order_by("id").values_list("id"))
    in_order = sorted(rows, key=lambda row: row.workflow_name)
    planned = sorted((_import(actor, tenant, row, seal) for row in in_order), key=lambda row: row.number)
    if dry_run or any(row.problems for row in planned):
        raise _RolledBack(planned)
    record_activity(
        actor=actor,
        verb="webhooks.imported",
        target=tenant,
        tenant_id=tenant.id,
        detail=f"{len(planned)} webhooks",
    )
    return planned


def _seal(passphrase: str, salt: str | None) -> Seal:
    if salt is None:
        raise InvalidInputError({"passphrase": ["The file has no sealed secrets: leave the passphrase out."]})
    try:
        return Seal(passphrase, salt)
    except (ValueError, SealError) as error:
        raise InvalidInputError({"passphrase": [str(error)]}) from None


def _import(actor: Actor, tenant: Tenant, row: FileRow, seal: Seal | None) -> PlannedRow:
    planned = PlannedRow(row.number, row.workflow_name[:100], problems=dict(row.problems))
    if planned.problems:
        planned.action = "refused"
        return planned
    try:
        with transaction.atomic():
            _apply(actor, tenant, row, seal, planned)
    except InvalidInputError as refusal:
        planned.problems = refusal.errors
    except SealError as refusal:
        planned.problems = {"sealed": [str(refusal)]}
    except ServiceError as refusal:
        planned.problems = {"workflow_name": [refusal.detail]}
    if planned.problems:
        planned.action, planned.changes, planned.notes = "refused", {}, []
    return planned


def _apply(actor: Actor, tenant: Tenant, row: FileRow, seal: Seal | None, planned: PlannedRow) -> None:
    settings: dict[str, Any] = settings_of(row.values)
    secrets = _secrets(row, seal)
    signing_secret = secrets.pop("signing_secret", None)
    stored = Webhook.objects.filter(tenant_id=tenant.id, workflow_name=row.workflow_name).order_by("id").first()
    before = _state(stored) if stored is not None else {}
    if stored is None:
        webhook = create_webhook(actor=actor, tenant=tenant, workflow_name=row.workflow_name, **{**settings, **secrets})
        planned.action = "create"
    else:
        webhook = update_webhook(actor=actor, tenant=tenant, webhook_id=stored.id, changes={**settings, **secrets})  # type: ignore[typeddict-item]
    if signing_secret is not None:
        _take_over(actor, tenant, webhook.id, str(signing_secret))
    after = _state(Webhook.objects.get(id=webhook.id))
    planned.changes = {
        name: "changed" if name in _SECRETS else {"from": before.get(name), "to": value}
        for name, value in after.items()
        if before.get(name) != value and not (name in _SECRETS and not value and not before.get(name))
    }
    if stored is not None and planned.changes:
        planned.action = "update"
    if seal is None and "sealed" in row.values:
        planned.notes.append("Its sealed secrets are left out: give the passphrase to take them over.")
    missing = sorted(set(row.values.get("header_names", [])) - set(after["headers"]))
    if missing:
        planned.notes.append(f"Its headers {', '.join(missing)} come without values: enter them.")


def _secrets(row: FileRow, seal: Seal | None) -> dict[str, Any]:
    """Return a row's secrets as fields of a webhook; none without the passphrase."""
    if seal is None or "sealed" not in row.values:
        return {}
    opened = seal.open(row.workflow_name, row.values["sealed"])
    headers, texts = opened.get("headers") or {}, [opened.get("auth_token"), opened.get("signing_secret")]
    if not isinstance(headers, dict) or not all(isinstance(text, str | None) for text in [*texts, *headers.values()]):
        raise SealError("It holds no secrets of a webhook.")
    return {"auth_token": texts[0], "headers": headers, "signing_secret": texts[1]}


def _take_over(actor: Actor, tenant: Tenant, webhook_id: UUID, signing_secret: str) -> None:
    """Let the webhook sign with the secret of the file."""
    webhook = locked_webhook(tenant, webhook_id)
    try:
        key = signing_key(signing_secret)
    except ValueError as error:
        raise InvalidInputError({"sealed": [str(error)]}) from None
    if isinstance(key, Ed25519Key) != (webhook.signature_scheme == Scheme.ED25519):
        raise InvalidInputError({"signature_scheme": ["The sealed signing secret is of the other scheme."]})
    if webhook.signing_secret.reveal() != signing_secret:
        webhook.signing_secret = signing_secret
        webhook.version += 1
        webhook.save(update_fields=["signing_secret", "version"])
        record_activity(
            actor=actor,
            verb="webhook.secret_rotated",
            target=webhook,
            tenant_id=tenant.id,
            changed_fields=["signing_secret"],
        )


def _state(webhook: Webhook) -> dict[str, Any]:
    """Return what a file can change, secrets in clear: for comparing, and never shown."""
    return {
        "url": webhook.url.reveal() if webhook.url is not None else None,
        **{name: getattr(webhook, name) for name in PLAIN_FIELDS},
        "auth_token": webhook.auth_token.reveal() if webhook.auth_token is not None else None,
        "headers": {name: value.reveal() for name, value in webhook.headers.items()},
        "signing_secret": webhook.signing_secret.reveal(),
    }
