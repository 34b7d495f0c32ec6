"""A webhook's own pages: the playground, its signing secret, recovering, and closing its breaker."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from integrations.admin.service_admin import ServiceModelAdmin, add_service_error
from integrations.errors import ServiceError
from integrations.models import Tenant
from webhooks.admin.playground import play
from webhooks.admin.recover_form import RecoverForm
from webhooks.admin.recoveries import shown_recovery
from webhooks.models import Recovery, RecoveryState, Webhook
from webhooks.services.breaker import reset_breaker
from webhooks.services.recovering import start_recovery
from webhooks.services.signing_secrets import read_signing_secret, rotate_signing_secret
from webhooks.target_url import DerivedUrls

_LISTED_RECOVERIES = 20


class WebhookPages(ServiceModelAdmin):
    """What the admin of webhooks has besides its list and its form. All of it is closed to who may only look."""

    def get_urls(self) -> list[URLPattern]:
        return [
            path("derived-url/", self.changing_page(self.derived_url_view), name="webhooks_webhook_derived_url"),
            self._own_path("playground/", self.playground_view, "playground"),
            self._own_path("test/", self.playground_view, "test"),  # where it was before
            self._own_path("recover/", self.recover_view, "recover"),
            self._own_path("secret/", self.secret_view, "secret"),
            self._own_path("secret/rotate/", self.rotate_view, "rotate"),
            self._own_path("breaker/reset/", self.breaker_reset_view, "breaker_reset"),
            *super().get_urls(),
        ]

    def derived_url_view(self, request: HttpRequest) -> JsonResponse:
        """Answer where a webhook without an address of its own would be sent, for the add form."""
        tenant = Tenant.objects.identified_by(request.GET.get("tenant", "")).first()
        name = request.GET.get("workflow_name", "")
        url = DerivedUrls(tenant).url(workflow_name=name) if tenant and name else None
        return JsonResponse({"url": url})

    @method_decorator(never_cache)
    def playground_view(self, request: HttpRequest, object_id: UUID) -> HttpResponse:
        """Show the request that a payload makes; a POST without the button "Show the request" sends it, too."""
        is_post = request.method == "POST"
        shown = play(
            webhook := self._webhook(object_id),
            actor=self.actor(request),
            data=request.POST if is_post else None,
            is_to_send=is_post and "preview" not in request.POST,
        )
        return self._page(request, "playground.html", webhook, shown)

    def recover_view(self, request: HttpRequest, object_id: UUID) -> HttpResponse:
        """Ask from when to when, begin, and lead to the page on which to watch it."""
        webhook = self._webhook(object_id)
        form = RecoverForm(request.POST if request.method == "POST" else None)
        if request.method == "POST" and form.is_valid():
            try:
                recovery = start_recovery(
                    actor=self.actor(request), tenant=webhook.tenant, webhook_id=webhook.pk, **form.span()._asdict()
                )
            except ServiceError as error:
                add_service_error(form, error)
            else:
                return redirect("admin:webhooks_recovery_change", recovery.pk)
        recoveries = Recovery.objects.filter(webhook_id=webhook.pk).order_by("-id")[:_LISTED_RECOVERIES]
        listed = [shown_recovery(recovery) for recovery in recoveries]
        running = next((row for row in listed if row.recovery.state == RecoveryState.RUNNING), None)
        context = {"title": "Recover", "form": form, "recoveries": listed, "running": running}
        return self._page(request, "recover.html", webhook, context)

    @method_decorator([never_cache, require_POST])
    def secret_view(self, request: HttpRequest, object_id: UUID) -> HttpResponse:
        """Show the signing secret: the one secret that may be read again. Leaves an entry in the activity log."""
        webhook = self._webhook(object_id)
        secret = read_signing_secret(actor=self.actor(request), tenant=webhook.tenant, webhook_id=webhook.pk)
        return self._page(request, "secret.html", webhook, {"title": "Signing secret", "secret": secret})

    @method_decorator([never_cache, require_POST])
    def rotate_view(self, request: HttpRequest, object_id: UUID) -> HttpResponse:
        """Make a new signing secret and show it on the answering page; the old one signs as well for a day."""
        webhook = self._webhook(object_id)
        secret = rotate_signing_secret(actor=self.actor(request), tenant=webhook.tenant, webhook_id=webhook.pk)
        context = {"title": "New signing secret", "secret": secret, "is_new": True}
        return self._page(request, "secret.html", webhook, context)

    @method_decorator(require_POST)
    def breaker_reset_view(self, request: HttpRequest, object_id: UUID) -> HttpResponse:
        """Close the circuit breaker, so that what waits behind it is sent now."""
        webhook = self._webhook(object_id)
        reset_breaker(actor=self.actor(request), tenant=webhook.tenant, webhook_id=webhook.pk)
        self.message_user(request, "The circuit breaker is closed. What waited is sent now.")
        return redirect("admin:webhooks_webhook_change", webhook.pk)

    def _own_path(self, route: str, view: Any, name: str) -> URLPattern:
        return path(f"<uuid:object_id>/{route}", self.changing_page(view), name=f"webhooks_webhook_{name}")

    def _webhook(self, object_id: UUID) -> Webhook:
        return get_object_or_404(Webhook.objects.select_related("tenant"), tenant__deleted_at=None, pk=object_id)

    def _page(self, request: HttpRequest, template: str, webhook: Webhook, context: dict[str, Any]) -> HttpResponse:
        shared = {**self.admin_site.each_context(request), "opts": self.opts, "original": webhook}
        return TemplateResponse(request, f"admin/webhooks/webhook/{template}", {**shared, **context})
