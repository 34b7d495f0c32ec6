"""Members of tenants."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse

from integrations.admin.service_admin import ServiceErrorForm, ServiceModelAdmin
from integrations.member_queries import count_owned_integrations
from integrations.models import Membership, Role
from integrations.services.member_authority import PLATFORM
from integrations.services.memberships import OwnedIntegrations, add_member, change_role, remove_member

_CHOICE = "integrations"


class MembershipForm(ServiceErrorForm):
    class Meta:
        model = Membership
        fields: ClassVar = ["tenant", "user", "role"]


@admin.register(Membership)
class MembershipAdmin(ServiceModelAdmin):
    form = MembershipForm
    list_display = ("user", "tenant", "role", "created_at")
    list_filter = ("role",)
    list_select_related = ("user", "tenant")
    search_fields = ("user__username", "user__email", "tenant__name", "tenant__slug")
    search_help_text = "Search people and tenants."
    autocomplete_fields = ("tenant", "user")
    delete_confirmation_template = "admin/integrations/membership/delete_confirmation.html"

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        return lookup == "tenant__id__exact" or super().lookup_allowed(lookup, value, request)

    def get_readonly_fields(self, request: HttpRequest, obj: Membership | None = None) -> tuple[str, ...]:
        return ("tenant", "user") if obj else ()

    def save_model(self, request: HttpRequest, obj: Membership, form: forms.ModelForm, change: bool) -> None:
        role = Role(form.cleaned_data["role"])
        if change:
            change_role(actor=self.actor(request), by=PLATFORM, membership=obj, role=role)
            return
        made = add_member(actor=self.actor(request), tenant=obj.tenant, user=obj.user, role=role)
        obj.pk = made.pk

    def render_delete_form(self, request: HttpRequest, context: dict[str, Any]) -> HttpResponse:
        owned = count_owned_integrations(context["object"])
        return super().render_delete_form(request, {**context, "owned": owned, "choice_name": _CHOICE})

    def delete_model(self, request: HttpRequest, obj: Membership) -> None:
        """Remove one; the confirming page asks what becomes of their integrations, a deletion of several refuses."""
        chosen = request.POST.get(_CHOICE)
        owned = OwnedIntegrations(chosen) if chosen in set(OwnedIntegrations) else None
        remove_member(actor=self.actor(request), by=PLATFORM, membership=obj, owned=owned)
