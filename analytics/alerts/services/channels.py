"""Create, change, delete and test channels.

`tenant` None means the platform. Secrets are write-only: one that is missing or blank in a change keeps the stored one.
Raises InvalidInputError with the reasons by field, NotFoundError and ConflictError.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import UUID

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.utils import timezone

from analytics.alerts.channel_kinds.base import ChannelKind
from analytics.alerts.channel_kinds.registry import CHANNEL_KINDS, get_channel_kind
from analytics.alerts.models import AlertChannel, AlertNotice, NoticeState
from analytics.alerts.ownership import owner_scope
from analytics.alerts.ports import message_signing
from analytics.alerts.queries import channels_of, get_channel
from analytics.alerts.rule_kinds.registry import RULE_KINDS
from analytics.alerts.services.sending import send_test
from integrations.activity.actor import Actor
from integrations.activity.recording import record_activity
from integrations.egress.errors import DestinationError
from integrations.egress.urls import check_destination
from integrations.errors import ConflictError, InvalidInputError, NotFoundError
from integrations.models import Tenant

MOST_CHANNELS: Final = 20
MOST_RECIPIENTS: Final = 20
LONGEST_NAME: Final = 100
LONGEST_URL: Final = 2_000


def create_channel(*, actor: Actor, tenant: Tenant | None, kind: str, **fields: Any) -> AlertChannel:
    """Make a channel. A signed webhook without a secret gets one: show `channel.secret` to who asked, this one time.

    An owner has at most 20 channels.
    """
    if kind not in CHANNEL_KINDS:
        raise InvalidInputError({"kind": [f"Give one of {', '.join(CHANNEL_KINDS)}."]})
    found = get_channel_kind(kind)
    given = _cleaned(found, fields, is_new=True)
    if found.takes_secret and "secret" not in given:
        given["secret"] = message_signing().new_secret()
    tenant_id = tenant.id if tenant else None
    with owner_scope(tenant_id):
        if tenant is not None and not Tenant.objects.existing().filter(id=tenant.id).exists():
            raise NotFoundError("The tenant does not exist any more.")
        if channels_of(tenant_id).count() >= MOST_CHANNELS:
            raise ConflictError(f"There are {MOST_CHANNELS} channels already, which is the most: delete one first.")
        channel = AlertChannel(
            tenant=tenant, kind=kind, created_by_id=actor.user_id, created_by_name=actor.name, **given
        )
        channel.save(force_insert=True)
        _record(actor, channel, "created", sorted({"kind", *given} - {"url_host"}))
    return channel


def update_channel(
    *, actor: Actor, tenant: Tenant | None, channel_id: UUID, changes: Mapping[str, Any]
) -> AlertChannel:
    """Change the given fields only; the kind stays. What changes where it sends to ends the pause after failures.

    What waits for a channel that is switched off is given up.
    """
    tenant_id = tenant.id if tenant else None
    with owner_scope(tenant_id):
        channel = _locked(tenant_id, channel_id)
        given = _cleaned(get_channel_kind(channel.kind), changes, is_new=False)
        # A secret that is given counts as changed: to compare it, the stored one would have to be opened.
        changed = sorted(
            name for name, value in given.items() if name in {"url", "secret"} or getattr(channel, name) != value
        )
        if not changed:
            return channel
        for name in changed:
            setattr(channel, name, given[name])
        if {"url", "secret", "recipients", "enabled"} & set(changed):
            channel.failures, channel.retry_at, channel.last_error = 0, None, ""
        channel.save(update_fields=[*changed, "failures", "retry_at", "last_error", "updated_at"])
        if not channel.enabled:
            waiting = AlertNotice.objects.filter(channel_id=channel.id, state=NoticeState.WAITING)
            waiting.update(state=NoticeState.GIVEN_UP, ended_at=timezone.now())
        _record(actor, channel, "updated", [name for name in changed if name != "url_host"])
    return channel


def delete_channel(*, actor: Actor, tenant: Tenant | None, channel_id: UUID) -> None:
    """Delete a channel with what waits for it."""
    tenant_id = tenant.id if tenant else None
    with owner_scope(tenant_id):
        channel = _locked(tenant_id, channel_id)
        _record(actor, channel, "deleted", [])
        channel.delete()


def try_channel(*, actor: Actor, tenant: Tenant | None, channel_id: UUID) -> str | None:
    """Send a test now; return why it did not get through, None if it did. Never call it inside a transaction."""
    tenant_id = tenant.id if tenant else None
    with owner_scope(tenant_id):
        channel = get_channel(tenant_id, channel_id)
        _record(actor, channel, "tested", [])
    return send_test(channel)


def _locked(tenant_id: UUID | None, channel_id: UUID) -> AlertChannel:
    channel = channels_of(tenant_id).select_for_update(no_key=True, of=("self",)).filter(id=channel_id).first()
    if channel is None:
        raise NotFoundError("There is no such alert channel.")
    return channel


def _cleaned(kind: ChannelKind, given: Mapping[str, Any], *, is_new: bool) -> dict[str, Any]:
    """Return the values as they are stored, blank secrets left out; InvalidInputError names each wrong field."""
    problems: dict[str, list[str]] = {}
    cleaned = {name: value for name, value in given.items() if name in {"name", "enabled", "rule_kinds"}}
    if (is_new or "name" in given) and not 1 <= len(str(given.get("name", "")).strip()) <= LONGEST_NAME:
        problems["name"] = [f"Give a name of 1 to {LONGEST_NAME} characters."]
    if unknown := sorted(set(given.get("rule_kinds", ())) - set(RULE_KINDS)):
        problems["rule_kinds"] = [f"There is no kind of rule {unknown[0]}. Give some of {', '.join(RULE_KINDS)}."]
    for name, takes in (
        ("recipients", kind.takes_recipients),
        ("url", kind.takes_url),
        ("secret", kind.takes_secret),
    ):
        value = given.get(name)
        if value and not takes:
            problems[name] = [f"A channel of the kind {kind.key} has none: leave it out."]
        elif value:
            try:
                cleaned |= _CLEAN[name](kind, value)
            except ValueError as error:
                problems[name] = [str(error)]
        elif takes and (is_new or (name == "recipients" and name in given)) and name != "secret":
            problems[name] = ["This field is required."]
        elif name in given and value is None:
            problems[name] = ["It cannot be cleared: leave it out to keep it, or give another."]
    if problems:
        raise InvalidInputError(problems)
    return cleaned


def _clean_recipients(kind: ChannelKind, recipients: list[str]) -> dict[str, Any]:
    if len(recipients) > MOST_RECIPIENTS:
        raise ValueError(f"Give at most {MOST_RECIPIENTS} addresses.")
    for recipient in recipients:
        try:
            validate_email(recipient)
        except ValidationError:
            raise ValueError("Give e-mail addresses such as ops@example.com.") from None
    return {"recipients": list(dict.fromkeys(recipients))}


def _clean_url(kind: ChannelKind, url: str) -> dict[str, Any]:
    if len(url) > LONGEST_URL:
        raise ValueError(f"An address has at most {LONGEST_URL:,} characters.")
    try:
        checked = check_destination(url)
    except DestinationError as error:
        raise ValueError(str(error)) from None
    host = urlsplit(checked).hostname or ""
    if (problem := kind.url_problem(host)) is not None:
        raise ValueError(problem)
    return {"url": checked, "url_host": host}


def _clean_secret(kind: ChannelKind, secret: str) -> dict[str, Any]:
    message_signing().check(secret)
    return {"secret": secret}


_CLEAN: Final[dict[str, Callable[[ChannelKind, Any], dict[str, Any]]]] = {
    "recipients": _clean_recipients,
    "url": _clean_url,
    "secret": _clean_secret,
}


def _record(actor: Actor, channel: AlertChannel, deed: str, fields: list[str]) -> None:
    record_activity(
        actor=actor, verb=f"alertchannel.{deed}", target=channel, tenant_id=channel.tenant_id, changed_fields=fields
    )
