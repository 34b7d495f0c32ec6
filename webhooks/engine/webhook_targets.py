"""What the engine must know of a webhook to send to it: read from the database, decrypted, and kept for a moment."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Final
from uuid import UUID

import structlog
from django.db import DatabaseError
from django.utils import timezone

from analytics.recording import ErrorKind
from integrations.egress.destination import Destination, header_lines
from integrations.egress.errors import DestinationError, HeaderError
from integrations.encryption.errors import KeyNotAtHandError, UnreadableSecretError
from integrations.encryption.secret import Secret
from webhooks.engine.database import UuidArray, engine_cursor
from webhooks.engine.redaction import HIDDEN, Redactor
from webhooks.errors import WebhookNotConfigured
from webhooks.models import PayloadFormat, Webhook
from webhooks.policy import SCHEDULES
from webhooks.signing import SigningKey, signing_key
from webhooks.target_url import target_url

logger = structlog.get_logger(__name__)

# A change of the webhook counts at once (its version is looked at for every claim); one of what its address is derived
# from, and of the operator's allowed networks, after this time.
KEPT_SECONDS: Final = 5.0
MAX_KEPT: Final = 10_000
USER_AGENT: Final = "Signalbox"

# Totals and runtime belong to a webhook from its first delivery on; recording only ever updates them. What the claim of
# that delivery took from a full bucket was all that was in it.
_MAKE_RUNTIME: Final = """
    INSERT INTO webhooks_webhookruntime (webhook_id, tenant_id, consecutive_failures, breaker_opened_count, rate_tokens,
        rate_refilled_at)
    SELECT id, tenant_id, 0, 0, 0, now() FROM webhooks_webhook WHERE id = ANY(%s::uuid[]) ORDER BY id
    ON CONFLICT (webhook_id) DO NOTHING
"""
_MAKE_STATS: Final = """
    INSERT INTO webhooks_webhookstats (webhook_id, tenant_id, total_calls, successful_calls, failed_calls, attempts)
    SELECT id, tenant_id, 0, 0, 0, 0 FROM webhooks_webhook WHERE id = ANY(%s::uuid[]) ORDER BY id
    ON CONFLICT (webhook_id) DO NOTHING
"""
# Asked for every claim. `is_new` says that totals or runtime are missing.
_STATES: Final = """
    SELECT webhook.id, webhook.version, webhook.is_active, tenant.is_active AND tenant.deleted_at IS NULL,
        NOT EXISTS (SELECT FROM webhooks_webhookstats WHERE webhook_id = webhook.id)
        OR NOT EXISTS (SELECT FROM webhooks_webhookruntime WHERE webhook_id = webhook.id) AS is_new
    FROM webhooks_webhook AS webhook JOIN integrations_tenant AS tenant ON tenant.id = webhook.tenant_id
    WHERE webhook.id = ANY(%s::uuid[])
"""


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a webhook cannot be sent to, whatever its endpoint would say."""

    kind: ErrorKind
    message: str


@dataclass(frozen=True, slots=True)
class Target:
    """A webhook, ready to send to.

    `header_lines` are what is the same in each of its requests, credentials too, as it is sent; `shown_headers` the
    same without credentials.
    """

    workflow_name: str
    places: int
    timeout_ms: int
    schedule: tuple[float, ...]
    max_retries: int | None
    retry_client_errors: bool
    is_enveloped: bool
    destination: Destination | None = None
    signing_keys: tuple[SigningKey, ...] = ()
    header_lines: bytes = field(default=b"", repr=False)
    shown_headers: Mapping[str, str] = field(default_factory=dict)
    redactor: Redactor = field(default_factory=lambda: Redactor((), url=""))
    problem: Problem | None = None


@dataclass(frozen=True, slots=True)
class State:
    """How a webhook stands at this moment. `target` is None while it cannot be read here (no key, a fault)."""

    is_active: bool
    is_tenant_active: bool
    target: Target | None
    has_fault: bool = False


@dataclass(frozen=True, slots=True)
class _Kept:
    version: int
    at: float
    target: Target | None
    has_fault: bool = False


