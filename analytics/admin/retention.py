"""How long each tenant's history is kept, where that is shorter than the site's."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.conf import settings
from django.contrib import admin
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest

from analytics.models import TenantRetention
from analytics.tenant_retention import kept_days, set_retention
from integrations.admin.service_admin import ServiceErrorForm, ServiceModelAdmin
from integrations.models import Tenant


class RetentionForm(ServiceErrorForm):
    tenant = forms.ModelChoiceField(Tenant.objects.existing(), help_text="Whose history is kept for fewer days.")

    class Meta:
        model = TenantRetention
        fields: ClassVar = ["days", "payload_days"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, days in (
            ("days", settings.ANALYTICS_RETENTION_DAYS),
            ("payload_days", settings.ANALYTICS_PAYLOAD_RETENTION_DAYS),
        ):
            if name in self.fields:
                self.fields[name].help_text += f" Empty: as long as the site's, {days} days."

    def clean_tenant(self) -> Tenant:
        tenant: Tenant = self.cleaned_data["tenant"]
        if TenantRetention.objects.filter(tenant_id=tenant.id).exists():
            raise forms.ValidationError("This tenant has a retention of its own: change that one.")
        return tenant


@admin.register(TenantRetention)
class TenantRetentionAdmin(ServiceModelAdmin):
    form = RetentionForm
    list_display = ("tenant_name", "kept", "payloads_kept")
    list_per_page = 50
    ordering = ("tenant_id",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[TenantRetention]:
        names = Tenant.objects.filter(id=OuterRef("tenant_id")).values("name")
        return super().get_queryset(request).annotate(tenant_name_=Subquery(names))

    def get_fields(self, request: HttpRequest, obj: TenantRetention | None = None) -> list[Any]:
        return ["tenant_name" if obj else "tenant", "days", "payload_days"]

    def get_readonly_fields(self, request: HttpRequest, obj: TenantRetention | None = None) -> tuple[str, ...]:
        return ("tenant_name",) if obj else ()

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        """A tenant that has a retention keeps it: only a new one asks whose it is."""
        form: Any = super().get_form(request, obj, change=change, **kwargs)
        if obj is not None:
            form.base_fields.pop("tenant", None)
        return form

    def save_model(self, request: HttpRequest, obj: TenantRetention, form: Any, change: bool) -> None:
        data = form.cleaned_data
        tenant = Tenant.objects.get(id=obj.tenant_id) if change else data["tenant"]
        set_retention(actor=self.actor(request), tenant=tenant, days=data["days"], payload_days=data["payload_days"])
        obj.tenant_id = tenant.id
        obj.tenant_name_ = tenant.name  # type: ignore[attr-defined]  # as the list annotates it

    def delete_model(self, request: HttpRequest, obj: TenantRetention) -> None:
        tenant = Tenant.objects.filter(id=obj.tenant_id).first()
        if tenant is not None:
            set_retention(actor=self.actor(request), tenant=tenant, days=None, payload_days=None)
        TenantRetention.objects.filter(tenant_id=obj.tenant_id).delete()

    @admin.display(description="Tenant", empty_value="–")
    def tenant_name(self, retention: Any) -> str | None:
        return getattr(retention, "tenant_name_", None)

    @admin.display(description="Calls, deliveries, events")
    def kept(self, retention: TenantRetention) -> str:
        return f"{kept_days(retention, holds_payloads=False)} days"

    @admin.display(description="Payloads")
    def payloads_kept(self, retention: TenantRetention) -> str:
        return f"{kept_days(retention, holds_payloads=True)} days"
