"""The page behind an invitation's link."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth import get_user
from django.test import Client

from config.logging import scrub_text
from integrations.activity.actor import Actor
from integrations.models import Invitation, Membership, Role, Tenant, User
from integrations.services.invitations import invite_member, withdraw_invitation
from integrations.services.member_authority import PLATFORM
from integrations.services.tenants import update_tenant
from tests.integrations.people import PASSWORD, person


@pytest.fixture
def path(tenant: Tenant, admin_actor: Actor) -> str:
    link = invite_member(actor=admin_actor, by=PLATFORM, tenant=tenant, email="grace@example.com", role=Role.ADMIN).link
    assert link is not None
    return link.removeprefix("http://127.0.0.1:8000")


NEW = {"password": PASSWORD, "again": PASSWORD}


def text(answer: Any) -> str:
    return " ".join(answer.content.decode().split())


def is_kept_by_nobody(answer: Any) -> bool:
    return answer["Cache-Control"] == "no-store" and answer["Referrer-Policy"] == "strict-origin"


def test_new_person_chooses_a_password(client: Client, path: str, tenant: Tenant) -> None:
    page = client.get(path)
    assert page.status_code == 200
    assert is_kept_by_nobody(page)
    assert "ada invites <strong>grace@example.com</strong> to Acme, as admin." in text(page)
    done = client.post(path, NEW)
    assert is_kept_by_nobody(done)
    assert "You are an admin of Acme." in text(done)
    assert "You log in as <strong>grace@example.com</strong>" in text(done)
    assert User.objects.get(email="grace@example.com").check_password(PASSWORD)
    assert Membership.objects.get().role == Role.ADMIN
    used = client.post(path, NEW)
    assert (used.status_code, "was accepted already" in text(used)) == (410, True)
    assert Membership.objects.count() == 1


def test_looking_at_the_page_changes_nothing(client: Client, path: str) -> None:
    for _ in range(2):
        assert client.get(path).status_code == 200
        assert client.head(path).status_code == 200
    assert Invitation.objects.get().accepted_at is None


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({}, "This field is required."),
        ({"password": PASSWORD, "again": "x"}, "The two passwords are not the same."),
        ({"password": "12345678", "again": "12345678"}, "This password is too common."),
        ({"password": "grace@example.com", "again": "grace@example.com"}, "too similar to the username"),
    ],
    ids=["none", "different", "common", "similar"],
)
def test_wrong_password_is_explained_and_uses_up_nothing(
    client: Client, path: str, body: dict[str, str], reason: str
) -> None:
    page = client.post(path, body)
    assert (page.status_code, reason in text(page)) == (200, True)
    assert PASSWORD not in text(page)
    assert not Membership.objects.exists()
    assert not User.objects.filter(email="grace@example.com").exists()


def test_person_with_an_account_gives_its_password(client: Client, path: str) -> None:
    grace = person("grace")
    assert "You have an account already" in text(client.get(path))
    wrong = client.post(path, {"password": "wrong"})
    assert "The password is wrong, or the account is not active." in text(wrong)
    assert not Membership.objects.exists()
    assert "You log in as <strong>grace</strong>." in text(client.post(path, {"password": PASSWORD}))
    assert Membership.objects.get().user == grace
    assert not get_user(client).is_authenticated  # the page accepts, and logs nobody in


def test_guessing_is_locked(client: Client, path: str, settings: Any) -> None:
    settings.LOGIN_FAILURES_PER_USER = 2
    person("grace")
    for _ in range(2):
        client.post(path, {"password": "wrong"})
    assert "Too many tries have failed: wait" in text(client.post(path, {"password": PASSWORD}))
    assert not Membership.objects.exists()


def test_who_is_logged_in_only_confirms(client: Client, path: str) -> None:
    client.force_login(person("grace"))
    page = text(client.get(path))
    assert "You are logged in with this address." in page
    assert 'type="password"' not in page
    client.post(path)
    assert Membership.objects.get().user.username == "grace"


def test_session_of_somebody_else_does_not_count(client: Client, path: str) -> None:
    person("grace")
    client.force_login(person("eve"))
    client.post(path)
    assert not Membership.objects.exists()


@pytest.mark.parametrize("token", ["x", "sb_invite_" + "x" * 43, "%00", "sb_invite_" + "%C3%A9" * 43])
def test_link_that_is_none_is_a_page_too(client: Client, db: None, token: str) -> None:
    page = client.get(f"/invitations/{token}")
    assert (page.status_code, "This link is not valid" in text(page)) == (404, True)
    assert is_kept_by_nobody(page)
    assert client.post(f"/invitations/{token}", NEW).status_code == 404


def test_page_says_why_an_invitation_has_ended(client: Client, path: str, tenant: Tenant, admin_actor: Actor) -> None:
    update_tenant(actor=admin_actor, tenant=tenant, is_active=False)
    inactive = client.post(path, NEW)
    assert (inactive.status_code, "Acme is inactive at present" in text(inactive)) == (403, True)
    update_tenant(actor=admin_actor, tenant=tenant, is_active=True)
    withdraw_invitation(actor=admin_actor, by=PLATFORM, tenant=tenant, invitation_id=Invitation.objects.get().id)
    withdrawn = client.post(path, NEW)
    assert (withdrawn.status_code, "was withdrawn" in text(withdrawn)) == (410, True)
    assert not Membership.objects.exists()


def test_form_from_elsewhere_is_refused(path: str) -> None:
    client = Client(enforce_csrf_checks=True)
    assert client.post(path, NEW).status_code == 403
    assert not Membership.objects.exists()


def test_names_are_text_and_no_markup(client: Client, tenant: Tenant) -> None:
    Tenant.objects.update(name="<script>alert(1)</script>")
    link = invite_member(
        actor=Actor.system("<b>x"), by=PLATFORM, tenant=tenant, email="a@example.com", role=Role.MEMBER
    ).link
    assert link is not None
    page = text(client.get(link.removeprefix("http://127.0.0.1:8000")))
    assert "<script>alert" not in page
    assert "<b>x" not in page


def test_no_log_line_holds_the_token(path: str) -> None:
    assert scrub_text(f"GET {path} 200") == "GET /invitations/sb_invite_*** 200"