class Targets:
    """Loads webhooks as the owner; used by one database thread."""

    def __init__(self) -> None:
        self._kept: dict[UUID, _Kept] = {}

    def look_up(self, webhook_ids: Collection[UUID]) -> dict[UUID, State]:
        """Return the state of each webhook that exists. Database errors go through; other faults are logged."""
        with engine_cursor() as cursor:
            cursor.execute(_STATES, [UuidArray.of(set(webhook_ids))])
            found = cursor.fetchall()
            if new := sorted(webhook_id for webhook_id, *_, is_new in found if is_new):
                cursor.execute(_MAKE_STATS, [UuidArray.of(new)])
                cursor.execute(_MAKE_RUNTIME, [UuidArray.of(new)])
        self._refresh({webhook_id: version for webhook_id, version, *_ in found})
        states = {}
        for webhook_id, _, is_active, is_tenant_active, _ in found:
            kept = self._kept.get(webhook_id)
            states[webhook_id] = State(
                is_active=is_active,
                is_tenant_active=is_tenant_active,
                target=kept.target if kept else None,
                has_fault=kept is not None and kept.has_fault,
            )
        return states

    def _refresh(self, versions: Mapping[UUID, int]) -> None:
        now = time.monotonic()
        if len(self._kept) > MAX_KEPT:
            self._kept.clear()
        stale = [
            webhook_id
            for webhook_id, version in versions.items()
            if (kept := self._kept.get(webhook_id)) is None or kept.version != version or now - kept.at > KEPT_SECONDS
        ]
        if not stale:
            return
        for webhook in Webhook.objects.filter(id__in=stale).select_related("tenant").order_by("id"):
            self._kept[webhook.id] = _load(webhook, now)


def _load(webhook: Webhook, now: float) -> _Kept:
    try:
        return _Kept(webhook.version, now, target_of(webhook))
    except KeyNotAtHandError as error:
        # This process is misconfigured or older than a rotation; another one may be able to send it.
        logger.error("webhook_key_not_at_hand", webhook_id=str(webhook.id), reason=str(error))  # noqa: TRY400
        return _Kept(webhook.version, now, None)
    except DatabaseError:
        raise
    except Exception:
        # One webhook's fault must not stop the deliveries of all others.
        logger.exception("webhook_not_loaded", webhook_id=str(webhook.id))
        return _Kept(webhook.version, now, None, has_fault=True)


def target_of(webhook: Webhook) -> Target:
    """Read and decrypt a webhook; one that cannot be sent to has a `problem`. Raises KeyNotAtHandError."""
    known = Target(
        workflow_name=webhook.workflow_name,
        places=webhook.max_concurrency,
        timeout_ms=webhook.timeout_ms,
        schedule=SCHEDULES[webhook.retry_schedule],
        max_retries=webhook.max_retries,
        retry_client_errors=webhook.retry_client_errors,
        is_enveloped=webhook.payload_format == PayloadFormat.STANDARD,
    )
    try:
        return _with_secrets(known, webhook)
    except UnreadableSecretError as error:
        logger.error("webhook_secret_unreadable", webhook_id=str(webhook.id), reason=str(error))  # noqa: TRY400
        return _broken(
            known, ErrorKind.CONFIGURATION, "A stored secret of this webhook cannot be read: enter it again."
        )
    except WebhookNotConfigured as error:
        return _broken(known, ErrorKind.CONFIGURATION, error.detail)
    except DestinationError as error:
        return _broken(known, ErrorKind.REFUSED, error.reason)
    except HeaderError:
        return _broken(known, ErrorKind.CONFIGURATION, "A header of this webhook cannot be sent: enter it again.")
    except ValueError:
        return _broken(
            known, ErrorKind.CONFIGURATION, "The signing secret of this webhook is no valid one: replace it."
        )


def _with_secrets(known: Target, webhook: Webhook) -> Target:
    destination = Destination.checked(target_url(webhook))
    signing_secrets = [secret.reveal() for secret in webhook.signing_secrets(timezone.now())]
    own = {name: value.reveal() if isinstance(value, Secret) else str(value) for name, value in webhook.headers.items()}
    secrets = [*signing_secrets, *own.values()]
    if webhook.previous_signing_secret is not None:
        secrets.append(webhook.previous_signing_secret.reveal())  # a receiver may echo it longer than it signs
    common = _common_headers(webhook, own)
    headers, shown = {**common, **own}, {**common, **dict.fromkeys(own, HIDDEN)}
    if webhook.auth_token is not None:
        token = webhook.auth_token.reveal()
        secrets.append(token)
        headers["Authorization"] = f"Bearer {token}"
        shown["Authorization"] = f"Bearer {HIDDEN}"
    return replace(
        known,
        destination=destination,
        signing_keys=tuple(signing_key(secret) for secret in signing_secrets),
        header_lines=header_lines(headers),
        shown_headers=shown,
        redactor=Redactor(secrets, url=destination.url),
    )


def _common_headers(webhook: Webhook, own: Collection[str]) -> dict[str, str]:
    headers = {"Content-Type": "application/json", "X-Signalbox-Workflow": webhook.workflow_name}
    if not any(name.lower() == "user-agent" for name in own):
        headers["User-Agent"] = USER_AGENT
    return headers


def _broken(known: Target, kind: ErrorKind, message: str) -> Target:
    return replace(known, problem=Problem(kind, message))
