"""Admin pages that write through services, and show what a service refuses at the fields it names."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from integrations.activity.actor import Actor
from integrations.admin.permissions import PlatformModelAdmin
from integrations.errors import ConflictError, InvalidInputError, ServiceError


def add_service_error(form: forms.BaseForm, error: ServiceError, prefix: str = "") -> None:
    """Add a refusal to the form; `prefix` stands before the names of fields that come from a declaration."""
    if not isinstance(error, InvalidInputError):
        form.add_error(None, error.detail)
        return
    for field, reasons in error.errors.items():
        name = next((name for name in (f"{prefix}{field}", field) if name in form.fields), None)
        for reason in reasons:
            form.add_error(name, reason if name else f"{field}: {reason}")


class ServiceErrorForm(forms.ModelForm):
    """A form that can be shown again with what the service said when its data was written."""

    service_error: ClassVar[ServiceError | None] = None
    service_prefix: ClassVar[str] = ""

    def full_clean(self) -> None:
        super().full_clean()
        if self.is_bound and self.service_error is not None:
            add_service_error(self, self.service_error, self.service_prefix)


class ServiceModelAdmin(PlatformModelAdmin):
    """Subclasses call their service in `save_model` and `delete_model`; the rules live in the service alone.

    The admin has no way to show an error once validation is over. So a refusal from `save_model` leaves the view,
    which rolls its transaction back, and the same form is rendered once more with the refusal at its fields.
    """

    form = ServiceErrorForm

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        except (InvalidInputError, ConflictError) as error:
            request.service_error = error  # type: ignore[attr-defined]
            return super().changeform_view(request, object_id, form_url, extra_context)

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        try:
            return super().delete_view(request, object_id, extra_context)
        except ServiceError as error:
            self.message_user(request, error.detail, messages.ERROR)
            return HttpResponseRedirect(self._address("change", object_id))

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        try:
            return super().changelist_view(request, extra_context)
        except ServiceError as error:  # of an action; what it did before stays done
            self.message_user(request, error.detail, messages.ERROR)
            return HttpResponseRedirect(request.get_full_path())

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Lead to the activity log, which has what was done over the API too."""
        return HttpResponseRedirect(f"{reverse('admin:integrations_activitylog_changelist')}?object={object_id}")

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> type:
        if obj is not None and not self.has_change_permission(request, obj):
            # Nothing is entered, so no form of the model's own, which would open its secrets to mask them.
            kwargs["form"] = ServiceErrorForm
        form = super().get_form(request, obj, change=change, **kwargs)
        error = getattr(request, "service_error", None)
        return form if error is None else type(form.__name__, (form,), {"service_error": error})

    def _address(self, page: str, *arguments: object) -> str:
        return reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_{page}", args=arguments)

    def actor(self, request: HttpRequest) -> Actor:
        return Actor.of(request.user, request)

    def delete_queryset(self, request: HttpRequest, queryset: Any) -> None:
        for obj in queryset:
            self.delete_model(request, obj)
