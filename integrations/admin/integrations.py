"""Integrations: two steps to add one, the provider's own fields to change it."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST

from integrations.admin.badges import Tone, badge
from integrations.admin.connecting import connect_label
from integrations.admin.connection_tests import answer_test, can_test, check_chosen, last_test, lines_of
from integrations.admin.integration_forms import PREFIX, ChooseProviderForm, ProviderForm, provider_form
from integrations.admin.provider_actions import ActionPages
from integrations.admin.provider_sections import provider_sections
from integrations.admin.service_admin import add_service_error
from integrations.errors import ServiceError
from integrations.models import Integration
from integrations.providers.base import Capability, Provider
from integrations.providers.registry import get_provider, providers_of_slot
from integrations.queries import shown_config, switches_of
from integrations.services.integrations import (
    change_integration,
    create_integration,
    delete_integration,
    replace_integration,
)
from integrations.services.oauth_connecting import missing_scopes_of

_CONNECTION = ("health", "last_test", "secret_changed_at", "expires_at")
STATUS_TONES: dict[str, Tone] = {"active": "good", "inactive": "neutral", "error": "bad"}


@admin.register(Integration)
class IntegrationAdmin(ActionPages):
    list_display = (
        *("name", "tenant", "provider", "state", "health", "owner"),
        *("tested_at", "secret_changed_at", "expires_at"),
    )
    actions = ("check_connections",)
    list_filter = ("provider", "enabled", "health")
    list_select_related = ("tenant", "owner__user", "owner__tenant")
    search_fields = ("name", "tenant__name", "tenant__slug")
    search_help_text = "Search names and tenants."
    readonly_fields = (
        *("tenant", "provider", "state", "health", "last_test", "secret_changed_at", "expires_at"),
        *("version", "created", "updated"),
    )
    change_form_template = "admin/integrations/integration/change_form.html"

    class Media:
        js = ("signalbox/connection_test.js", "signalbox/field_conditions.js", "signalbox/provider_actions.js")

    # --- Adding: first the kind, then its fields ---------------------------------------------------------------

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        choice = ChooseProviderForm(request.GET if "provider" in request.GET else None, initial=request.GET.dict())
        if not choice.is_valid():
            page = {"title": "Add integration", "form": choice, "media": self.media + choice.media}
            return self._page(request, "choose_provider.html", **page)
        request.chosen = choice.cleaned_data  # type: ignore[attr-defined]
        provider = get_provider(choice.cleaned_data["provider"])
        context = {"title": f"Add {provider.label} for {choice.cleaned_data['tenant']}", **(extra_context or {})}
        return super().add_view(request, form_url, context)

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> type:
        kwargs["form"] = provider_form(self._provider(request, obj))
        kwargs["fields"] = ProviderForm.Meta.fields
        return super().get_form(request, obj, change, **kwargs)

    def get_fieldsets(self, request: HttpRequest, obj: Integration | None = None) -> list[Any]:
        provider = self._provider(request, obj)
        can_enter = obj is None or self.has_change_permission(request, obj)
        if can_enter:
            tenant = None if obj else request.chosen["tenant"].pk  # type: ignore[attr-defined]
            declared = provider_sections(provider, obj.config if obj else {}, tenant=tenant)
        else:
            declared = [(provider.label, {"fields": ["configuration"]})]
        sections: list[Any] = [
            (None, {"fields": [*(["tenant", "provider", "state"] if obj else []), "name", "description", "enabled"]}),
            *declared,
            *([("Capabilities", {"fields": ["capabilities"]})] if provider.switches else []),
            ("Metadata", {"fields": ["metadata"], "classes": ["collapse"]}),
        ]
        if obj:
            sections.append(("History", {"fields": [*_CONNECTION, "version", "created", "updated"]}))
        return sections

    def get_readonly_fields(self, request: HttpRequest, obj: Integration | None = None) -> tuple[str, ...]:
        return self.readonly_fields if obj else ()

    def save_model(self, request: HttpRequest, obj: Integration, form: ProviderForm, change: bool) -> None:
        data = form.cleaned_data
        common = {name: data[name] for name in ("description", "enabled", "metadata")}
        common["name"] = data["name"] or form.provider.label
        common["metadata"] = data["metadata"] or {}
        common |= form.switched()
        if change:
            change_integration(actor=self.actor(request), integration=obj, values=form.config_values(), **common)
            return
        made = create_integration(
            actor=self.actor(request),
            tenant=request.chosen["tenant"],  # type: ignore[attr-defined]
            provider=form.provider.key,
            values=form.config_values(),
            **common,
        )
        obj.pk = made.pk
        obj.refresh_from_db()

    def delete_model(self, request: HttpRequest, obj: Integration) -> None:
        delete_integration(actor=self.actor(request), integration=obj)

    # --- Switching the provider of a slot ----------------------------------------------------------------------

    def get_urls(self) -> list[URLPattern]:
        switch = path(
            "<uuid:object_id>/switch-provider/",
            self.changing_page(self.switch_provider_view),
            name="integrations_integration_switch_provider",
        )
        test_new = path(
            "test-connection/",
            self.changing_page(require_POST(self.test_connection_view)),
            name="integrations_integration_test_new",
        )
        test_stored = path(
            "<uuid:object_id>/test-connection/",
            self.changing_page(require_POST(self.test_connection_view)),
            name="integrations_integration_test",
        )
        return [
            switch,
            test_new,
            test_stored,
            *self.credential_urls(),
            *self.connecting_urls(),
            *self.action_urls(),
            *super().get_urls(),
        ]

    # --- Testing the connection --------------------------------------------------------------------------------

    def test_connection_view(self, request: HttpRequest, object_id: Any = None) -> HttpResponse:
        """Test what the form holds, saved or not. Answers 200 as JSON for the form's script, as a page without it."""
        integration = None if object_id is None else get_object_or_404(self.get_queryset(request), pk=object_id)
        tested = answer_test(request, integration)
        if request.get_preferred_type(["application/json", "text/html"]) == "text/html":
            page = {"title": "Connection test", "original": integration, "tested": tested, "lines": lines_of(tested)}
            return self._page(request, "tested.html", **page)
        return JsonResponse(tested)

    @admin.action(description="Test connection", permissions=["change"])
    def check_connections(self, request: HttpRequest, queryset: QuerySet[Integration]) -> None:
        for level, message in check_chosen(request, queryset.select_related("tenant")):
            self.message_user(request, message, level)

    def switch_provider_view(self, request: HttpRequest, object_id: Any) -> HttpResponse:
        """Ask which provider, then for its fields; what is stored is replaced only by the confirmed form."""
        integration = get_object_or_404(Integration, pk=object_id)
        others = [other for other in providers_of_slot(integration.slot) if other.key != integration.provider]
        chosen = next((other for other in others if other.key == request.GET.get("provider")), None)
        if chosen is None:
            return self._page(
                request, "switch_provider.html", title="Switch provider", original=integration, others=others
            )
        form_class = provider_form(chosen)
        form = form_class(request.POST or None, instance=integration)
        form.fields.pop("capabilities", None)  # what is off stays off where the other provider has it, too
        if request.method == "POST" and form.is_valid():
            try:
                replace_integration(
                    actor=self.actor(request),
                    integration=Integration.objects.get(pk=object_id),
                    provider=chosen.key,
                    values=form.config_values(),
                    enabled=form.cleaned_data["enabled"],
                )
            except ServiceError as error:
                add_service_error(form, error, PREFIX)
            else:
                self.message_user(request, f"{integration} is now sent through {chosen.label}.")
                return HttpResponseRedirect(reverse("admin:integrations_integration_change", args=[object_id]))
        return self._page(
            request,
            "switch_provider.html",
            title=f"Switch to {chosen.label}",
            original=integration,
            others=others,
            chosen=chosen,
            form=form,
            media=self.media + form.media,
        )

    # --- Columns and fields ------------------------------------------------------------------------------------

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        obj = context.get("original")
        context["may_rotate"] = obj is not None and self.has_change_permission(request, obj)
        context["can_switch_provider"] = (
            obj is not None and self.has_change_permission(request, obj) and len(providers_of_slot(obj.slot)) > 1
        )
        if obj is not None and context["may_rotate"]:
            context["connect_label"] = connect_label(obj)
            if get_provider(obj.provider).can(Capability.SEND_MESSAGE):
                context["test_message_url"] = reverse("admin:messaging_message_test", args=[obj.pk])
            context["provider_actions"] = self.action_forms(obj)
        if obj is not None:
            context["missing_scopes"] = ", ".join(missing_scopes_of(obj))
        provider = self._provider(request, obj)
        if can_test(provider) and self.has_change_permission(request, obj):
            context["test_url"] = self._address("test", obj.pk) if obj else self._address("test_new")
            context["test_provider"] = provider.key
            context["test_tenant"] = obj.tenant_id if obj else request.chosen["tenant"].pk  # type: ignore[attr-defined]
        return super().render_change_form(request, context, *args, **kwargs)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Integration]:
        return super().get_queryset(request).filter(tenant__deleted_at=None)

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        return lookup == "tenant__id__exact" or super().lookup_allowed(lookup, value, request)

    @admin.display(description="State", ordering="enabled")
    def state(self, integration: Integration) -> str:
        return badge(integration.status, STATUS_TONES[integration.status])

    @admin.display(description="Last test")
    def last_test(self, integration: Integration) -> str:
        return last_test(integration)

    @admin.display(description="Configuration")
    def configuration(self, integration: Integration) -> SafeString:
        """What those see who may see no secret."""
        values = shown_config(integration, hide_secrets=True).values
        fields = get_provider(integration.provider).fields
        rows = ((field.label, _in_words(values[field.name])) for field in fields)
        return format_html('<dl class="configuration">{}</dl>', format_html_join("", "<dt>{}</dt><dd>{}</dd>", rows))

    @admin.display(description="Switched on")
    def capabilities(self, integration: Integration) -> str:
        """What those see who may change nothing."""
        return ", ".join(name for name in switches_of(integration) if integration.allows(name)) or "Nothing."

    @admin.display(description="Created")
    def created(self, integration: Integration) -> str:
        return f"{integration.created_at:%Y-%m-%d %H:%M:%S} UTC by {integration.created_by_name or 'the system'}"

    @admin.display(description="Last updated")
    def updated(self, integration: Integration) -> str:
        return f"{integration.updated_at:%Y-%m-%d %H:%M:%S} UTC by {integration.updated_by_name or 'the system'}"

    def _provider(self, request: HttpRequest, obj: Integration | None) -> Provider:
        return get_provider(obj.provider if obj else request.chosen["provider"])  # type: ignore[attr-defined]

    def _page(self, request: HttpRequest, template: str, **context: Any) -> TemplateResponse:
        shared = {**self.admin_site.each_context(request), "opts": self.opts, "media": self.media}
        return TemplateResponse(request, f"admin/integrations/integration/{template}", {**shared, **context})


def _in_words(shown: str | dict[str, str] | None) -> str:
    if isinstance(shown, dict):
        return ", ".join(f"{name}: {value}" for name, value in shown.items())
    return shown or "–"
