"""API keys: made and rotated here, each shown once; revoked with a button; how much each is used."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.db.models import OuterRef, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.cache import add_never_cache_headers
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from integrations.admin.api_key_forms import APIKeyForm, RotateForm
from integrations.admin.badges import badge
from integrations.admin.service_admin import ServiceModelAdmin, add_service_error
from integrations.admin.usage_chart import usage_chart
from integrations.api_keys.models import APIKey, APIKeyUsage
from integrations.api_keys.queries import usage_of
from integrations.counting import counted
from integrations.errors import ServiceError
from integrations.models import Tenant
from integrations.services.api_keys import IssuedKey, create_api_key, revoke_api_key, rotate_api_key, update_api_key

_SHOWN_USAGE = timedelta(hours=47)  # and the hour under way: two days


class StateFilter(admin.SimpleListFilter):
    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("live", "Live"), ("expired", "Expired"), ("revoked", "Revoked")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        now = timezone.now()
        match self.value():
            case "live":
                return queryset.exclude(expires_at__lte=now).filter(revoked_at=None)
            case "expired":
                return queryset.filter(expires_at__lte=now, revoked_at=None)
            case "revoked":
                return queryset.exclude(revoked_at=None)
        return queryset


@admin.register(APIKey)
class APIKeyAdmin(ServiceModelAdmin):
    form = APIKeyForm
    change_form_template = "admin/integrations/apikey/change_form.html"
    list_display = ("name", "tenant", "prefix", "state", "used", "requests_24h")
    list_filter = (StateFilter,)
    list_select_related = ("tenant",)
    search_fields = ("name", "key_prefix", "tenant__name", "tenant__slug")
    search_help_text = "Search names, beginnings of keys and tenants."
    autocomplete_fields = ("tenant",)
    actions = ("revoke",)

    # --- The form ----------------------------------------------------------------------------------------------

    def get_fieldsets(self, request: HttpRequest, obj: APIKey | None = None) -> list[Any]:
        rights = ("What it may do", {"fields": ["scopes", "allowed_networks", "rate_limit", "expires_at"]})
        if obj is None:
            return [(None, {"fields": ["tenant", "name"]}), rights]
        history = ["created", "rotated_from", "revoked_at", "last_used"]
        return [
            (None, {"fields": ["tenant", "name", "prefix", "state"]}),
            ("Use in the last two days", {"fields": ["usage"]}),
            rights,
            ("History", {"fields": history}),
        ]

    def get_readonly_fields(self, request: HttpRequest, obj: APIKey | None = None) -> tuple[str, ...]:
        if obj is None:
            return ()
        return ("tenant", "prefix", "state", "usage", "created", "rotated_from", "revoked_at", "last_used")

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        is_history = isinstance(obj, APIKey) and obj.revoked_at is not None
        return super().has_change_permission(request, obj) and not is_history

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False  # keys are revoked, and stay for the record

    def save_model(self, request: HttpRequest, obj: APIKey, form: APIKeyForm, change: bool) -> None:
        actor = self.actor(request)
        if change:
            update_api_key(actor=actor, tenant=obj.tenant, access=None, key_id=obj.pk, **form.values(changed_only=True))
            return
        tenant: Tenant = form.cleaned_data["tenant"]
        issued = create_api_key(actor=actor, tenant=tenant, access=None, **form.values(changed_only=False))
        obj.pk = issued.key.pk
        obj.refresh_from_db()
        request.issued_key = issued  # type: ignore[attr-defined]

    def response_add(self, request: HttpRequest, obj: APIKey, post_url_continue: str | None = None) -> HttpResponse:
        return self._secret_page(request, request.issued_key, "New API key")  # type: ignore[attr-defined]

    # --- Pages of its own --------------------------------------------------------------------------------------

    def get_urls(self) -> list[URLPattern]:
        view = self.changing_page
        return [
            path("<uuid:object_id>/rotate/", view(self.rotate_view), name="integrations_apikey_rotate"),
            path("<uuid:object_id>/revoke/", view(self.revoke_view), name="integrations_apikey_revoke"),
            *super().get_urls(),
        ]

    def rotate_view(self, request: HttpRequest, object_id: UUID) -> HttpResponse:
        """Ask for the overlap; then make the new key and show it on the answering page."""
        key = self._key(request, object_id)
        form = RotateForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            try:
                issued = rotate_api_key(
                    actor=self.actor(request),
                    tenant=key.tenant,
                    access=None,
                    key_id=key.pk,
                    overlap=form.overlap(),
                )
            except ServiceError as error:
                add_service_error(form, error)
            else:
                key.refresh_from_db()
                return self._secret_page(request, issued, "New API key", old=key)
        return self._page(request, "rotate.html", {"title": "Rotate key", "original": key, "form": form})

    def revoke_view(self, request: HttpRequest, object_id: UUID) -> HttpResponse:
        """Ask, since there is no way back; then end the key."""
        key = self._key(request, object_id)
        if request.method != "POST":
            return self._page(request, "revoke.html", {"title": "Revoke key", "original": key})
        revoke_api_key(actor=self.actor(request), tenant=key.tenant, key_id=key.pk)
        self.message_user(request, f"{key} is revoked: requests with it are refused from now on.")
        return redirect("admin:integrations_apikey_change", key.pk)

    @admin.action(description="Revoke selected keys", permissions=["change"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[APIKey]) -> None:
        revoked = 0
        for key in queryset.select_related("tenant").filter(revoked_at=None).order_by("id"):
            revoke_api_key(actor=self.actor(request), tenant=key.tenant, key_id=key.pk)
            revoked += 1
        self.message_user(request, f"{counted(revoked, 'key')} revoked.")

    def _key(self, request: HttpRequest, object_id: UUID) -> APIKey:
        return get_object_or_404(self.get_queryset(request).select_related("tenant"), pk=object_id)

    def _secret_page(
        self, request: HttpRequest, issued: IssuedKey, title: str, old: APIKey | None = None
    ) -> HttpResponse:
        context = {"title": title, "original": issued.key, "secret": issued.text, "old": old}
        response = self._page(request, "secret.html", context)
        add_never_cache_headers(response)
        return response

    def _page(self, request: HttpRequest, template: str, context: dict[str, Any]) -> HttpResponse:
        shared = {**self.admin_site.each_context(request), "opts": self.opts, "media": self.media}
        return TemplateResponse(request, f"admin/integrations/apikey/{template}", {**shared, **context})

    # --- Columns and fields ------------------------------------------------------------------------------------

    def get_queryset(self, request: HttpRequest) -> QuerySet[APIKey]:
        since = timezone.now() - timedelta(hours=24)
        of_key = APIKeyUsage.objects.filter(
            tenant_id=OuterRef("tenant_id"), api_key_id=OuterRef("id"), hour__gte=since
        ).order_by()
        requests = of_key.values("api_key_id").annotate(total=Sum("requests")).values("total")
        keys = super().get_queryset(request).filter(tenant__deleted_at=None)
        return keys.annotate(requests_in_24h=Coalesce(Subquery(requests), 0))

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        return lookup == "tenant__id__exact" or super().lookup_allowed(lookup, value, request)

    @admin.display(description="Key", ordering="key_prefix")
    def prefix(self, key: APIKey) -> SafeString:
        return format_html('<span class="mono">{}…</span>', key.key_prefix)

    @admin.display(description="State")
    def state(self, key: APIKey) -> SafeString:
        return state_badge(key, timezone.now())

    @admin.display(description="Last used", ordering="last_used_at", empty_value="never")
    def used(self, key: APIKey) -> datetime | None:
        return key.last_used_at

    @admin.display(description="Last used", empty_value="never")
    def last_used(self, key: APIKey) -> str | None:
        if key.last_used_at is None:
            return None
        return f"{key.last_used_at:%Y-%m-%d %H:%M:%S} UTC from {key.last_used_address or 'an unknown address'}"

    @admin.display(description="Requests in 24 h", ordering="requests_in_24h")
    def requests_24h(self, key: Any) -> int:
        return int(key.requests_in_24h)

    @admin.display(description="Requests by hour")
    def usage(self, key: APIKey) -> SafeString:
        now = timezone.now()
        usage = usage_of(key, now=now, start=now - _SHOWN_USAGE)
        rows = format_html_join(
            "",
            '<tr><td>{}</td><td class="number">{}</td><td class="number">{}</td></tr>',
            ((f"{hour.hour:%Y-%m-%d %H}:00 UTC", hour.requests, hour.errors) for hour in reversed(usage.hours)),
        )
        table = format_html(
            '<div class="bounded"><table><thead><tr><th scope="col">Hour</th><th scope="col">Requests</th>'
            '<th scope="col">Errors</th></tr></thead><tbody>{}</tbody></table></div>',
            rows,
        )
        return format_html(
            '<div class="usage">{}<p>{} requests, {} of them errors.</p>{}</div>',
            usage_chart(usage),
            usage.requests,
            usage.errors,
            table if usage.hours else "",
        )

    @admin.display(description="Created")
    def created(self, key: APIKey) -> str:
        by = f"the key {key.created_by_name}" if key.created_by_kind == "api_key" else key.created_by_name
        return f"{key.created_at:%Y-%m-%d %H:%M:%S} UTC by {by}"


def state_badge(key: APIKey, now: datetime) -> SafeString:
    if key.revoked_at is not None:
        return badge("revoked", "bad")
    if not key.is_live(now):
        return badge("expired", "neutral")
    return badge("live", "good")
