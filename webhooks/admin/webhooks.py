"""Webhooks: statistics at a glance, a test that shows its result, the signing secret on request."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from integrations.admin.badges import active_badge, badge
from integrations.admin.service_admin import ServiceModelAdmin
from integrations.encryption.errors import EncryptionError
from integrations.errors import ServiceError
from integrations.models import Tenant
from webhooks.admin.webhook_forms import TestForm, WebhookForm
from webhooks.breaker import BreakerState, Health
from webhooks.models import Webhook
from webhooks.queries import health_of
from webhooks.services.breaker import reset_breaker
from webhooks.services.calls import test_webhook
from webhooks.services.signing_secrets import read_signing_secret, rotate_signing_secret
from webhooks.services.webhook_fields import WebhookFields
from webhooks.services.webhooks import create_webhook, delete_webhook, update_webhook
from webhooks.target_url import DerivedUrls, target_url

SAMPLE_PAYLOAD = {"test": True, "source": "signalbox"}

HEALTH: Any = ("Health", {"fields": ["breaker", "failing_since"]})
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
class WebhookAdmin(ServiceModelAdmin):
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
            sections.insert(1, HEALTH)
            sections.append(HISTORY)
        return sections

    def _fieldsets_without_secrets(self) -> list[Any]:
        """Return what auditors see: of what is encrypted, whether there is anything."""
        return [
            (None, {"fields": ["tenant", "workflow_name", "description", "is_active"]}),
            HEALTH,
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
            "breaker",
            "failing_since",
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

    # --- Pages of its own --------------------------------------------------------------------------------------

    def get_urls(self) -> list[URLPattern]:
        return [
            path("derived-url/", self.changing_page(self.derived_url_view), name="webhooks_webhook_derived_url"),
            path("<uuid:object_id>/test/", self.changing_page(self.test_view), name="webhooks_webhook_test"),
            path("<uuid:object_id>/secret/", self.changing_page(self.secret_view), name="webhooks_webhook_secret"),
            path(
                "<uuid:object_id>/secret/rotate/", self.changing_page(self.rotate_view), name="webhooks_webhook_rotate"
            ),
            path(
                "<uuid:object_id>/breaker/reset/",
                self.changing_page(self.breaker_reset_view),
                name="webhooks_webhook_breaker_reset",
            ),
            *super().get_urls(),
        ]

    def derived_url_view(self, request: HttpRequest) -> JsonResponse:
        """Answer where a webhook without an address of its own would be sent, for the add form."""
        tenant = Tenant.objects.identified_by(request.GET.get("tenant", "")).first()
        name = request.GET.get("workflow_name", "")
        url = DerivedUrls(tenant).url(workflow_name=name) if tenant and name else None
        return JsonResponse({"url": url})

    def test_view(self, request: HttpRequest, object_id: UUID) -> HttpResponse:
        """Send a test and show its result on the answering page."""
        webhook = get_object_or_404(Webhook.objects.select_related("tenant"), pk=object_id)
        sample = json.dumps(SAMPLE_PAYLOAD, indent=2)
        form = TestForm(request.POST or None, initial={"payload": sample})
        result, refusal = None, ""
        if request.method == "POST" and form.is_valid():
            try:
                result = test_webhook(webhook, actor=self.actor(request), payload=form.cleaned_data["payload"])
            except ServiceError as error:
                refusal = error.detail
        context = {"title": "Send test", "form": form, "result": result, "refusal": refusal}
        return self._page(request, "test.html", webhook, context)

    @method_decorator([never_cache, require_POST])
    def secret_view(self, request: HttpRequest, object_id: UUID) -> HttpResponse:
        """Show the signing secret: the one secret that may be read again. Leaves an entry in the activity log."""
        webhook = get_object_or_404(Webhook.objects.select_related("tenant"), pk=object_id)
        secret = read_signing_secret(actor=self.actor(request), tenant=webhook.tenant, webhook_id=webhook.pk)
        return self._page(request, "secret.html", webhook, {"title": "Signing secret", "secret": secret})

    @method_decorator([never_cache, require_POST])
    def rotate_view(self, request: HttpRequest, object_id: UUID) -> HttpResponse:
        """Make a new signing secret and show it on the answering page; the old one signs as well for a day."""
        webhook = get_object_or_404(Webhook.objects.select_related("tenant"), pk=object_id)
        secret = rotate_signing_secret(actor=self.actor(request), tenant=webhook.tenant, webhook_id=webhook.pk)
        context = {"title": "New signing secret", "secret": secret, "is_new": True}
        return self._page(request, "secret.html", webhook, context)

    @method_decorator(require_POST)
    def breaker_reset_view(self, request: HttpRequest, object_id: UUID) -> HttpResponse:
        """Close the circuit breaker, so that what waits behind it is sent now."""
        webhook = get_object_or_404(Webhook.objects.select_related("tenant"), pk=object_id)
        reset_breaker(actor=self.actor(request), tenant=webhook.tenant, webhook_id=webhook.pk)
        self.message_user(request, "The circuit breaker is closed. What waited is sent now.")
        return redirect("admin:webhooks_webhook_change", webhook.pk)

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        webhook = context.get("original")
        return super().render_change_form(
            request,
            {**context, "has_failures": webhook is not None and health_of(webhook) != Health()},
            *args,
            **kwargs,
        )

    def _page(self, request: HttpRequest, template: str, webhook: Webhook, context: dict[str, Any]) -> HttpResponse:
        shared = {**self.admin_site.each_context(request), "opts": self.opts, "original": webhook}
        return TemplateResponse(request, f"admin/webhooks/webhook/{template}", {**shared, **context})

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
        self.message_user(request, f"{changed} webhooks {'enabled' if is_active else 'disabled'}.")

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

    @admin.display(description="Circuit breaker")
    def breaker(self, webhook: Webhook) -> SafeString:
        health = health_of(webhook)
        match health.state(timezone.now()):
            case BreakerState.OPEN:
                return badge(f"open until {health.open_until:%Y-%m-%d %H:%M:%S} UTC", "bad")
            case BreakerState.HALF_OPEN:
                return badge("half open: the next delivery is a probe", "warning")
        return badge("closed", "good")

    @admin.display(description="Nothing but failures since", empty_value="–")
    def failing_since(self, webhook: Webhook) -> str | None:
        since = health_of(webhook).failing_since
        return f"{since:%Y-%m-%d %H:%M:%S} UTC" if since else None

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
