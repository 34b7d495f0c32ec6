"""Members and invitations on a tenant's admin page, and removing a member."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from integrations.activity.actor import Actor
from integrations.invitation_tokens import hash_of
from integrations.models import Integration, Invitation, Membership, Role, Tenant
from integrations.services.integration_items import add_integration
from tests.integrations.people import join, person


@pytest.fixture
def browser(platform_admin: Any) -> Client:
    client = Client()
    client.force_login(platform_admin)
    return client


@pytest.fixture
def url(tenant: Tenant) -> str:
    return f"/admin/integrations/tenant/{tenant.pk}"


BODY = {"email": "Grace@example.com", "role": "admin"}


def text(answer: Any) -> str:
    return " ".join(answer.content.decode().split())


def link_in(answer: Any) -> str:
    return text(answer).split('id="invitation-link">')[1].split("<")[0]


def test_page_lists_members_and_invitations(browser: Client, url: str, tenant: Tenant) -> None:
    join(tenant, "olga", Role.OWNER)
    browser.post(f"{url}/invite/", BODY)
    page = text(browser.get(f"{url}/change/"))
    assert "olga@example.com" in page
    assert "grace@example.com" in page
    assert '<span class="badge badge-warning">pending</span>' in page


def test_link_is_shown_once_where_no_mail_is_sent(browser: Client, url: str) -> None:
    shown = browser.post(f"{url}/invite/", BODY)
    assert (shown.status_code, "no-store" in shown["Cache-Control"]) == (200, True)
    link = link_in(shown)
    assert Invitation.objects.get().token_hash == hash_of(link.rsplit("/", 1)[1])
    assert "sb_invite_" not in text(browser.get(f"{url}/change/"))
    again = browser.post(f"{url}/invitations/{Invitation.objects.get().pk}/resend/")
    assert link_in(again) != link


def test_no_link_is_shown_where_mail_is_sent(browser: Client, url: str, settings: Any) -> None:
    settings.EMAIL_HOST = "smtp.example.com"
    answer = browser.post(f"{url}/invite/", BODY, follow=True)
    assert "A mail to grace@example.com is on its way." in text(answer)
    assert "sb_invite_" not in text(answer)


def test_refusal_stands_at_the_form(browser: Client, url: str) -> None:
    browser.post(f"{url}/invite/", BODY)
    assert "grace@example.com is invited already" in text(browser.post(f"{url}/invite/", BODY))
    assert "Enter a valid email address." in text(browser.post(f"{url}/invite/", {**BODY, "email": "x"}))
    assert Invitation.objects.count() == 1


def test_invitation_is_withdrawn(browser: Client, url: str) -> None:
    browser.post(f"{url}/invite/", BODY)
    path = f"{url}/invitations/{Invitation.objects.get().pk}"
    browser.get(f"{path}/withdraw/")  # a link that is followed changes nothing
    assert Invitation.objects.get().withdrawn_at is None
    page = browser.post(f"{path}/withdraw/", follow=True)
    assert "its link works no more" in text(page)
    assert Invitation.objects.get().withdrawn_at is not None
    assert "This invitation is withdrawn" in text(browser.post(f"{path}/resend/", follow=True))


def test_auditor_sees_people_and_changes_nothing(url: str, browser: Client, tenant: Tenant) -> None:
    browser.post(f"{url}/invite/", BODY)
    auditor = person("aud")
    auditor.platform_role, auditor.is_staff = "auditor", True
    auditor.save()
    client = Client()
    client.force_login(auditor)
    page = text(client.get(f"{url}/change/"))
    assert "grace@example.com" in page
    assert "Withdraw" not in page
    assert "0 live" in page
    assert "add one" not in page
    path = f"{url}/invitations/{Invitation.objects.get().pk}"
    for answer in (
        client.get(f"{url}/invite/"),
        client.post(f"{url}/invite/", {**BODY, "email": "b@example.com"}),
        client.post(f"{path}/resend/"),
        client.post(f"{path}/withdraw/"),
    ):
        assert answer.status_code == 403
    stored = Invitation.objects.get()
    assert (stored.times_sent, stored.withdrawn_at) == (1, None)


@pytest.mark.parametrize(("choice", "left"), [("share", 1), ("delete", 0), ("", None)], ids=["share", "delete", "none"])
def test_removing_a_member_asks_what_becomes_of_their_integrations(
    browser: Client, tenant: Tenant, choice: str, left: int | None
) -> None:
    join(tenant, "olga", Role.OWNER)
    mia = join(tenant, "mia", Role.MEMBER)
    values = {"base_url": "https://n8n.example.com/webhook"}
    add_integration(actor=Actor.system("test"), tenant=tenant, provider="n8n", values=values, owner=mia)
    path = f"/admin/integrations/membership/{mia.pk}/delete/"
    assert "mia owns 1 integration. What becomes of it?" in text(browser.get(path))
    answer = browser.post(path, {"post": "yes", "integrations": choice}, follow=True)
    if left is None:
        assert "say what becomes of them, share or delete" in text(answer)
        assert Integration.objects.get().owner_id == mia.id
        return
    assert Integration.objects.filter(owner=None).count() == left
    assert not Membership.objects.filter(id=mia.id).exists()


def test_last_owner_stays(browser: Client, tenant: Tenant) -> None:
    olga = join(tenant, "olga", Role.OWNER)
    path = f"/admin/integrations/membership/{olga.pk}"
    assert "last owner" in text(browser.post(f"{path}/delete/", {"post": "yes"}, follow=True))
    assert "last owner" in text(browser.post(f"{path}/change/", {"role": "member"}))
    assert Membership.objects.get().role == Role.OWNER
