"""Pages beside an integration: replacing its credentials after a test, and putting earlier ones back."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.decorators import method_decorator
from django.views.decorators.http import require_POST

from integrations.admin.integration_forms import PREFIX, CredentialsForm, credentials_form
from integrations.admin.service_admin import ServiceModelAdmin, add_service_error
from integrations.errors import ServiceError
from integrations.models import CredentialVersion, Integration
from integrations.providers.registry import get_provider
from integrations.queries import shown_config
from integrations.services.credential_rotation import restore_version, rotate_credentials


class CredentialPages(ServiceModelAdmin):
    """What `IntegrationAdmin` inherits: the two pages and their addresses."""

    def credential_urls(self) -> list[URLPattern]:
        return [
            path(
                "<uuid:object_id>/rotate/",
                self.changing_page(self.rotate_view),
                name="integrations_integration_rotate",
            ),
            path(
                "<uuid:object_id>/credentials/",
                self.changing_page(self.credentials_view),
                name="integrations_integration_credentials",
            ),
            path(
                "<uuid:object_id>/credentials/<uuid:version_id>/restore/",
                self.changing_page(self.restore_view),
                name="integrations_integration_restore",
            ),
        ]

    def rotate_view(self, request: HttpRequest, object_id: UUID) -> HttpResponse:
        """Ask for new secrets, test them with what stays as it is, and store them only then."""
        integration = self._existing(object_id)
        form: CredentialsForm = credentials_form(get_provider(integration.provider))(
            request.POST or None, instance=integration
        )
        if request.method == "POST" and form.is_valid():
            try:
                rotate_credentials(
                    actor=self.actor(request),
                    tenant=integration.tenant,
                    integration=integration,
                    values=form.entered_values(),
                    untested=form.cleaned_data["untested"],
                )
            except ServiceError as error:
                add_service_error(form, error, PREFIX)
            else:
                self.message_user(request, f"{integration} uses the new credentials. The ones before are kept.")
                return redirect("admin:integrations_integration_change", object_id)
        return self._credential_page(
            request, integration, "rotate.html", title="Replace credentials", form=form, media=self.media + form.media
        )

    def credentials_view(self, request: HttpRequest, object_id: UUID) -> HttpResponse:
        """Show the credentials of before, masked, each with a button that puts it back."""
        if request.method not in {"GET", "HEAD"}:
            raise PermissionDenied
        integration = self._existing(object_id)
        versions = CredentialVersion.objects.filter(tenant_id=integration.tenant_id, integration_id=integration.pk)
        return self._credential_page(
            request,
            integration,
            "credentials.html",
            title="Earlier credentials",
            versions=[{"version": version, "fields": _labelled(version)} for version in versions],
        )

    @method_decorator(require_POST)
    def restore_view(self, request: HttpRequest, object_id: UUID, version_id: UUID) -> HttpResponse:
        """Put one back; what is in use becomes an earlier version."""
        integration = self._existing(object_id)
        try:
            restore_version(actor=self.actor(request), integration=integration, version_id=version_id)
        except ServiceError as error:
            self.message_user(request, error.detail, messages.ERROR)
            return redirect("admin:integrations_integration_credentials", object_id)
        self.message_user(request, f"{integration} uses the earlier credentials again: test the connection.")
        return redirect("admin:integrations_integration_change", object_id)

    def _existing(self, object_id: UUID) -> Integration:
        rows = Integration.objects.filter(tenant__deleted_at=None).select_related("tenant")
        found: Integration = get_object_or_404(rows, pk=object_id)
        return found

    def _credential_page(
        self, request: HttpRequest, integration: Integration | None, template: str, **context: Any
    ) -> TemplateResponse:
        shared = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "media": self.media,
            "original": integration,
        }
        return TemplateResponse(request, f"admin/integrations/integration/{template}", {**shared, **context})


def _labelled(version: CredentialVersion) -> list[tuple[str, str]]:
    """Return label and masked value of what a version has."""
    values = shown_config(version).values
    labels = {field.name: field.label for field in get_provider(version.provider).fields}
    return [(labels[name], _in_words(value)) for name, value in values.items() if value is not None]


def _in_words(value: str | dict[str, str]) -> str:
    return value if isinstance(value, str) else ", ".join(f"{name}: {text}" for name, text in value.items())
