"""The activity log, for reading."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest

from integrations.activity.models import ActivityLog
from integrations.admin.permissions import ReadOnlyAdminMixin
from integrations.models import Tenant


@admin.register(ActivityLog)
class ActivityLogAdmin(ReadOnlyAdminMixin, admin.ModelAdmin):
    list_display = ("created_at", "actor_name", "verb", "object_name", "changed", "tenant_name")
    list_filter = ("actor_kind", "object_kind")
    search_fields = ("verb", "actor_name", "object_name")
    search_help_text = "Search verbs, people and objects."
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    fields: ClassVar = [
        "created_at",
        ("actor_name", "actor_kind", "actor_id", "actor_address"),
        "verb",
        ("object_kind", "object_name", "object_id"),
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
