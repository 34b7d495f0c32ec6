"""What webhooks look like in bodies and answers. Only shapes are checked here; the rules are the services'."""

from __future__ import annotations

from typing import Any, ClassVar, Final

from django.utils import timezone
from rest_framework import serializers

from integrations.api.serializers import StrictModelSerializer, StrictSerializer
from webhooks.breaker import BreakerState
from webhooks.models import DisabledReason, PayloadFormat, RetrySchedule, SignatureScheme, Webhook
from webhooks.queries import health_of, shown
from webhooks.validation import MAX_AUTH_TOKEN_LENGTH, MAX_EVENT_TYPES, MAX_HEADER_VALUE_LENGTH, MAX_HEADERS

SETTINGS = (
    "description",
    "is_active",
    "event_types",
    "payload_format",
    "signature_scheme",
    "integration",
    "retry_schedule",
    "max_retries",
    "retry_client_errors",
    "timeout_ms",
    "max_concurrency",
    "rate_limit_per_minute",
)


class WebhookWriteSerializer(StrictModelSerializer):
    """A body that creates a webhook."""

    url = serializers.CharField(
        required=False,
        allow_null=True,
        allow_blank=True,
        help_text="http or https, at most 2048 characters. Null: derived from the integration's base_url when something is sent.",
    )
    auth_token = serializers.CharField(
        required=False,
        allow_null=True,
        allow_blank=True,
        max_length=MAX_AUTH_TOKEN_LENGTH,
        help_text="Sent as `Authorization: Bearer …`. Missing or blank: kept as it is; null: removed.",
    )
    headers = serializers.DictField(
        child=serializers.CharField(allow_null=True, allow_blank=True, max_length=MAX_HEADER_VALUE_LENGTH),
        required=False,
        allow_null=True,
        help_text=(
            f"Sent with every request, at most {MAX_HEADERS}. A name that is missing or has a blank value is kept as "
            "it is; null removes it, and null for all of it removes all."
        ),
    )
    event_types = serializers.ListField(
        child=serializers.CharField(allow_blank=True),
        required=False,
        help_text=f"Types such as `order.paid`, prefixes such as `order.*`, or `*`; at most {MAX_EVENT_TYPES}.",
    )
    integration = serializers.UUIDField(
        required=False,
        allow_null=True,
        help_text="Whose base_url a derived url uses. Null: the tenant's n8n integration.",
    )

    class Meta:
        model = Webhook
        fields = ("workflow_name", "url", "auth_token", "headers", *SETTINGS)
        extra_kwargs: ClassVar[dict[str, dict[str, Any]]] = {
            "workflow_name": {"help_text": "`[a-z0-9][a-z0-9_-]*`, unique in the tenant; cannot be changed later."},
            "max_retries": {"help_text": "Null: the whole schedule."},
        }

    def validate_headers(self, headers: dict[str, str | None] | None) -> dict[str, str]:
        # There is nothing to keep or remove yet: null is no value, blank is refused by the service.
        return {name: value for name, value in (headers or {}).items() if value is not None}


class WebhookChangeSerializer(WebhookWriteSerializer):
    """A body that changes or replaces a webhook."""

    class Meta(WebhookWriteSerializer.Meta):
        extra_kwargs: ClassVar[dict[str, dict[str, Any]]] = {
            **WebhookWriteSerializer.Meta.extra_kwargs,
            "workflow_name": {"required": False, "help_text": "May be repeated, but not changed."},
        }

    def validate_workflow_name(self, name: str) -> str:
        if isinstance(self.instance, Webhook) and name != self.instance.workflow_name:
            raise serializers.ValidationError("The name cannot be changed: create another webhook.")
        return name

    def validate_headers(self, headers: dict[str, str | None] | None) -> Any:
        return headers

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        attrs.pop("workflow_name", None)
        if "headers" in attrs and attrs["headers"] is not None:
            attrs["header_changes"] = attrs.pop("headers")
        elif "headers" in attrs:
            attrs["headers"] = {}
        return attrs


