"""Redaction rules: what of payloads is hidden, one path a line."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from integrations.admin.service_admin import ServiceErrorForm, ServiceModelAdmin
from webhooks.admin.webhook_forms import LinesField
from webhooks.models import RedactionRule
from webhooks.services.redaction_rules import create_redaction_rule, delete_redaction_rule, update_redaction_rule


class RedactionRuleForm(ServiceErrorForm):
    paths = LinesField(
        label="Paths",
        help_text=(
            "JSONPaths, one a line: $.customer.email, $.items[*].card, $..password. What they find is shown as *** at "
            "once, and taken out of the stored payload when its deliveries have ended; it cannot be sent again then."
        ),
    )

    class Meta:
        model = RedactionRule
        fields: ClassVar = ["tenant", "event_type"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not self.instance._state.adding:
            self.fields["paths"].initial = self.instance.paths


@admin.register(RedactionRule)
class RedactionRuleAdmin(ServiceModelAdmin):
    form = RedactionRuleForm
    list_display = ("event_type", "tenant", "paths_", "changed_at")
    list_select_related = ("tenant",)
    search_fields = ("event_type", "tenant__name", "tenant__slug")
    search_help_text = "Search event types and tenants."
    autocomplete_fields = ("tenant",)
    fields = ("tenant", "event_type", "paths")

    def get_readonly_fields(self, request: HttpRequest, obj: RedactionRule | None = None) -> tuple[str, ...]:
        return ("tenant",) if obj is not None else ()

    def get_queryset(self, request: HttpRequest) -> QuerySet[RedactionRule]:
        return super().get_queryset(request).filter(tenant__deleted_at=None)

    def save_model(self, request: HttpRequest, obj: RedactionRule, form: Any, change: bool) -> None:
        given = {"event_type": form.cleaned_data["event_type"], "paths": form.cleaned_data["paths"]}
        actor = self.actor(request)
        if change:
            update_redaction_rule(actor=actor, tenant=obj.tenant, rule_id=obj.pk, changes=given)
        else:
            obj.pk = create_redaction_rule(actor=actor, tenant=obj.tenant, **given).pk

    def delete_model(self, request: HttpRequest, obj: RedactionRule) -> None:
        delete_redaction_rule(actor=self.actor(request), tenant=obj.tenant, rule_id=obj.pk)

    @admin.display(description="Hides")
    def paths_(self, rule: RedactionRule) -> str:
        shown = ", ".join(rule.paths[:3])
        return f"{shown} and {len(rule.paths) - 3} more" if len(rule.paths) > 3 else shown
