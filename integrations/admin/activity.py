"""The activity log, for reading: filtered by tenant, kind of deed, actor, object and day."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html

from integrations.activity.models import ActivityLog, ActorKind
from integrations.activity.queries import made_between, verb_groups, with_verb
from integrations.admin.input_filter import DayFilter, InputFilter
from integrations.admin.permissions import ReadOnlyAdminMixin
from integrations.admin.uncounted import UncountedPaginator
from integrations.models import Tenant
from integrations.tenant_lookup import is_uuid


class TenantFilter(InputFilter):
    title = "tenant"
    parameter_name = "tenant"
    placeholder = "slug or id"

    def filtered(self, queryset: QuerySet[Any], value: str) -> QuerySet[Any]:
        if is_uuid(value):
            return queryset.filter(tenant_id=value)  # one that was deleted too
        return queryset.filter(tenant_id__in=Tenant.objects.filter(slug=value).values("id"))


class VerbGroupFilter(admin.SimpleListFilter):
    title = "what was done"
    parameter_name = "about"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        return [(group, group.replace("_", " ")) for group in verb_groups()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[ActivityLog]) -> QuerySet[ActivityLog]:
        group = self.value()
        return with_verb(queryset, f"{group}.*", across_tenants=True) if group else queryset


class ActorFilter(InputFilter):
    title = "who"
    parameter_name = "actor"
    placeholder = "user name or id"

    def filtered(self, queryset: QuerySet[Any], value: str) -> QuerySet[Any]:
        return queryset.filter(actor_id=value) if is_uuid(value) else queryset.filter(actor_name=value)


class ObjectFilter(InputFilter):
    title = "object"
    parameter_name = "object"
    placeholder = "id"

    def filtered(self, queryset: QuerySet[Any], value: str) -> QuerySet[Any]:
        return queryset.filter(object_id=value) if is_uuid(value) else queryset.none()


class DaysFilter(DayFilter):
    title = "day"

    def between(self, queryset: QuerySet[Any], start: datetime | None, end: datetime | None) -> QuerySet[Any]:
        return made_between(queryset, start, end)


@admin.register(ActivityLog)
class ActivityLogAdmin(ReadOnlyAdminMixin, admin.ModelAdmin):
    list_display = ("created_at", "actor_link", "verb", "object_link", "changed", "tenant_name")
    list_filter = (TenantFilter, VerbGroupFilter, ActorFilter, "actor_kind", ObjectFilter, DaysFilter)
    search_fields = ("verb", "actor_name", "object_name")
    search_help_text = "Search verbs, people and objects."
    sortable_by = ()  # newest first, by id: no other order has an index
    list_per_page = 50
    paginator = UncountedPaginator
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    fields: ClassVar = [
        "created_at",
        ("actor_link", "actor_kind", "actor_id", "actor_address"),
        "verb",
        ("object_kind", "object_link", "object_id"),
        "changed",
        "detail",
        ("tenant_name", "tenant_id"),
        "request_id",
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[ActivityLog]:
        names = Tenant.objects.filter(id=OuterRef("tenant_id")).values("name")
        return super().get_queryset(request).annotate(tenant_name_=Subquery(names))

    @admin.display(description="Changed fields")
    def changed(self, entry: ActivityLog) -> str:
        return ", ".join(entry.changed_fields) or "–"

    @admin.display(description="Tenant", empty_value="–")
    def tenant_name(self, entry: Any) -> str | None:
        return entry.tenant_name_

    @admin.display(description="Who")
    def actor_link(self, entry: ActivityLog) -> str:
        kind = "user" if entry.actor_kind == ActorKind.USER else entry.actor_kind
        return self._link(kind, entry.actor_id, entry.actor_name)

    @admin.display(description="Object", empty_value="–")
    def object_link(self, entry: ActivityLog) -> str:
        return self._link(entry.object_kind, entry.object_id, entry.object_name or entry.object_kind)

    def _link(self, kind: str, object_id: object, name: str) -> str:
        """Return a link to the page of an object; its name alone where the admin has no such page.

        The object may be gone: its page then says so, which costs no query here.
        """
        if object_id is None:
            return name
        of_kind = kind.replace("_", "")
        for model in self.admin_site._registry:
            if model._meta.model_name == of_kind:
                page = f"admin:{model._meta.app_label}_{of_kind}_change"
                return format_html('<a href="{}">{}</a>', reverse(page, args=[object_id]), name)
        return name
