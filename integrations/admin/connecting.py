"""“Connect” beside an integration: what will be asked for, and on to the provider in the same browser session."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path, reverse

from integrations.admin.credentials import CredentialPages
from integrations.errors import ServiceError
from integrations.models import Integration, OAuthGrant
from integrations.providers.oauth2 import oauth2_of
from integrations.providers.oauth2_requests import app_of
from integrations.providers.registry import get_provider
from integrations.providers.values import Values
from integrations.services.oauth_connecting import connectable, redirect_uri_of, start_connection


class ConnectingPages(CredentialPages):
    """What `IntegrationAdmin` inherits: the page and its address."""

    def connecting_urls(self) -> list[URLPattern]:
        return [
            path(
                "<uuid:object_id>/connect/",
                self.changing_page(self.connect_view),
                name="integrations_integration_connect",
            )
        ]

    def connect_view(self, request: HttpRequest, object_id: UUID) -> HttpResponse:
        """GET shows what will be asked for; POST begins, and the page that it answers leads to the provider.

        A form cannot be redirected to another site under this site's content security policy; a page can lead there.
        """
        integration = self._existing(object_id)
        change_page = reverse("admin:integrations_integration_change", args=[object_id])
        try:
            provider, declared = connectable(integration.provider)
            context: dict[str, Any] = {"title": f"Connect to {provider.label}", "provider": provider}
            if request.method == "POST":
                url = start_connection(
                    actor=self.actor(request),
                    tenant=integration.tenant,
                    provider=provider.key,
                    integration=integration,
                    session_key=request.session.session_key or "",
                    return_to=change_page,
                )
                answer = self._credential_page(request, integration, "connecting.html", url=url, **context)
                answer["Cache-Control"] = "no-store"
                return answer
            values = Values(provider, {name: str(value) for name, value in _public(integration).items()})
            context |= {
                "scopes": declared.scope_of(values).split(),
                "redirect_uri": redirect_uri_of(provider),
                "app": app_of(provider, declared, Values.revealed(provider, integration.config)),
            }
        except ServiceError as error:
            self.message_user(request, error.detail, messages.ERROR)
            return redirect(change_page)
        return self._credential_page(request, integration, "connect.html", **context)


def connect_label(integration: Integration) -> str:
    """Return what the button says; "" for an integration that is not connected by OAuth2."""
    declared = oauth2_of(get_provider(integration.provider))
    if declared is None or not declared.authorize_url or not declared.is_used_by(integration.config):
        return ""
    was_connected = OAuthGrant.objects.filter(integration_id=integration.pk).exclude(obtained_at=None).exists()
    return "Reconnect" if was_connected else "Connect"


def _public(integration: Integration) -> dict[str, object]:
    fields = get_provider(integration.provider).public_fields
    return {field.name: integration.config[field.name] for field in fields if integration.config.get(field.name)}
