"""Channels: added in two steps, a made secret shown once, with a button that sends a test."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.cache import add_never_cache_headers
from django.utils.html import format_html
from django.utils.safestring import SafeString

from analytics.alerts.admin.channel_forms import ChannelForm, ChooseChannelForm, channel_form
from analytics.alerts.channel_kinds.base import ChannelKind
from analytics.alerts.channel_kinds.registry import get_channel_kind
from analytics.alerts.models import AlertChannel, NoticeState
from analytics.alerts.services.channels import create_channel, delete_channel, try_channel, update_channel
from integrations.admin.badges import badge
from integrations.admin.service_admin import ServiceModelAdmin


@admin.register(AlertChannel)
class AlertChannelAdmin(ServiceModelAdmin):
    change_form_template = "admin/alerts/alertchannel/change_form.html"
    list_display = ("name", "whose", "kind", "sends_to", "state", "last_sent_at", "waiting")
    list_filter = ("kind", "enabled")
    list_select_related = ("tenant",)
    search_fields = ("name", "tenant__name", "tenant__slug")
    search_help_text = "Search names and tenants."

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        waiting = Count("notices", filter=Q(notices__state=NoticeState.WAITING))
        return super().get_queryset(request).annotate(waiting_=waiting)

    # --- Adding and changing -----------------------------------------------------------------------------------

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        choice = ChooseChannelForm(request.GET if "kind" in request.GET else None, initial=request.GET.dict())
        if not choice.is_valid():
            shared = {**self.admin_site.each_context(request), "opts": self.opts, "media": self.media + choice.media}
            context = {**shared, "title": "Add alert channel", "form": choice}
            return TemplateResponse(request, "admin/alerts/choose.html", context)
        request.chosen = choice.cleaned_data  # type: ignore[attr-defined]
        owner = choice.cleaned_data["tenant"] or "the platform"
        title = f"Add alert channel: {get_channel_kind(choice.cleaned_data['kind']).label}, of {owner}"
        return super().add_view(request, form_url, {"title": title, **(extra_context or {})})

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> type:
        kwargs["form"] = channel_form(self._kind(request, obj))
        kwargs["fields"] = ChannelForm.Meta.fields
        return super().get_form(request, obj, change, **kwargs)

    def get_fieldsets(self, request: HttpRequest, obj: AlertChannel | None = None) -> list[Any]:
        kind = self._kind(request, obj)
        may_enter = obj is None or self.has_change_permission(request, obj)
        takes = (("recipients", kind.takes_recipients), ("url", kind.takes_url), ("secret", kind.takes_secret))
        where = [name for name, is_taken in takes if is_taken] if may_enter else ["sends_to"]
        sections: list[Any] = [
            (None, {"fields": ["name", "enabled"]}),
            (kind.label, {"fields": where}),
            ("What is told", {"fields": ["rule_kinds" if may_enter else "told"]}),
        ]
        if obj is not None:
            how_it_is = ["state", "last_error", "failures", "last_failed_at", "retry_at", "last_sent_at", "waiting"]
            sections[0] = (None, {"fields": ["name", "whose", "enabled"]})
            sections.insert(1, ("How it is", {"fields": how_it_is}))
            sections.append(("History", {"fields": ["created_at", "created_by_name", "updated_at"]}))
        return sections

    def get_readonly_fields(self, request: HttpRequest, obj: AlertChannel | None = None) -> tuple[str, ...]:
        if obj is None:
            return ()
        state = ("state", "last_error", "failures", "last_failed_at", "retry_at", "last_sent_at", "waiting")
        return ("whose", "sends_to", "told", *state, "created_at", "created_by_name", "updated_at")

    def save_model(self, request: HttpRequest, obj: AlertChannel, form: ChannelForm, change: bool) -> None:
        actor, values = self.actor(request), form.values()
        if change:
            update_channel(actor=actor, tenant=obj.tenant, channel_id=obj.pk, changes=values)
            return
        chosen = request.chosen  # type: ignore[attr-defined]
        made = create_channel(actor=actor, tenant=chosen["tenant"], kind=chosen["kind"], **values)
        obj.pk = made.pk
        obj.refresh_from_db()

    def response_add(
        self, request: HttpRequest, obj: AlertChannel, post_url_continue: str | None = None
    ) -> HttpResponse:
        if obj.secret is None:
            return super().response_add(request, obj, post_url_continue)
        shared = {**self.admin_site.each_context(request), "opts": self.opts, "media": self.media}
        context = {**shared, "title": "New alert channel", "original": obj, "secret": obj.secret.reveal()}
        response = TemplateResponse(request, "admin/alerts/alertchannel/secret.html", context)
        add_never_cache_headers(response)
        return response

    def delete_model(self, request: HttpRequest, obj: AlertChannel) -> None:
        delete_channel(actor=self.actor(request), tenant=obj.tenant, channel_id=obj.pk)

    def get_deleted_objects(
        self, objs: Any, request: HttpRequest
    ) -> tuple[list[Any], dict[str, int], set[str], list[str]]:
        """Name the channels alone: the admin would load every notice that goes with them."""
        names = [f"{channel}, with what waits for it" for channel in objs]
        return names, {"alert channels": len(names)}, set(), []

    def _kind(self, request: HttpRequest, obj: AlertChannel | None) -> ChannelKind:
        return get_channel_kind(request.chosen["kind"] if obj is None else obj.kind)  # type: ignore[attr-defined]

    # --- The test ----------------------------------------------------------------------------------------------

    def get_urls(self) -> list[URLPattern]:
        test = path("<uuid:object_id>/test/", self.changing_page(self.test_view), name="alerts_alertchannel_test")
        return [test, *super().get_urls()]

    def test_view(self, request: HttpRequest, object_id: UUID) -> HttpResponse:
        """Send a test and say what became of it on the channel's page."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        channel = get_object_or_404(AlertChannel.objects.select_related("tenant"), pk=object_id)
        problem = try_channel(actor=self.actor(request), tenant=channel.tenant, channel_id=channel.pk)
        if problem is None:
            self.message_user(request, "The test got through.", messages.SUCCESS)
        else:
            self.message_user(request, f"The test did not get through. {problem}", messages.ERROR)
        return HttpResponseRedirect(self._address("change", object_id))

    # --- Columns and fields ------------------------------------------------------------------------------------

    @admin.display(description="Whose", ordering="tenant__name")
    def whose(self, channel: AlertChannel) -> str:
        return str(channel.tenant) if channel.tenant is not None else "The platform"

    @admin.display(description="Sends to", empty_value="–")
    def sends_to(self, channel: AlertChannel) -> str:
        return channel.url_host or ", ".join(channel.recipients)

    @admin.display(description="What is told")
    def told(self, channel: AlertChannel) -> str:
        return ", ".join(channel.rule_kinds) or "Everything"

    @admin.display(description="State")
    def state(self, channel: AlertChannel) -> SafeString:
        if not channel.enabled:
            return badge("off", "neutral")
        if channel.last_error:
            return badge("failing", "bad")
        return badge("works", "good") if channel.last_sent_at else badge("not used yet", "neutral")

    @admin.display(description="Waiting", ordering="waiting_")
    def waiting(self, channel: Any) -> SafeString | int:
        return format_html("{} notices", channel.waiting_) if channel.waiting_ else 0
