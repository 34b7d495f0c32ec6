"""Rules: first the kind, then its bounds. The platform's default rules can be changed and switched off."""

from __future__ import annotations

from typing import Any, ClassVar, Final

from django import forms
from django.contrib import admin
from django.contrib.admin.widgets import AutocompleteSelect
from django.core.exceptions import PermissionDenied
from django.db.models import Count, IntegerField, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from analytics.alerts.models import Alert, AlertRule
from analytics.alerts.rule_kinds.base import Parameter, RuleKind
from analytics.alerts.rule_kinds.registry import get_rule_kind, kind_choices
from analytics.alerts.services.rules import create_rule, delete_rule, update_rule
from integrations.admin.badges import badge
from integrations.admin.service_admin import ServiceErrorForm, ServiceModelAdmin
from integrations.errors import InvalidInputError
from integrations.models import Tenant

# What the service calls `parameters.percent`; a dot in the name of a field would need quoting in every selector.
PREFIX: Final = "parameter_"


class ChooseKindForm(forms.Form):
    """The first step of adding: what is watched, and for whom."""

    kind = forms.ChoiceField(choices=kind_choices, label="What to watch")
    tenant = forms.ModelChoiceField(
        queryset=Tenant.objects.existing(),
        widget=AutocompleteSelect(AlertRule._meta.get_field("tenant"), admin.site),
        required=False,
        help_text="Empty: a rule of the platform, which watches all tenants.",
    )


