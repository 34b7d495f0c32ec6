"""The webhook's forms: secrets write-only, custom headers and event types one a line."""

from __future__ import annotations

from typing import Any, ClassVar, cast

from django import forms
from django.db.models import QuerySet

from integrations.admin.secret_input import SecretField
from integrations.admin.service_admin import ServiceErrorForm
from integrations.encryption.errors import EncryptionError
from integrations.encryption.secret import Secret
from integrations.models import Integration, Tenant
from webhooks.models import Webhook
from webhooks.services.webhook_fields import WebhookFields


class LinesField(forms.CharField):
    """A list of texts, one a line."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(widget=forms.Textarea(attrs={"rows": 3, "cols": 60}), required=False, **kwargs)

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(value) if isinstance(value, list) else value

    def to_python(self, value: str | None) -> list[str]:  # type: ignore[override]
        return [line.strip() for line in (value or "").splitlines() if line.strip()]

    def has_changed(self, initial: Any, data: Any) -> bool:
        return self.to_python(self.prepare_value(initial)) != self.to_python(data)


class HeadersField(LinesField):
    """`Name: value` lines. A stored value is never shown; a line without a value keeps it."""

    def prepare_value(self, value: Any) -> Any:
        return value if isinstance(value, str) else "\n".join(f"{name}:" for name in value or {})

    def to_python(self, value: str | None) -> dict[str, str]:  # type: ignore[override]
        headers = {}
        for line in (value or "").splitlines():
            name, colon, content = line.partition(":")
            if not name.strip():
                continue
            if not colon:
                raise forms.ValidationError(f"“{line.strip()}” has no colon: write Name: value.")
            headers[name.strip()] = content.strip()
        return headers

    def has_changed(self, initial: Any, data: Any) -> bool:
        typed = self.to_python(data)
        return any(typed.values()) or list(typed) != list(initial or {})


class WebhookForm(ServiceErrorForm):
    """Add and change. What is left blank among the secrets stays as it is."""

    event_types = LinesField(
        label="Event types",
        help_text="One pattern a line, such as contact.*; empty: called only by name and broadcast.",
    )
    headers = HeadersField(
        label="Headers", help_text="One “Name: value” a line. A name without a value keeps the stored value."
    )
    auth_token = forms.CharField(required=False)

    class Meta:
        model = Webhook
        fields: ClassVar = [
            "tenant",
            "workflow_name",
            "description",
            "is_active",
            "integration",
            "payload_format",
            "signature_scheme",
            "retry_schedule",
            "max_retries",
            "retry_client_errors",
            "timeout_ms",
            "max_concurrency",
            "rate_limit_per_minute",
        ]

    url = forms.CharField(
        label="URL",
        required=False,
        widget=forms.TextInput(attrs={"class": "vLargeTextField"}),
        help_text="Empty: derived from the base URL of the tenant's n8n integration.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        webhook = self.instance
        self.fields["auth_token"] = SecretField(
            label="Bearer token",
            help_text="Sent as Authorization: Bearer … with every request.",
            masked=_masked(webhook.auth_token),
            clearable=True,
        )
        if webhook.pk and not webhook._state.adding:
            self.initial["url"] = revealed_url(webhook)  # the model's value would show as ***
            self.fields["event_types"].initial = webhook.event_types
            self.fields["headers"].initial = dict.fromkeys(webhook.headers, "")
            _choose_from(self.fields["integration"], Integration.objects.filter(tenant_id=webhook.tenant_id))
        if "tenant" in self.fields:
            _choose_from(self.fields["tenant"], Tenant.objects.existing())

    def changes(self) -> WebhookFields:
        """Return what the service should write: every field of the form that was changed, but for the identity."""
        names = [name for name in self.changed_data if name not in {"tenant", "workflow_name"}]
        changes = {name: self.cleaned_data[name] for name in names if name in self.cleaned_data}
        if "url" in changes:
            changes["url"] = changes["url"] or None
        return cast(WebhookFields, changes)


def _choose_from(field: forms.Field, rows: QuerySet[Any]) -> None:
    cast(forms.ModelChoiceField, field).queryset = rows


def revealed_url(webhook: Webhook) -> str:
    """Return the stored address; empty where it is derived or cannot be read."""
    try:
        return webhook.url.reveal() if webhook.url else ""
    except EncryptionError:
        return ""


def _masked(stored: Secret | None) -> str:
    if stored is None:
        return ""
    try:
        return stored.masked()
    except EncryptionError:
        return "(cannot be read: enter it again)"
