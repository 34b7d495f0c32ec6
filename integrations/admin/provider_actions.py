"""“Actions” on an integration's page: a form for each, run without leaving, answered as JSON for the page to show."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django import forms
from django.http import HttpRequest, JsonResponse
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.views.decorators.http import require_POST

from integrations.admin.connecting import ConnectingPages
from integrations.admin.connection_tests import RESULT_TONES
from integrations.encryption.errors import EncryptionError
from integrations.errors import InvalidInputError, NotFoundError, ProviderCallError, ServiceError
from integrations.models import Integration
from integrations.providers.actions import Action
from integrations.providers.base import Field, FieldKind
from integrations.services.provider_actions import (
    named_action,
    offered_actions,
    resolve_integration,
    run_integration_action,
)


class ActionPages(ConnectingPages):
    """What `IntegrationAdmin` inherits: the section's content and the address that runs an action."""

    def action_urls(self) -> list[URLPattern]:
        return [
            path(
                "<uuid:object_id>/actions/<slug:action>/",
                self.changing_page(require_POST(self.run_action_view)),
                name="integrations_integration_action",
            )
        ]

    def action_forms(self, integration: Integration) -> list[dict[str, Any]]:
        """Return for each action of an integration what its section shows."""
        try:
            offered = offered_actions(resolve_integration(integration))
        except NotFoundError:  # the row of a provider that was removed
            return []
        address = "admin:integrations_integration_action"
        return [
            {
                "action": each.action,
                "is_enabled": each.is_enabled,
                "url": reverse(address, args=[integration.pk, each.action.name]),
                "form": ParametersForm(each.action),
            }
            for each in offered
        ]

    def run_action_view(self, request: HttpRequest, object_id: UUID, action: str) -> JsonResponse:
        """Run an action with what its form holds. Always 200: an answer without `result` says why nothing was asked."""
        integration = get_object_or_404(self.get_queryset(request), pk=object_id)
        try:
            declared = named_action(integration.provider, action)
            names = [parameter.name for parameter in declared.parameters]
            outcome = run_integration_action(
                actor=self.actor(request),
                tenant=integration.tenant,
                integration=integration,
                action=declared.name,
                parameters={name: request.POST[name] for name in names if request.POST.get(name)},
            )
        except InvalidInputError as error:
            return JsonResponse({"message": "The form has wrong fields.", "errors": error.errors})
        except ProviderCallError as error:
            tone = RESULT_TONES.get(error.result, "bad")
            said = {"result": error.result, "tone": tone, "message": error.detail, "errors": error.errors}
            return JsonResponse({**said, "data": {}})
        except ServiceError as error:
            return JsonResponse({"message": error.detail, "errors": {}})
        except EncryptionError:
            message = "A stored secret cannot be opened at the moment: try again later."
            return JsonResponse({"message": message, "errors": {}})
        return JsonResponse(
            {"result": "ok", "tone": "good", "message": f"{outcome.action.label}: done.", "data": outcome.answer}
        )


class ParametersForm(forms.Form):
    """The parameters of one action, for entering them; the service checks what was entered."""

    required_css_class = "required"

    def __init__(self, action: Action) -> None:
        super().__init__(auto_id=f"id_{action.name}_%s")
        for parameter in action.parameters:
            self.fields[parameter.name] = _input_for(parameter)


def _input_for(parameter: Field) -> forms.Field:
    common: dict[str, Any] = {
        "label": parameter.label,
        "help_text": parameter.help,
        "required": parameter.required,
        "initial": parameter.default,
    }
    if parameter.choices:
        blank = [] if parameter.required or parameter.default else [("", "–")]
        return forms.ChoiceField(choices=[*blank, *parameter.choices], **common)
    if parameter.kind in {FieldKind.MULTILINE, FieldKind.OBJECT, FieldKind.JSON}:
        attributes = {"class": "vLargeTextField", "rows": "4", "placeholder": parameter.example}
        return forms.CharField(widget=forms.Textarea(attrs=attributes), **common)
    attributes = {"class": "vTextField", "placeholder": parameter.example}
    return forms.CharField(widget=forms.TextInput(attrs=attributes), **common)
