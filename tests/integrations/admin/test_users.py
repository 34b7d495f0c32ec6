"""People in the admin: owners manage them, over the services."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from integrations.activity.models import ActivityLog
from integrations.authentication.lockout import LockedOutError, attempt_failed, begin_attempt
from integrations.models import StaffDevice, User
from tests.integrations.authentication.log_in_steps import forget_failures, set_up_device

ADD = "/admin/integrations/user/add/"
LIST = "/admin/integrations/user/"
PASSPHRASE = "another long passphrase"


def change_url(user: User) -> str:
    return reverse("admin:integrations_user_change", args=[user.pk])


def form(user: User, **values: str) -> dict[str, str]:
    base = {"username": user.username, "email": user.email, "first_name": "", "last_name": "", "is_active": "on"}
    return {**base, "platform_role": user.platform_role, **values}


@pytest.fixture
def sam(db: None) -> User:
    return User.objects.create_user("sam", "sam@example.com", "x", platform_role="operator")


def test_adds_a_person_with_a_role(admin_client: Client) -> None:
    data = {"username": "new", "email": "new@example.com", "platform_role": "auditor", "usable_password": "true"}
    answer = admin_client.post(ADD, {**data, "password1": PASSPHRASE, "password2": PASSPHRASE})

    assert answer.status_code == 302
    made = User.objects.get(username="new")
    assert (made.platform_role, made.is_superuser, made.check_password(PASSPHRASE)) == ("auditor", False, True)
    assert ActivityLog.objects.get().verb == "user.created"


def test_changes_a_role(admin_client: Client, sam: User) -> None:
    assert admin_client.post(change_url(sam), form(sam, platform_role="owner", first_name="Sam")).status_code == 302

    sam.refresh_from_db()
    assert (sam.platform_role, sam.first_name) == ("owner", "Sam")
    entry = ActivityLog.objects.get()
    assert (entry.verb, entry.changed_fields) == ("user.role_changed", ["first_name", "platform_role"])


def test_offers_nobody_their_own_role(admin_client: Client, platform_admin: User) -> None:
    page = admin_client.get(change_url(platform_admin)).content.decode()
    assert 'name="platform_role"' not in page
    assert 'name="is_active"' not in page

    answer = admin_client.post(change_url(platform_admin), form(platform_admin, platform_role="", first_name="Ada"))

    assert answer.status_code == 302
    platform_admin.refresh_from_db()
    assert (platform_admin.is_superuser, platform_admin.is_active, platform_admin.first_name) == (True, True, "Ada")


def test_shows_a_superuser_as_owner_and_keeps_them_one(admin_client: Client) -> None:
    root = User.objects.create_superuser("root", "root@example.com", "x")
    page = admin_client.get(change_url(root)).content.decode()
    assert '<option value="owner" selected>' in page

    admin_client.post(change_url(root), form(root, platform_role="owner"))

    assert User.objects.get(pk=root.pk).is_superuser


def test_refuses_to_delete_oneself(admin_client: Client, platform_admin: User) -> None:
    url = reverse("admin:integrations_user_delete", args=[platform_admin.pk])
    page = admin_client.post(url, {"post": "yes"}, follow=True).content.decode()
    assert "Nobody deletes their own account" in page

    data = {"action": "delete_selected", "_selected_action": [str(platform_admin.pk)], "post": "yes"}
    assert "Nobody deletes their own account" in admin_client.post(LIST, data, follow=True).content.decode()
    assert User.objects.filter(pk=platform_admin.pk).exists()


def test_deletes_a_person_on_the_record(admin_client: Client, sam: User) -> None:
    admin_client.post(reverse("admin:integrations_user_delete", args=[sam.pk]), {"post": "yes"})

    assert not User.objects.filter(pk=sam.pk).exists()
    assert ActivityLog.objects.get().verb == "user.deleted"


def test_sets_a_password_on_the_record_and_ends_sessions(admin_client: Client, sam: User) -> None:
    session = Client()
    session.force_login(sam)
    url = reverse("admin:auth_user_password_change", args=[sam.pk])
    data = {"password1": PASSPHRASE, "password2": PASSPHRASE, "usable_password": "true", "set-password": "1"}
    assert admin_client.post(url, data).status_code == 302

    assert session.get("/admin/").status_code == 302
    entry = ActivityLog.objects.get()
    assert (entry.verb, entry.changed_fields, entry.object_id) == ("user.password_changed", ["password"], sam.pk)


def test_own_password_goes_on_the_record_and_this_session_goes_on(sam: User) -> None:
    client, other = Client(), Client()
    for session in (client, other):
        session.force_login(sam)
    data = {"old_password": "x", "new_password1": PASSPHRASE, "new_password2": PASSPHRASE}
    assert client.post("/admin/password_change/", {**data, "old_password": "wrong"}).status_code == 200
    assert not ActivityLog.objects.exists()

    assert client.post("/admin/password_change/", data).status_code == 302

    assert (client.get("/admin/").status_code, other.get("/admin/").status_code) == (200, 302)
    assert ActivityLog.objects.get().verb == "user.password_changed"


def test_resets_two_step_log_in(admin_client: Client, sam: User) -> None:
    set_up_device(sam)
    session = Client()
    session.force_login(sam)
    assert "Two-step log-in" in admin_client.get(LIST).content.decode()

    data = {"action": "reset_two_step_log_in", "_selected_action": [str(sam.pk)]}
    page = admin_client.post(LIST, data, follow=True).content.decode()

    assert "1 person logs in with a password alone" in page
    assert not StaffDevice.objects.exists()
    assert session.get("/admin/").status_code == 302
    assert ActivityLog.objects.get(verb="two_step.disabled").actor_name == "ada"


def test_unlocks_a_log_in(admin_client: Client, sam: User) -> None:
    for number in range(10):
        attempt_failed(begin_attempt(username="sam", address=f"192.0.2.{number}"))
    with pytest.raises(LockedOutError):
        begin_attempt(username="sam", address=None)

    admin_client.post(LIST, {"action": "unlock_log_in", "_selected_action": [str(sam.pk)]})

    assert begin_attempt(username="sam", address=None)
    assert ActivityLog.objects.filter(verb="login.unlocked", actor_name="ada").count() == 1
    forget_failures()


@pytest.mark.parametrize("role", ["operator", "auditor"])
def test_shows_no_password_hash_to_those_who_manage_nobody(sam: User, platform_admin: User, role: str) -> None:
    User.objects.filter(pk=sam.pk).update(platform_role=role)
    sam.refresh_from_db()
    client = Client()
    client.force_login(sam)

    page = client.get(change_url(platform_admin)).content.decode()

    assert "ada@example.com" in page
    assert platform_admin.password not in page
    assert "algorithm" not in page
