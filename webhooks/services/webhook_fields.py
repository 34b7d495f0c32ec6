"""Write given values onto a webhook: every rule is checked, and all reasons against it come back together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypedDict, cast
from urllib.parse import urlsplit
from uuid import UUID

from django.core.exceptions import ValidationError

from integrations.egress.urls import DestinationError, check_destination
from integrations.encryption.errors import UnreadableSecretError
from integrations.encryption.secret import Secret
from integrations.errors import InvalidInputError
from integrations.models import Integration
from webhooks.models import Webhook
from webhooks.target_url import derived_url
from webhooks.validation import (
    auth_token_problems,
    event_type_problems,
    header_problems,
    header_set_problems,
    name_problems,
    without_duplicates,
)


class WebhookFields(TypedDict, total=False):
    """What a caller may set. A missing key leaves the webhook as it is."""

    url: str | None
    """None: derived from the integration's base_url whenever something is sent."""
    description: str
    is_active: bool
    auth_token: str | None
    """Blank keeps the stored token, None removes it."""
    event_types: list[str]
    headers: Mapping[str, str]
    """The complete set: names that are missing are removed, a blank value keeps the stored one."""
    header_changes: Mapping[str, str | None]
    """Instead of `headers`, by name: what is missing or blank is kept, None removes."""
    payload_format: str
    signature_scheme: str
    """Another one makes a new signing secret."""
    integration: Integration | UUID | None
    retry_schedule: str
    max_retries: int | None
    retry_client_errors: bool
    timeout_ms: int
    max_concurrency: int
    rate_limit_per_minute: int | None


PLAIN_FIELDS: Final = (
    "description",
    "is_active",
    "event_types",
    "payload_format",
    "signature_scheme",
    "retry_schedule",
    "max_retries",
    "retry_client_errors",
    "timeout_ms",
    "max_concurrency",
    "rate_limit_per_minute",
)


def assign(webhook: Webhook, values: WebhookFields) -> set[str]:
    """Set `values` on `webhook` without saving it; return the names of the fields that really changed.

    Runs in the tenant's scope, and locks the integration that is referred to. Raises InvalidInputError with the
    reasons of all fields; the webhook must then be thrown away.
    """
    assignment = _Assignment(webhook, values)
    assignment.run()
    if assignment.problems:
        raise InvalidInputError(assignment.problems)
    return assignment.changed


def defaults() -> WebhookFields:
    """Return what a replacement gives to the fields it does not name.

    Secrets are not among them, nor the scheme that the signing secret is made for: they are kept.
    """
    names = [name for name in PLAIN_FIELDS if name != "signature_scheme"]
    of_model = {name: _model_field(name).get_default() for name in names}
    return cast("WebhookFields", {"url": None, "integration": None, **of_model})


