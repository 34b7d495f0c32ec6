"""Webhooks: their list with totals, their form, switching several on or off."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html

from integrations.admin.badges import active_badge
from integrations.counting import counted
from integrations.encryption.errors import EncryptionError
from integrations.errors import ServiceError
from webhooks.admin.glance import glance_at
from webhooks.admin.transfer import TransferPages
from webhooks.admin.webhook_forms import WebhookForm
from webhooks.admin.webhook_pages import WebhookPages
from webhooks.models import Webhook
from webhooks.services.webhook_fields import WebhookFields
from webhooks.services.webhooks import create_webhook, delete_webhook, update_webhook
from webhooks.target_url import target_url

RETRIES: Any = (
    "Retries and limits",
    {
        "fields": [
            "retry_schedule",
            "max_retries",
            "retry_client_errors",
            "timeout_ms",
            "max_concurrency",
            "rate_limit_per_minute",
        ]
    },
)
HISTORY: Any = ("History", {"fields": ["disabled_reason", "disabled_at", "version", "created", "updated_at"]})


@admin.register(Webhook)
class WebhookAdmin(TransferPages, WebhookPages):
    form = WebhookForm
    change_form_template = "admin/webhooks/webhook/change_form.html"
    list_display = (
        "workflow_name",
        "tenant",
        "host",
        "state",
        "total_calls",
        "successful_calls",
        "failed_calls",
        "success_rate",
        "last_called_at",
    )
    list_filter = ("is_active", "retry_schedule")
    list_select_related = ("tenant", "stats", "runtime")
    search_fields = ("workflow_name", "tenant__name", "tenant__slug", "url_host")
    search_help_text = "Search names, tenants and hosts."
    actions = ("enable", "disable")
    autocomplete_fields = ("tenant", "integration")

    # --- The form ----------------------------------------------------------------------------------------------

    def get_fieldsets(self, request: HttpRequest, obj: Webhook | None = None) -> list[Any]:
        if obj and not self.has_change_permission(request, obj):
            return self._fieldsets_without_secrets()
        address = ["sends_to"] if obj else []
        sections: list[Any] = [
            (None, {"fields": ["tenant", "workflow_name", "description", "is_active"]}),
            ("Address", {"fields": ["url", *address, "integration"] if obj else ["url"]}),
            ("Events", {"fields": ["event_types", "payload_format"]}),
            ("Authentication", {"fields": ["auth_token", "headers", "signature_scheme"]}),
            RETRIES,
        ]
        if obj:
            sections.append(HISTORY)
        return sections

    def _fieldsets_without_secrets(self) -> list[Any]:
        """Return what auditors see: of what is encrypted, whether there is anything."""
        return [
            (None, {"fields": ["tenant", "workflow_name", "description", "is_active"]}),
            ("Address", {"fields": ["host", "integration"]}),
            ("Events", {"fields": ["event_types", "payload_format"]}),
            ("Authentication", {"fields": ["stored_secrets", "signature_scheme"]}),
            RETRIES,
            HISTORY,
        ]

    def get_readonly_fields(self, request: HttpRequest, obj: Webhook | None = None) -> tuple[str, ...]:
        if obj is None:
            return ()
        return (
            "tenant",
            "workflow_name",
            "sends_to",
            "disabled_reason",
            "disabled_at",
            "version",
            "created",
            "updated_at",
        )

    def save_model(self, request: HttpRequest, obj: Webhook, form: WebhookForm, change: bool) -> None:
        changes = form.changes()
        if change:
            update_webhook(actor=self.actor(request), tenant=obj.tenant, webhook_id=obj.pk, changes=changes)
            return
        tenant, name = form.cleaned_data["tenant"], form.cleaned_data["workflow_name"]
        made = create_webhook(actor=self.actor(request), tenant=tenant, workflow_name=name, **changes)
        obj.pk = made.pk
        obj.refresh_from_db()

    def delete_model(self, request: HttpRequest, obj: Webhook) -> None:
        delete_webhook(actor=self.actor(request), tenant=obj.tenant, webhook_id=obj.pk)

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        webhook = context.get("original")
        return super().render_change_form(
            request,
            {**context, "glance": glance_at(webhook) if webhook else None},
            *args,
            **kwargs,
        )

    # --- Actions -----------------------------------------------------------------------------------------------

    @admin.action(description="Enable selected webhooks", permissions=["change"])
    def enable(self, request: HttpRequest, queryset: Any) -> None:
        self._set_active(request, queryset, is_active=True)

    @admin.action(description="Disable selected webhooks", permissions=["change"])
    def disable(self, request: HttpRequest, queryset: Any) -> None:
        self._set_active(request, queryset, is_active=False)

    def _set_active(self, request: HttpRequest, queryset: Any, *, is_active: bool) -> None:
        changed = 0
        for webhook in queryset.select_related("tenant").exclude(is_active=is_active).order_by("id"):
            changes: WebhookFields = {"is_active": is_active}
            update_webhook(actor=self.actor(request), tenant=webhook.tenant, webhook_id=webhook.pk, changes=changes)
            changed += 1
        self.message_user(request, f"{counted(changed, 'webhook')} {'enabled' if is_active else 'disabled'}.")

    # --- Columns and fields ------------------------------------------------------------------------------------

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).filter(tenant__deleted_at=None)

    @admin.display(description="Host", ordering="url_host")
    def host(self, webhook: Webhook) -> str:
        return webhook.url_host if webhook.url_host else "derived from n8n"

    @admin.display(description="State", ordering="is_active")
    def state(self, webhook: Webhook) -> str:
        return active_badge(webhook.is_active)

    @admin.display(description="Calls", ordering="stats__total_calls")
    def total_calls(self, webhook: Webhook) -> str:
        address = reverse("admin:analytics_webhookcall_changelist")
        return format_html('<a href="{}?target_id={}">{}</a>', address, webhook.pk, _stats(webhook, "total_calls"))

    @admin.display(description="Succeeded", ordering="stats__successful_calls")
    def successful_calls(self, webhook: Webhook) -> int:
        return _stats(webhook, "successful_calls")

    @admin.display(description="Failed", ordering="stats__failed_calls")
    def failed_calls(self, webhook: Webhook) -> int:
        return _stats(webhook, "failed_calls")

    @admin.display(description="Success rate", empty_value="–")
    def success_rate(self, webhook: Webhook) -> str | None:
        total = _stats(webhook, "total_calls")
        return f"{100 * _stats(webhook, 'successful_calls') / total:.1f} %" if total else None

    @admin.display(description="Last call", ordering="stats__last_called_at", empty_value="never")
    def last_called_at(self, webhook: Webhook) -> Any:
        return webhook.stats.last_called_at if hasattr(webhook, "stats") else None

    @admin.display(description="Sends to")
    def sends_to(self, webhook: Webhook) -> str:
        try:
            return target_url(webhook)
        except ServiceError as error:
            return error.detail
        except EncryptionError:
            return "The stored address cannot be read: enter it again."

    @admin.display(description="Stored secrets", empty_value="–")
    def stored_secrets(self, webhook: Webhook) -> str | None:
        """Name what is stored encrypted, for those who may not see it."""
        named = [("bearer token", webhook.auth_token), ("URL", webhook.url)]
        return ", ".join(
            [name for name, value in named if value is not None] + [f"header {name}" for name in webhook.headers]
        )

    @admin.display(description="Created")
    def created(self, webhook: Webhook) -> str:
        return f"{webhook.created_at:%Y-%m-%d %H:%M:%S} UTC by {webhook.created_by_name or 'the system'}"


def _stats(webhook: Webhook, name: str) -> int:
    return getattr(webhook.stats, name) if hasattr(webhook, "stats") else 0
