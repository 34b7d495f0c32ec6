"""Tenants."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from django.apps import apps
from django.contrib import admin
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html

from integrations.admin.badges import active_badge
from integrations.admin.tenant_people import TenantPeopleAdmin
from integrations.models import APIKey, Tenant
from integrations.services.tenants import create_tenant, delete_tenant, update_tenant
from integrations.tenant_data_owners import tenant_data_owners


@admin.register(Tenant)
class TenantAdmin(TenantPeopleAdmin):
    list_display = ("name", "slug", "state", "integrations_count", "members_count", "created_at")
    list_filter = ("is_active",)
    search_fields = ("name", "slug")
    search_help_text = "Search names and slugs."
    fields: ClassVar = ["name", "slug", "is_active", "created_at", "updated_at"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Tenant]:
        tenants = Tenant.objects.existing()
        return tenants.annotate(
            integrations_count=Count("integrations", distinct=True),
            members_count=Count("memberships", filter=Q(memberships__user__is_active=True), distinct=True),
        )

    def get_readonly_fields(self, request: HttpRequest, obj: Tenant | None = None) -> list[str]:
        return ["created_at", "updated_at", *(["slug", "api_keys", "live_api_keys"] if obj else [])]

    def get_fields(self, request: HttpRequest, obj: Tenant | None = None) -> list[Any]:
        keys = "api_keys" if self.has_change_permission(request) else "live_api_keys"
        return [*self.fields, *([keys] if obj else [])]

    def save_model(self, request: HttpRequest, obj: Tenant, form: Any, change: bool) -> None:
        data = form.cleaned_data
        if change:
            update_tenant(actor=self.actor(request), tenant=obj, name=data["name"], is_active=data["is_active"])
            return
        made = create_tenant(
            actor=self.actor(request), name=data["name"], slug=data["slug"], is_active=data["is_active"]
        )
        obj.pk = made.pk
        obj.refresh_from_db()

    def delete_model(self, request: HttpRequest, obj: Tenant) -> None:
        delete_tenant(actor=self.actor(request), tenant=obj)

    def get_deleted_objects(
        self, objs: Sequence[Any] | QuerySet[Any], request: HttpRequest
    ) -> tuple[list[Any], dict[str, int], set[str], list[str]]:
        """Say what goes with each tenant, as counts by table: a tree of a million calls helps nobody."""
        listed: list[Any] = []
        totals: dict[str, int] = {}
        for tenant in objs:
            counts = _counts_by_name(tenant)
            link = format_html(
                '<a href="{}">{}</a>', reverse("admin:integrations_tenant_change", args=[tenant.pk]), tenant
            )
            lost = "Its encryption key: its credentials in backups cannot be read any more."
            listed += [link, [*(f"{name}: {rows}" for name, rows in counts.items()), lost]]
            for name, rows in counts.items():
                totals[name] = totals.get(name, 0) + rows
        return listed, totals, set(), []

    @admin.display(description="State", ordering="is_active")
    def state(self, tenant: Tenant) -> str:
        return active_badge(tenant.is_active)

    @admin.display(description="Integrations", ordering="integrations_count")
    def integrations_count(self, tenant: Any) -> str:
        address = reverse("admin:integrations_integration_changelist")
        return format_html('<a href="{}?tenant__id__exact={}">{}</a>', address, tenant.pk, tenant.integrations_count)

    @admin.display(description="Members", ordering="members_count")
    def members_count(self, tenant: Any) -> str:
        address = reverse("admin:integrations_membership_changelist")
        return format_html('<a href="{}?tenant__id__exact={}">{}</a>', address, tenant.pk, tenant.members_count)

    @admin.display(description="API keys")
    def api_keys(self, tenant: Tenant) -> str:
        link = format_html('<a href="{}?tenant={}">add one</a>', reverse("admin:integrations_apikey_add"), tenant.pk)
        return format_html("{} · {}", self.live_api_keys(tenant), link)

    @admin.display(description="API keys")
    def live_api_keys(self, tenant: Tenant) -> str:
        live = APIKey.objects.live(timezone.now()).filter(tenant=tenant).count()
        address = reverse("admin:integrations_apikey_changelist")
        return format_html('<a href="{}?tenant__id__exact={}">{} live</a>', address, tenant.pk, live)


def _counts_by_name(tenant: Tenant) -> dict[str, int]:
    """Return how many rows each table holds of the tenant, under the names that people know."""
    names = {model._meta.db_table: str(model._meta.verbose_name_plural) for model in apps.get_models()}
    counts = {table: rows for owner in tenant_data_owners() for table, rows in owner.count(tenant.id).items()}
    return {names.get(table, table): rows for table, rows in counts.items() if rows}