class _Assignment:
    """One pass over the given values. A class because every rule adds to the same problems and changes."""

    def __init__(self, webhook: Webhook, values: WebhookFields) -> None:
        self.webhook = webhook
        self.values: Mapping[str, Any] = values
        self.problems: dict[str, list[str]] = {}
        self.changed: set[str] = set()

    def run(self) -> None:
        is_new = self.webhook._state.adding
        if is_new:
            self._refuse("workflow_name", name_problems(self.webhook.workflow_name))
        for name in self.values.keys() - WebhookFields.__annotations__.keys():
            self._refuse(name, ["This field cannot be changed."])
        for name in PLAIN_FIELDS:
            if name in self.values:
                self._assign_plain(name, self.values[name])
        if "auth_token" in self.values:
            self._assign_auth_token(self.values["auth_token"])
        if "headers" in self.values:
            self._assign_headers(self.values["headers"], is_complete=True)
        elif "header_changes" in self.values:
            self._assign_headers(self.values["header_changes"], is_complete=False)
        self._refuse(
            "headers",
            header_set_problems(list(self.webhook.headers), has_auth_token=self.webhook.auth_token is not None),
        )
        if "integration" in self.values:
            self._assign_integration(self.values["integration"])
        if "url" in self.values:
            self._assign_url(self.values["url"])
        if is_new or self.changed & {"url", "integration"}:
            self._require_target()

    def _assign_plain(self, name: str, value: object) -> None:
        try:
            cleaned = _model_field(name).clean(value, self.webhook)
        except ValidationError as error:
            self._refuse(name, error.messages)
            return
        if name == "event_types":
            if not isinstance(cleaned, list):
                self._refuse(name, ["Give a list of event types."])
                return
            if problems := event_type_problems(cleaned):
                self._refuse(name, problems)
                return
            cleaned = without_duplicates(cleaned)
        if getattr(self.webhook, name) != cleaned:
            setattr(self.webhook, name, cleaned)
            self.changed.add(name)

    def _assign_auth_token(self, token: str | None) -> None:
        if token == "":
            return
        if token is not None and (problems := auth_token_problems(token)):
            self._refuse("auth_token", problems)
        elif not _holds(self.webhook.auth_token, token):
            self.webhook.auth_token = token
            self.changed.add("auth_token")

    def _assign_headers(self, given: Mapping[str, str | None], *, is_complete: bool) -> None:
        stored: Mapping[str, Secret] = self.webhook.headers
        asked = {name.lower(): (name, value) for name, value in given.items()}
        if len(asked) < len(given):
            self._refuse("headers", ["A header is given twice: upper and lower case do not matter."])
            return
        kept: dict[str, Secret] = {}
        new: dict[str, str] = {}
        for name, secret in stored.items():
            new_name, value = asked.pop(name.lower(), (name, None if is_complete else ""))
            if value == "" or (new_name == name and _holds(secret, value)):
                kept[name] = secret
            elif value is not None:
                new[new_name] = value
        new |= {name: value for name, value in asked.values() if value is not None}
        if problems := header_problems(new):
            self._refuse("headers", problems)
        elif new or len(kept) < len(stored):
            self.webhook.headers = {**kept, **{name: Secret(value) for name, value in new.items()}}
            self.changed.add("headers")

    def _assign_integration(self, integration: Integration | UUID | None) -> None:
        integration_id = integration.id if isinstance(integration, Integration) else integration
        if integration_id == self.webhook.integration_id:
            return
        if integration_id is not None:
            # Locked until the end: it must not be deleted before the webhook that refers to it is stored.
            found = Integration.objects.select_for_update(no_key=True).filter(
                tenant_id=self.webhook.tenant_id, id=integration_id
            )
            if found.order_by("id").first() is None:
                self._refuse("integration", ["This tenant has no integration of this id."])
                return
        self.webhook.integration_id = integration_id
        self.changed.add("integration")

    def _assign_url(self, url: str | None) -> None:
        url = (url or "").strip() or None
        try:
            checked = check_destination(url) if url is not None else None
        except DestinationError as error:
            self._refuse("url", [error.reason])
            return
        if not _holds(self.webhook.url, checked):
            self.webhook.url = checked
            self.webhook.url_host = (urlsplit(checked).hostname or "") if checked else ""
            self.changed.add("url")

    def _require_target(self) -> None:
        """Refuse a webhook without a url where none can be derived now."""
        if self.webhook.url is not None or self.problems.keys() & {"url", "integration", "workflow_name"}:
            return
        derived = derived_url(self.webhook.tenant, self.webhook.workflow_name, self.webhook.integration_id)
        if derived is None:
            self._refuse(
                "url", ["Give a url, or set base_url on the tenant's n8n integration so that it can be derived."]
            )
            return
        try:
            check_destination(derived)
        except DestinationError as error:
            self._refuse("url", [f"The derived address {derived} cannot be used: {error.reason}"])

    def _refuse(self, field: str, reasons: list[str]) -> None:
        if reasons:
            self.problems.setdefault(field, []).extend(reasons)


def _model_field(name: str) -> Any:
    return Webhook._meta.get_field(name)


def _holds(stored: Secret | None, value: str | None) -> bool:
    """Tell whether the stored secret is `value` already. One that cannot be read any more holds nothing."""
    if stored is None or value is None:
        return stored is None and value is None
    try:
        return stored.matches(value)
    except UnreadableSecretError:
        return False
