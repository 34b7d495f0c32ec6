"""The people of a tenant on its page: members, and invitations with their buttons."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone

from integrations.admin.badges import Tone, badge
from integrations.admin.service_admin import ServiceModelAdmin, add_service_error
from integrations.errors import ServiceError
from integrations.models import Invitation, Membership, Role, Tenant
from integrations.services.invitation_mails import mail_is_configured
from integrations.services.invitations import Invited, invite_member, resend_invitation, withdraw_invitation
from integrations.services.member_authority import PLATFORM

_MOST_SHOWN: Final = 50
_TONES: Final[dict[str, Tone]] = {"pending": "warning", "accepted": "good", "withdrawn": "neutral", "expired": "bad"}


class InviteForm(forms.Form):
    email = forms.CharField(
        label="E-mail address", max_length=150, widget=forms.EmailInput(attrs={"class": "vTextField"})
    )
    role = forms.ChoiceField(choices=Role.choices, initial=Role.MEMBER)


class TenantPeopleAdmin(ServiceModelAdmin):
    """For the tenants' admin: its change page lists people, and has pages to invite, send again and withdraw."""

    change_form_template = "admin/integrations/tenant/change_form.html"

    def get_urls(self) -> list[URLPattern]:
        view = self.changing_page
        on_invitation = "<uuid:object_id>/invitations/<uuid:invitation_id>"
        return [
            path("<uuid:object_id>/invite/", view(self.invite_view), name="integrations_tenant_invite"),
            path(f"{on_invitation}/resend/", view(self.resend_view), name="integrations_tenant_resend"),
            path(f"{on_invitation}/withdraw/", view(self.withdraw_view), name="integrations_tenant_withdraw"),
            *super().get_urls(),
        ]

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        if (tenant := context.get("original")) is not None:
            members = Membership.objects.select_related("user").filter(tenant=tenant).order_by("id")
            now = timezone.now()
            invitations = Invitation.objects.filter(tenant=tenant)[:_MOST_SHOWN]
            context |= {
                "members": members[:_MOST_SHOWN],
                "members_count": members.count(),
                "invitations": [(each, state_badge(each.state_at(now)), _is_open(each)) for each in invitations],
            }
        return super().render_change_form(request, context, *args, **kwargs)

    def invite_view(self, request: HttpRequest, object_id: UUID) -> HttpResponse:
        tenant = self._tenant(object_id)
        form = InviteForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            try:
                invited = invite_member(actor=self.actor(request), by=PLATFORM, tenant=tenant, **form.cleaned_data)
            except ServiceError as error:
                add_service_error(form, error)
            else:
                return self._invited(request, tenant, invited)
        return self._people_page(
            request, "invite", tenant, title=f"Invite somebody to {tenant}", form=form, sends_mail=mail_is_configured()
        )

    def resend_view(self, request: HttpRequest, object_id: UUID, invitation_id: UUID) -> HttpResponse:
        tenant = self._tenant(object_id)
        if request.method != "POST":
            return self._back(tenant)
        try:
            invited = resend_invitation(
                actor=self.actor(request), by=PLATFORM, tenant=tenant, invitation_id=invitation_id
            )
        except ServiceError as error:
            self.message_user(request, error.detail, messages.ERROR)
            return self._back(tenant)
        return self._invited(request, tenant, invited)

    def withdraw_view(self, request: HttpRequest, object_id: UUID, invitation_id: UUID) -> HttpResponse:
        tenant = self._tenant(object_id)
        if request.method != "POST":
            return self._back(tenant)
        try:
            withdraw_invitation(actor=self.actor(request), by=PLATFORM, tenant=tenant, invitation_id=invitation_id)
        except ServiceError as error:
            self.message_user(request, error.detail, messages.ERROR)
        else:
            self.message_user(request, "The invitation was withdrawn: its link works no more.")
        return self._back(tenant)

    def _invited(self, request: HttpRequest, tenant: Tenant, invited: Invited) -> HttpResponse:
        """Go back where a mail is on its way; else show the link, on the answering page alone."""
        if invited.link is None:
            self.message_user(request, f"A mail to {invited.invitation.email} is on its way.")
            return self._back(tenant)
        page = self._people_page(
            request, "invitation_link", tenant, title="Invitation", invitation=invited.invitation, link=invited.link
        )
        page["Cache-Control"] = "no-store"
        return page

    def _tenant(self, object_id: UUID) -> Tenant:
        return get_object_or_404(Tenant.objects.existing(), pk=object_id)

    def _back(self, tenant: Tenant) -> HttpResponse:
        return HttpResponseRedirect(self._address("change", tenant.pk))

    def _people_page(self, request: HttpRequest, name: str, tenant: Tenant, **context: Any) -> TemplateResponse:
        shared = {**self.admin_site.each_context(request), "opts": self.opts, "original": tenant}
        return TemplateResponse(request, f"admin/integrations/tenant/{name}.html", {**shared, **context})


def state_badge(state: str) -> str:
    return badge(state, _TONES[state])


def _is_open(invitation: Invitation) -> bool:
    return invitation.accepted_at is None and invitation.withdrawn_at is None