class WebhookSerializer(serializers.ModelSerializer[Webhook]):
    """A webhook as it is answered. The context holds `derived`, the tenant's `DerivedUrls`, and `hide_secrets`."""

    url = serializers.CharField(allow_null=True, help_text="Where deliveries go; null while it cannot be derived.")
    url_derived = serializers.BooleanField(help_text="Whether the url follows from the integration's base_url.")
    auth_token = serializers.CharField(allow_null=True, help_text="Masked.")
    headers = serializers.DictField(child=serializers.CharField(allow_null=True), help_text="Values are masked.")
    event_types = serializers.ListField(child=serializers.CharField())
    payload_format = serializers.ChoiceField(choices=PayloadFormat.choices)
    integration = serializers.UUIDField(allow_null=True)
    signature_scheme = serializers.ChoiceField(choices=SignatureScheme.choices)
    retry_schedule = serializers.ChoiceField(choices=RetrySchedule.choices)
    disabled_reason = serializers.ChoiceField(choices=DisabledReason.choices, allow_null=True)
    breaker_state = serializers.ChoiceField(
        choices=[state.value for state in BreakerState],
        help_text="`open` after 10 attempts in a row that found the endpoint down: nothing is sent. `half_open`: a probe decides.",
    )
    breaker_open_until = serializers.DateTimeField(allow_null=True, help_text="Null unless it is open.")
    failing_since = serializers.DateTimeField(
        allow_null=True, help_text="The first failure after the last success. After 5 days the webhook is disabled."
    )
    previous_secret_expires_at = serializers.DateTimeField(
        allow_null=True, help_text="Until when the signing secret of before the last rotation signs as well."
    )
    created_by = serializers.CharField(allow_null=True)
    last_called_at = serializers.DateTimeField(allow_null=True)
    total_calls = serializers.IntegerField(help_text="Finished runs of deliveries, however many attempts each took.")
    successful_calls = serializers.IntegerField()
    failed_calls = serializers.IntegerField()
    unreadable = serializers.ListField(
        child=serializers.CharField(), required=False, help_text="Fields that no longer open: store them again."
    )

    class Meta:
        model = Webhook
        fields: tuple[str, ...] = (
            "id",
            "workflow_name",
            "url",
            "url_derived",
            "auth_token",
            "headers",
            *SETTINGS,
            "disabled_reason",
            "disabled_at",
            "breaker_state",
            "breaker_open_until",
            "failing_since",
            "previous_secret_expires_at",
            "version",
            "created_at",
            "created_by",
            "updated_at",
            "last_called_at",
            "total_calls",
            "successful_calls",
            "failed_calls",
            "unreadable",
        )
        read_only_fields = fields

    def to_representation(self, webhook: Webhook) -> dict[str, Any]:
        seen = shown(webhook, self.context["derived"], hide_secrets=self.context.get("hide_secrets", False))
        stats = getattr(webhook, "stats", None)
        health = health_of(webhook)
        now = timezone.now()
        state = health.state(now)
        return {
            "id": str(webhook.id),
            "workflow_name": webhook.workflow_name,
            "url": seen.url,
            "url_derived": seen.url_derived,
            "auth_token": seen.auth_token,
            "headers": seen.headers,
            **{name: getattr(webhook, name) for name in SETTINGS if name != "integration"},
            "integration": str(webhook.integration_id) if webhook.integration_id else None,
            "disabled_reason": webhook.disabled_reason or None,
            "disabled_at": webhook.disabled_at,
            "breaker_state": state.value,
            "breaker_open_until": health.open_until if state is BreakerState.OPEN else None,
            "failing_since": health.failing_since,
            "previous_secret_expires_at": (
                webhook.previous_secret_expires_at if len(webhook.signing_secrets(now)) > 1 else None
            ),
            "version": webhook.version,
            "created_at": webhook.created_at,
            "created_by": webhook.created_by_name or None,
            "updated_at": webhook.updated_at,
            "last_called_at": stats.last_called_at if stats else None,
            "total_calls": stats.total_calls if stats else 0,
            "successful_calls": stats.successful_calls if stats else 0,
            "failed_calls": stats.failed_calls if stats else 0,
            **({"unreadable": seen.unreadable} if seen.unreadable else {}),
        }


_HELP_ON_SECRET: Final = "`whsec_…` (hmac) or `whsk_…` (ed25519), of Standard Webhooks."  # noqa: S105  (help)
_HELP_ON_PUBLIC_KEY: Final = "`whpk_…`, by which receivers verify ed25519 signatures; null for hmac."


class SigningSecretSerializer(serializers.Serializer):
    signing_secret = serializers.CharField(allow_null=True, help_text=_HELP_ON_SECRET)
    public_key = serializers.CharField(allow_null=True, help_text=_HELP_ON_PUBLIC_KEY)
    previous_secret_expires_at = serializers.DateTimeField(
        allow_null=True, help_text="Until when the secret before it signs as well; null when no rotation is under way."
    )


class WebhookCreatedSerializer(WebhookSerializer):
    """A new webhook, with the secret that is answered here and at its own address, nowhere else."""

    signing_secret = serializers.CharField(allow_null=True, help_text=_HELP_ON_SECRET)
    public_key = serializers.CharField(allow_null=True, help_text=_HELP_ON_PUBLIC_KEY)

    class Meta(WebhookSerializer.Meta):
        fields = (*WebhookSerializer.Meta.fields, "signing_secret", "public_key")
        read_only_fields = fields


class WebhookTestSerializer(StrictSerializer):
    """The body of a test call; it may be left out."""

    payload = serializers.DictField(required=False, help_text="What is sent; a small sample unless given.")


class WebhookTestResultSerializer(serializers.Serializer):
    """What came of a test call. `success` is null while it goes on."""

    success = serializers.BooleanField(allow_null=True)
    status_code = serializers.IntegerField(allow_null=True)
    response_time_ms = serializers.IntegerField(allow_null=True)
    response_body = serializers.CharField(help_text="Of the last attempt; at most 16 KiB are kept.")
    error_message = serializers.CharField()
    attempts = serializers.IntegerField()
    delivery_id = serializers.UUIDField()
