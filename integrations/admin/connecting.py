"""“Connect” beside an integration: what will be asked for, and on to the provider in the same browser session."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path, reverse

from integrations.admin.credentials import CredentialPages
from integrations.admin.integration_forms import PREFIX, ChooseProviderForm, connecting_form
from integrations.admin.service_admin import add_service_error
from integrations.errors import InvalidInputError, ServiceError
from integrations.models import Integration, OAuthGrant, Tenant
from integrations.providers.base import Provider
from integrations.providers.oauth2 import OAuth2, oauth2_of
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
            ),
            path("connect/", self.changing_page(self.connect_new_view), name="integrations_integration_connect_new"),
        ]

    def connect_new_view(self, request: HttpRequest) -> HttpResponse:
        """Add an integration by connecting: the callback makes it, so that there is none if the person declines."""
        chosen = ChooseProviderForm(request.GET)
        if not chosen.is_valid():
            return redirect("admin:integrations_integration_add")
        tenant: Tenant = chosen.cleaned_data["tenant"]
        try:
            provider, declared = connectable(chosen.cleaned_data["provider"])
        except ServiceError as error:
            self.message_user(request, error.detail, messages.ERROR)
            return redirect(f"{reverse('admin:integrations_integration_add')}?{request.GET.urlencode()}")
        form = connecting_form(provider)(request.POST or None)
        context: dict[str, Any] = {"title": f"Add {provider.label} for {tenant} by connecting", "provider": provider}
        if request.method == "POST" and form.is_valid():
            try:
                url = start_connection(
                    actor=self.actor(request),
                    tenant=tenant,
                    provider=provider.key,
                    values=form.entered_values(),
                    session_key=request.session.session_key or "",
                    return_to=reverse("admin:integrations_integration_changelist"),
                )
            except ServiceError as error:
                add_service_error(form, _with_plain_names(error), PREFIX)
            else:
                answer = self._credential_page(request, None, "connecting.html", url=url, **context)
                answer["Cache-Control"] = "no-store"
                return answer
        context |= _what_is_asked(provider, declared, Values(provider, {}))
        return self._credential_page(request, None, "connect.html", form=form, **context)

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
            context |= _what_is_asked(provider, declared, Values.revealed(provider, integration.config))
        except ServiceError as error:
            self.message_user(request, error.detail, messages.ERROR)
            return redirect(change_page)
        return self._credential_page(request, integration, "connect.html", **context)


def connect_label(integration: Integration) -> str:
    """Return what the button says; "" for an integration that is not connected by OAuth2."""
    declared = oauth2_of(get_provider(integration.provider))
    if declared is None or not declared.people_agree_to(integration.config):
        return ""
    was_connected = OAuthGrant.objects.filter(integration_id=integration.pk).exclude(obtained_at=None).exists()
    return "Reconnect" if was_connected else "Connect"


def _what_is_asked(provider: Provider, declared: OAuth2, values: Values) -> dict[str, Any]:
    return {
        "scopes": declared.scope_of(values).replace(",", " ").split(),
        "redirect_uri": redirect_uri_of(provider),
        "app": app_of(provider, declared, values),
    }


def _with_plain_names(error: ServiceError) -> ServiceError:
    """Name the fields as the form has them: `values.region` is its region."""
    if not isinstance(error, InvalidInputError):
        return error
    return InvalidInputError({name.removeprefix("values."): reasons for name, reasons in error.errors.items()})