class RuleForm(ServiceErrorForm):
    """The second step, and the change form. Subclassed for one kind by `rule_form`."""

    kind: ClassVar[RuleKind]

    class Meta:
        model = AlertRule
        fields: ClassVar = ["name", "enabled"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.is_new = self.instance._state.adding
        if self.is_new:
            self.fields["name"].initial = self.kind.label
        for parameter in self.kind.parameters:
            stored = self.instance.parameters.get(parameter.name, parameter.default)
            self.fields[f"{PREFIX}{parameter.name}"].initial = stored

    def values(self) -> dict[str, Any]:
        """Return what the service should write."""
        given = {
            parameter.name: self.cleaned_data[f"{PREFIX}{parameter.name}"]
            for parameter in self.kind.parameters
            if self.cleaned_data[f"{PREFIX}{parameter.name}"] is not None
        }
        # What is the kind's default is left out, so that the rule follows it.
        defaults = self.kind.defaults()
        parameters = {name: value for name, value in given.items() if value != defaults[name]}
        return {"name": self.cleaned_data["name"], "enabled": self.cleaned_data["enabled"], "parameters": parameters}


def rule_form(kind: RuleKind) -> type[RuleForm]:
    """Return the form of a kind, with a field for each of its parameters."""
    fields = {f"{PREFIX}{parameter.name}": _field(parameter) for parameter in kind.parameters}
    return type("RuleForm", (RuleForm,), {"kind": kind, **fields})


def _field(parameter: Parameter) -> forms.Field:
    unit = f", in {parameter.unit}" if parameter.unit else ""
    return forms.IntegerField(
        label=parameter.label,
        min_value=parameter.minimum,
        max_value=parameter.maximum,
        required=False,
        help_text=f"{parameter.minimum:,} to {parameter.maximum:,}{unit}. Empty: {parameter.default:,}.",
    )


@admin.register(AlertRule)
class AlertRuleAdmin(ServiceModelAdmin):
    actions = None  # default rules stay: the others are deleted one by one
    list_display = ("name", "whose", "kind", "bounds", "state", "open_alerts")
    list_filter = ("kind", "enabled", "is_default")
    list_select_related = ("tenant",)
    search_fields = ("name", "tenant__name", "tenant__slug")
    search_help_text = "Search names and tenants."

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        counts = Alert.objects.filter(rule_id=OuterRef("id"), recovered_at=None).order_by().values("rule_id")
        open_alerts = Coalesce(Subquery(counts.annotate(n=Count("id")).values("n"), output_field=IntegerField()), 0)
        return super().get_queryset(request).annotate(open_alerts_=open_alerts)

    # --- Adding and changing -----------------------------------------------------------------------------------

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        choice = ChooseKindForm(request.GET if "kind" in request.GET else None, initial=request.GET.dict())
        if not choice.is_valid():
            shared = {**self.admin_site.each_context(request), "opts": self.opts, "media": self.media + choice.media}
            context = {**shared, "title": "Add alert rule", "form": choice}
            return TemplateResponse(request, "admin/alerts/choose.html", context)
        request.chosen = choice.cleaned_data  # type: ignore[attr-defined]
        owner = choice.cleaned_data["tenant"] or "the platform"
        label = get_rule_kind(choice.cleaned_data["kind"]).label
        return super().add_view(
            request, form_url, {"title": f"Add alert rule: {label}, of {owner}", **(extra_context or {})}
        )

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> type:
        kwargs["form"] = rule_form(self._kind(request, obj))
        kwargs["fields"] = RuleForm.Meta.fields
        return super().get_form(request, obj, change, **kwargs)

    def get_fieldsets(self, request: HttpRequest, obj: AlertRule | None = None) -> list[Any]:
        kind = self._kind(request, obj)
        may_enter = obj is None or self.has_change_permission(request, obj)
        bounds = [f"{PREFIX}{parameter.name}" for parameter in kind.parameters] if may_enter else ["bounds"]
        first: Any = (None, {"fields": ["name", "enabled"]})
        watches: Any = (kind.label, {"fields": bounds, "description": kind.description})
        if obj is None:
            return [first, watches]
        found: Any = ("What it found", {"fields": ["whose", "found", "last_error"]})
        return [first, watches, found, ("History", {"fields": ["created_at", "created_by_name", "updated_at"]})]

    def get_readonly_fields(self, request: HttpRequest, obj: AlertRule | None = None) -> tuple[str, ...]:
        shown = ("whose", "bounds", "found", "last_error", "created_at", "created_by_name", "updated_at")
        return () if obj is None else shown

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        is_default = obj is not None and getattr(obj, "is_default", False)
        return super().has_delete_permission(request, obj) and not is_default

    def save_model(self, request: HttpRequest, obj: AlertRule, form: RuleForm, change: bool) -> None:
        try:
            self._save(request, obj, form, change)
        except InvalidInputError as error:
            named = {name.replace("parameters.", PREFIX, 1): reasons for name, reasons in error.errors.items()}
            raise InvalidInputError(named) from None

    def _save(self, request: HttpRequest, obj: AlertRule, form: RuleForm, change: bool) -> None:
        actor, values = self.actor(request), form.values()
        if change:
            update_rule(actor=actor, tenant=obj.tenant, rule_id=obj.pk, changes=values)
            return
        chosen = request.chosen  # type: ignore[attr-defined]
        made = create_rule(actor=actor, tenant=chosen["tenant"], kind=chosen["kind"], **values)
        obj.pk = made.pk
        obj.refresh_from_db()

    def delete_model(self, request: HttpRequest, obj: AlertRule) -> None:
        delete_rule(actor=self.actor(request), tenant=obj.tenant, rule_id=obj.pk)

    def _kind(self, request: HttpRequest, obj: AlertRule | None) -> RuleKind:
        return get_rule_kind(request.chosen["kind"] if obj is None else obj.kind)  # type: ignore[attr-defined]

    # --- Columns and fields ------------------------------------------------------------------------------------

    @admin.display(description="Whose", ordering="tenant__name")
    def whose(self, rule: AlertRule) -> str:
        return str(rule.tenant) if rule.tenant is not None else "The platform"

    @admin.display(description="Bounds", empty_value="–")
    def bounds(self, rule: AlertRule) -> str | None:
        kind = get_rule_kind(rule.kind)
        values = kind.defaults() | rule.parameters
        shown = [f"{each.label.lower()} {values[each.name]:,} {each.unit}".strip() for each in kind.parameters]
        return ", ".join(shown) or None

    @admin.display(description="State", ordering="enabled")
    def state(self, rule: AlertRule) -> SafeString:
        if not rule.enabled:
            return badge("off", "neutral")
        return badge("cannot be evaluated", "bad") if rule.last_error else badge("on", "good")

    @admin.display(description="Open alerts", ordering="open_alerts_")
    def open_alerts(self, rule: Any) -> SafeString | int:
        return badge(f"{rule.open_alerts_:,}", "bad") if rule.open_alerts_ else 0

    @admin.display(description="Alerts")
    def found(self, rule: Any) -> SafeString:
        address = f"{reverse('admin:alerts_alert_changelist')}?rule_id={rule.id}"
        return format_html('<a href="{}">{} open; all alerts of this rule</a>', address, rule.open_alerts_)
