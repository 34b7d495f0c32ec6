"""Messages: what was sent to whom and what became of it, the story of each, settling, and test messages."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from django.contrib import admin, messages
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import NoReverseMatch, URLPattern, path, reverse
from django.utils import timezone
from django.utils.safestring import SafeString

from integrations.activity.actor import Actor
from integrations.admin.activity import TenantFilter
from integrations.admin.permissions import PlatformModelAdmin
from integrations.admin.recent_rows import RecentRowsMixin, WhenFilter
from integrations.admin.service_admin import add_service_error
from integrations.admin.uncounted import UncountedPaginator
from integrations.encryption.errors import EncryptionError
from integrations.errors import ServiceError
from integrations.messaging.admin.forms import SettleForm, TestMessageForm
from integrations.messaging.admin.list_filters import ProviderFilter, found_by
from integrations.messaging.admin.story import content_in_words, state_badge, steps_of
from integrations.messaging.models import Message
from integrations.messaging.services.settling_by_hand import settle_by_hand
from integrations.messaging.services.trying import can_send, send_test_message, takes_templates
from integrations.models import Integration, Tenant
from integrations.platform_roles import may_see_secrets
from integrations.providers.messaging import MessageState
from integrations.providers.registry import provider_label

# So long after it was accepted the page looks by itself what became of a message.
_WATCHED: Final = timedelta(minutes=1)


@admin.register(Message)
class MessageAdmin(RecentRowsMixin, PlatformModelAdmin):
    """Rows come by sending and change by what providers tell: nothing is added, edited or deleted here."""

    list_display = ("accepted_at", "state_", "to", "tenant_name", "channel", "provider", "error")
    list_display_links = ("accepted_at",)
    list_filter = (WhenFilter, TenantFilter, "channel", "state", ProviderFilter)
    search_fields = ("to", "provider_message_id")  # for the search box; `get_search_results` searches
    search_help_text = "A whole number, or the whole id of a message: the provider's or ours."
    list_per_page = 50
    paginator = UncountedPaginator
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    ordering = ("-id",)
    actions = None

    def has_add_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Message]:
        tenants = Tenant.objects.filter(id=OuterRef("tenant_id")).values("name")
        return super().get_queryset(request).defer("content").annotate(tenant_name_=Subquery(tenants))

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Message], search_term: str
    ) -> tuple[QuerySet[Message], bool]:
        return found_by(queryset, search_term), False

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        return lookup == "integration_id" or super().lookup_allowed(lookup, value, request)

    def get_urls(self) -> list[URLPattern]:
        return [
            path("<uuid:object_id>/settle/", self.changing_page(self.settle_view), name="messaging_message_settle"),
            path("test/<uuid:integration_id>/", self.changing_page(self.test_view), name="messaging_message_test"),
            *super().get_urls(),
        ]

    # --- The story of one ---------------------------------------------------------------------------------------

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show a message as a timeline. There is nothing to save."""
        message = self.get_object(request, object_id)
        if message is None:
            raise Http404
        content, is_shown = content_in_words(message, is_hidden=not may_see_secrets(request.user))
        is_waiting = message.state == MessageState.ACCEPTED
        context = {
            "title": "Message",
            "original": message,
            "tenant": Tenant.objects.filter(id=message.tenant_id).first(),
            "integration": Integration.objects.filter(id=message.integration_id).first(),
            "provider": provider_label(message.provider),
            "state": state_badge(message.state),
            "steps": steps_of(message),
            "is_waiting": is_waiting,
            "is_watched": is_waiting and timezone.now() - message.accepted_at < _WATCHED,
            "may_settle": message.state == MessageState.UNKNOWN and self.has_change_permission(request),
            "attempts": _address_of_attempts(message),
            "content": content,
            "is_content": is_shown,
        }
        return self._page(request, "story.html", **context)

    def settle_view(self, request: HttpRequest, object_id: UUID) -> HttpResponse:
        """Ask what became of an unknown message, and store that."""
        message = get_object_or_404(Message, pk=object_id)
        if message.state != MessageState.UNKNOWN:
            self.message_user(request, f"There is nothing to settle: the message is {message.state}.", messages.WARNING)
            return redirect("admin:messaging_message_change", object_id)
        provider = provider_label(message.provider)
        form = SettleForm(request.POST or None, provider=provider)
        if request.method == "POST" and form.is_valid():
            state = form.cleaned_data["state"]
            try:
                settle_by_hand(
                    actor=Actor.of(request.user, request),
                    tenant=get_object_or_404(Tenant.objects.existing(), pk=message.tenant_id),
                    message_id=object_id,
                    state=state,
                    note=form.cleaned_data["note"],
                )
            except ServiceError as error:
                add_service_error(form, error)
            else:
                self.message_user(request, f"The message is settled as {state}.")
                return redirect("admin:messaging_message_change", object_id)
        return self._page(
            request, "settle.html", title="Settle", original=message, provider=provider, form=form, media=self.media
        )

    # --- Test messages ------------------------------------------------------------------------------------------

    def test_view(self, request: HttpRequest, integration_id: UUID) -> HttpResponse:
        """Ask for number and text, send the message, and show what becomes of it."""
        rows = Integration.objects.filter(tenant__deleted_at=None).select_related("tenant", "owner__user")
        integration = get_object_or_404(rows, pk=integration_id)
        if not can_send(integration):
            raise Http404
        form = TestMessageForm(request.POST or None, takes_templates=takes_templates(integration))
        if request.method == "POST" and form.is_valid():
            try:
                sent = send_test_message(
                    actor=Actor.of(request.user, request), integration=integration, **form.message()
                )
            except ServiceError as error:
                add_service_error(form, error)
            except EncryptionError:
                form.add_error(None, "A stored secret cannot be opened at the moment: try again later.")
            else:
                return redirect("admin:messaging_message_change", sent.pk)
        return self._page(
            request, "test.html", title="Send a test message", original=integration, form=form, media=self.media
        )

    # --- Columns ------------------------------------------------------------------------------------------------

    @admin.display(description="Tenant", empty_value="–")
    def tenant_name(self, message: Any) -> str | None:
        return message.tenant_name_

    @admin.display(description="State", ordering="state")
    def state_(self, message: Message) -> SafeString:
        return state_badge(message.state)

    @admin.display(description="Error", empty_value="–")
    def error(self, message: Message) -> str | None:
        return message.error_message[:120] or None

    def _page(self, request: HttpRequest, template: str, **context: Any) -> TemplateResponse:
        shared = {**self.admin_site.each_context(request), "opts": self.opts}
        return TemplateResponse(request, f"admin/messaging/message/{template}", {**shared, **context})


def _address_of_attempts(message: Message) -> str | None:
    """Return the page that lists its requests: they are another room's, which may not be there."""
    try:
        return f"{reverse('admin:analytics_webhookcall_changelist')}?delivery_id={message.pk}"
    except NoReverseMatch:
        return None
