"""Receivers: added in two steps, each secret shown once, and what came of what was sent to them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.cache import add_never_cache_headers
from django.utils.html import format_html
from django.utils.safestring import SafeString

from integrations.admin.badges import active_badge, badge
from integrations.admin.service_admin import ServiceModelAdmin, add_service_error
from integrations.encryption.errors import EncryptionError
from integrations.errors import InvalidInputError, ServiceError
from integrations.providers.receiving import Receiving
from integrations.providers.registry import get_receiving
from webhooks.admin.receiver_forms import (
    OPTION_PREFIX,
    ChooseReceivingForm,
    ReceiverForm,
    RotateReceiverForm,
    receiver_form,
)
from webhooks.admin.receiver_history import receiving_chart, receiving_table, requests_table
from webhooks.models import Receiver
from webhooks.receiver_queries import days_of, with_counts
from webhooks.services.receivers import create_receiver, delete_receiver, rotate_receiver_secret, update_receiver

_DAYS: Final = 30
_REQUESTS: Final = 50


@admin.register(Receiver)
class ReceiverAdmin(ServiceModelAdmin):
    change_form_template = "admin/webhooks/receiver/change_form.html"
    list_display = ("name", "tenant", "sender", "state", "accepted", "duplicates", "refused", "last_received")
    list_filter = ("provider", "is_active")
    list_select_related = ("tenant",)
    search_fields = ("name", "tenant__name", "tenant__slug")
    search_help_text = "Search names and tenants."

    # --- Adding: first the sender, then what it needs -----------------------------------------------------------

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        choice = ChooseReceivingForm(request.GET if "provider" in request.GET else None, initial=request.GET.dict())
        if not choice.is_valid():
            context = {"title": "Add receiver", "form": choice, "media": self.media + choice.media}
            return self._page(request, "choose.html", context)
        request.chosen = choice.cleaned_data  # type: ignore[attr-defined]
        label = get_receiving(choice.cleaned_data["provider"]).label
        context = {"title": f"Add receiver: {label} for {choice.cleaned_data['tenant']}", **(extra_context or {})}
        return super().add_view(request, form_url, context)

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> type:
        kwargs["form"] = receiver_form(self._receiving(request, obj))
        kwargs["fields"] = ReceiverForm.Meta.fields
        return super().get_form(request, obj, change, **kwargs)

    def get_fieldsets(self, request: HttpRequest, obj: Receiver | None = None) -> list[Any]:
        receiving = self._receiving(request, obj)
        may_enter = obj is None or self.has_change_permission(request, obj)
        options = [f"{OPTION_PREFIX}{option.name}" for option in receiving.options] if may_enter else ["shown_options"]
        proof = [*(["secret"] if obj is None else ["secret_state"] if may_enter else []), *options]
        let_in: Any = ("What is let in", {"fields": ["event_types", "allowed_networks", "rate_limit_per_minute"]})
        if obj is None:
            return [(None, {"fields": ["name", "is_active"]}), (receiving.label, {"fields": proof}), let_in]
        return [
            (None, {"fields": ["tenant", "sender", "name", "is_active", "address"]}),
            (f"The last {_DAYS} days", {"fields": ["counts"]}),
            (f"The last {_REQUESTS} genuine requests", {"fields": ["requests"]}),
            let_in,
            (f"How {receiving.label} proves itself", {"fields": [*proof, "overlap"]}),
            ("History", {"fields": ["version", "created", "updated_at"]}),
        ]

    def get_readonly_fields(self, request: HttpRequest, obj: Receiver | None = None) -> tuple[str, ...]:
        if obj is None:
            return ()
        shown = ("tenant", "sender", "address", "counts", "requests", "secret_state", "shown_options")
        return (*shown, "overlap", "version", "created", "updated_at")

    def save_model(self, request: HttpRequest, obj: Receiver, form: ReceiverForm, change: bool) -> None:
        try:
            self._save(request, obj, form, change)
        except InvalidInputError as error:
            named = {field.replace("options.", OPTION_PREFIX, 1): reasons for field, reasons in error.errors.items()}
            raise InvalidInputError(named) from None

    def _save(self, request: HttpRequest, obj: Receiver, form: ReceiverForm, change: bool) -> None:
        actor, values = self.actor(request), form.values()
        if change:
            update_receiver(actor=actor, tenant=obj.tenant, receiver_id=obj.pk, changes=values)
            return
        chosen = request.chosen  # type: ignore[attr-defined]
        made = create_receiver(actor=actor, tenant=chosen["tenant"], provider=chosen["provider"], **values)
        obj.pk = made.pk
        obj.refresh_from_db()

    def response_add(self, request: HttpRequest, obj: Receiver, post_url_continue: str | None = None) -> HttpResponse:
        return self._secret_page(request, obj, "New receiver")

    def delete_model(self, request: HttpRequest, obj: Receiver) -> None:
        delete_receiver(actor=self.actor(request), tenant=obj.tenant, receiver_id=obj.pk)

    def get_deleted_objects(
        self, objs: Any, request: HttpRequest
    ) -> tuple[list[Any], dict[str, int], set[str], list[str]]:
        """Name the receivers alone: the admin would load every request and count that goes with them."""
        names = [f"{receiver} of {receiver.tenant}, with its counts and stored requests" for receiver in objs]
        return names, {"receivers": len(names)}, set(), []

    # --- Pages of its own --------------------------------------------------------------------------------------

    def get_urls(self) -> list[URLPattern]:
        rotate = path("<uuid:object_id>/rotate/", self.changing_page(self.rotate_view), name="webhooks_receiver_rotate")
        return [rotate, *super().get_urls()]

    def rotate_view(self, request: HttpRequest, object_id: UUID) -> HttpResponse:
        """Ask for the provider's new secret, where it makes them; then show what is valid now on the answering page."""
        receiver = get_object_or_404(self.get_queryset(request).select_related("tenant"), pk=object_id)
        receiving = get_receiving(receiver.provider)
        form = RotateReceiverForm(receiving, request.POST if request.method == "POST" else None)
        if request.method == "POST" and form.is_valid():
            secret = form.cleaned_data["secret"] or None
            try:
                rotated = rotate_receiver_secret(
                    actor=self.actor(request), tenant=receiver.tenant, receiver_id=receiver.pk, secret=secret
                )
            except ServiceError as error:
                add_service_error(form, error)
            else:
                return self._secret_page(request, rotated, "New secret")
        context = {"title": "Rotate secret", "original": receiver, "form": form, "receiving": receiving}
        return self._page(request, "rotate.html", {**context, "media": self.media + form.media})

    def _secret_page(self, request: HttpRequest, receiver: Receiver, title: str) -> HttpResponse:
        token = receiver.verify_token
        context = {
            "title": title,
            "original": receiver,
            "secret": receiver.secret.reveal(),
            "verify_token": token.reveal() if token is not None else None,
            "receiving": get_receiving(receiver.provider),
        }
        response = self._page(request, "secret.html", context)
        add_never_cache_headers(response)
        return response

    def _page(self, request: HttpRequest, template: str, context: dict[str, Any]) -> HttpResponse:
        shared = {**self.admin_site.each_context(request), "opts": self.opts, "media": self.media}
        return TemplateResponse(request, f"admin/webhooks/receiver/{template}", {**shared, **context})

    # --- Columns and fields ------------------------------------------------------------------------------------

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        receivers = super().get_queryset(request).filter(tenant__deleted_at=None)
        return with_counts(receivers, since=timezone.now() - timedelta(hours=24))

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        return lookup == "tenant__id__exact" or super().lookup_allowed(lookup, value, request)

    @admin.display(description="Sender", ordering="provider")
    def sender(self, receiver: Receiver) -> str:
        return get_receiving(receiver.provider).label

    @admin.display(description="State", ordering="is_active")
    def state(self, receiver: Receiver) -> SafeString:
        return active_badge(receiver.is_active)

    @admin.display(description="Accepted in 24 h", ordering="accepted")
    def accepted(self, receiver: Any) -> int:
        return int(receiver.accepted)

    @admin.display(description="Duplicates", ordering="duplicates")
    def duplicates(self, receiver: Any) -> int:
        return int(receiver.duplicates)

    @admin.display(description="Refused", ordering="refused")
    def refused(self, receiver: Any) -> SafeString | int:
        return badge(f"{receiver.refused:,}", "bad") if receiver.refused else 0

    @admin.display(description="Last received", ordering="last", empty_value="–")
    def last_received(self, receiver: Any) -> datetime | None:
        last: datetime | None = receiver.last
        return last

    @admin.display(description="Address")
    def address(self, receiver: Receiver) -> SafeString:
        return format_html('<span class="mono">{}</span>', receiver.address)

    @admin.display(description="Requests by day")
    def counts(self, receiver: Receiver) -> SafeString:
        days = days_of(receiver, now=timezone.now(), days=_DAYS)
        return format_html('<div class="usage">{}{}</div>', receiving_chart(days), receiving_table(days))

    @admin.display(description="Requests")
    def requests(self, receiver: Receiver) -> SafeString:
        rows = receiver.requests.defer("body", "headers").order_by("-id")[:_REQUESTS]
        return requests_table(list(rows))

    @admin.display(description="Secret")
    def secret_state(self, receiver: Receiver) -> SafeString | str:
        try:
            receiver.secret.reveal()
        except EncryptionError:
            return badge("cannot be read: rotate it", "bad")
        return "Stored, and never shown again. Rotate it if it was lost."

    @admin.display(description="Options")
    def shown_options(self, receiver: Receiver) -> str:
        names = [option.name for option in get_receiving(receiver.provider).options if option.name in receiver.options]
        return ", ".join(f"{name}: {receiver.options[name]}" for name in names) or "–"

    @admin.display(description="Previous secret")
    def overlap(self, receiver: Receiver) -> str:
        until = receiver.previous_secret_expires_at
        if until is None or until <= timezone.now():
            return "–"
        return f"proves the sender as well until {until:%Y-%m-%d %H:%M:%S} UTC"

    @admin.display(description="Created")
    def created(self, receiver: Receiver) -> str:
        return f"{receiver.created_at:%Y-%m-%d %H:%M:%S} UTC by {receiver.created_by_name or 'the system'}"

    def _receiving(self, request: HttpRequest, obj: Receiver | None) -> Receiving:
        return get_receiving(obj.provider if obj else request.chosen["provider"])  # type: ignore[attr-defined]
