"""`POST …/members`, `…/invitations` and accepting over the API."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from rest_framework.test import APIClient

from integrations.models import Invitation, Membership, Role, Tenant, User
from integrations.services import invitations
from tests.integrations.people import PASSWORD, client_of, join, person

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
BODY = {"email": "Grace@Example.com", "role": "admin"}
ACCEPT = "/api/auth/invitations/accept"


@pytest.fixture
def owner(tenant: Tenant) -> APIClient:
    return client_of(join(tenant, "olga", Role.OWNER).user)


def token_of(answer: Any) -> str:
    return str(answer.json()["link"]).rsplit("/", 1)[1]


@time_machine.travel(NOON, tick=False)
def test_inviter_sees_the_link_once_where_no_mail_is_sent(owner: APIClient) -> None:
    answer = owner.post("/api/v1/members", BODY)
    assert (answer.status_code, answer["Cache-Control"]) == (201, "no-store")
    body = answer.json()
    assert body.pop("link").startswith("http://127.0.0.1:8000/invitations/sb_invite_")
    assert body == {
        "id": str(Invitation.objects.get().id),
        "email": "grace@example.com",
        "role": "admin",
        "state": "pending",
        "invited_by": "olga",
        "created_at": "2026-11-20T12:00:00Z",
        "expires_at": "2026-11-23T12:00:00Z",
        "times_sent": 1,
        "sent_at": None,
        "accepted_at": None,
        "withdrawn_at": None,
    }
    assert owner.get("/api/v1/invitations").json()["results"] == [body]
    assert owner.get(f"/api/v1/invitations/{body['id']}").json() == body


def test_link_is_in_no_answer_where_mail_is_sent(owner: APIClient, settings: Any) -> None:
    settings.EMAIL_HOST = "smtp.example.com"
    made = owner.post("/api/v1/members", BODY).json()
    again = owner.post(f"/api/v1/invitations/{made['id']}/resend")
    assert (again.status_code, made["link"], again.json()["link"]) == (200, None, None)


def test_same_idempotency_key_invites_once_and_shows_the_link_once(owner: APIClient) -> None:
    first, second = (owner.post("/api/v1/members", BODY, headers={"Idempotency-Key": "k1"}) for _ in range(2))
    assert (first.status_code, second.status_code) == (201, 201)
    assert second.json() == {**first.json(), "link": None}
    assert first["Location"] == f"/api/v1/invitations/{first.json()['id']}"


def test_invitations_are_filtered_by_state(owner: APIClient) -> None:
    with time_machine.travel(NOON, tick=False):
        ids = [owner.post("/api/v1/members", {**BODY, "email": f"p{n}@example.com"}).json()["id"] for n in range(3)]
        owner.delete(f"/api/v1/invitations/{ids[0]}")
    with time_machine.travel(NOON + timedelta(hours=73), tick=False):
        client = client_of(User.objects.get(username="olga"))
        fresh = client.post("/api/v1/members", {**BODY, "email": "p9@example.com"}).json()["id"]
        states = {
            state: {row["id"] for row in client.get(f"/api/v1/invitations?state={state}").json()["results"]}
            for state in ("pending", "withdrawn", "expired", "accepted")
        }
    assert states == {"pending": {fresh}, "withdrawn": {ids[0]}, "expired": set(ids[1:]), "accepted": set()}


def test_platform_invites_an_owner(api: APIClient, tenant: Tenant) -> None:
    answer = api.post(f"/api/platform/tenants/{tenant.slug}/members", {**BODY, "role": "owner"})
    assert (answer.status_code, answer.json()["invited_by"]) == (201, "ada")


def test_members_and_strangers_see_and_end_no_invitation(
    owner: APIClient, tenant: Tenant, other_tenant: Tenant
) -> None:
    path = f"/api/v1/invitations/{owner.post('/api/v1/members', BODY).json()['id']}"
    member = client_of(join(tenant, "mia", Role.MEMBER).user)
    stranger = client_of(join(other_tenant, "eve", Role.OWNER).user)
    for client, status in ((member, 403), (stranger, 404)):
        assert client.get(path).status_code == status
        assert client.delete(path).status_code == status
        assert client.post(f"{path}/resend").status_code == status
    assert member.get("/api/v1/invitations").status_code == 403
    assert stranger.get("/api/v1/invitations").json()["results"] == []
    stored = Invitation.objects.get()
    assert (stored.withdrawn_at, stored.times_sent) == (None, 1)


def test_too_many_are_told_how_long_to_wait(owner: APIClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(invitations, "MOST_LINKS", 1)
    assert owner.post("/api/v1/members", BODY).status_code == 201
    refused = owner.post("/api/v1/members", {**BODY, "email": "b@example.com"})
    assert refused.status_code == 429
    assert 86_000 < int(refused["Retry-After"]) <= 86_400
    assert Invitation.objects.count() == 1


@pytest.mark.parametrize(
    "body", [{}, {"email": "x"}, {"role": "admin"}, {**BODY, "role": "king"}, {**BODY, "x": 1}], ids=str
)
def test_wrong_body_invites_nobody(owner: APIClient, body: dict[str, Any]) -> None:
    assert owner.post("/api/v1/members", body).status_code == 422
    assert not Invitation.objects.exists()


# --- Accepting ------------------------------------------------------------------------------------------------------


def test_new_person_accepts_and_logs_in(owner: APIClient, anonymous_api: APIClient, tenant: Tenant) -> None:
    token = token_of(owner.post("/api/v1/members", BODY))
    answer = anonymous_api.post(ACCEPT, {"token": token, "password": PASSWORD})
    assert (answer.status_code, answer["Cache-Control"]) == (200, "no-store")
    body = answer.json()
    assert (body["tenant"]["slug"], body["role"], body["user"]["username"], body["is_new_user"]) == (
        "acme",
        "admin",
        "grace@example.com",
        True,
    )
    log_in = anonymous_api.post("/api/auth/token", {"username": "grace@example.com", "password": PASSWORD}).json()
    me = anonymous_api.get("/api/v1/me", headers={"Authorization": f"Bearer {log_in['access']}"}).json()
    assert (me["membership"], me["role"]) == (body["membership"], "admin")
    again = anonymous_api.post(ACCEPT, {"token": token, "password": PASSWORD})
    assert again.status_code == 409
    assert Membership.objects.filter(tenant=tenant).count() == 2


def test_account_proves_itself_by_password_or_token(owner: APIClient, anonymous_api: APIClient, tenant: Tenant) -> None:
    grace, hal = person("grace"), person("hal")
    tokens = {
        user: token_of(owner.post("/api/v1/members", {"email": user.email, "role": "member"})) for user in (grace, hal)
    }
    wrong = anonymous_api.post(ACCEPT, {"token": tokens[grace], "password": "wrong"})
    assert wrong.status_code == 401
    assert anonymous_api.post(ACCEPT, {"token": tokens[grace]}).status_code == 422
    assert client_of(hal).post(ACCEPT, {"token": tokens[grace]}).status_code == 403
    assert Membership.objects.filter(tenant=tenant).count() == 1
    assert anonymous_api.post(ACCEPT, {"token": tokens[grace], "password": PASSWORD}).status_code == 200
    assert client_of(hal).post(ACCEPT, {"token": tokens[hal]}).status_code == 200
    assert Membership.objects.filter(tenant=tenant).count() == 3


def test_guessing_an_accounts_password_by_a_link_locks_it(
    owner: APIClient, anonymous_api: APIClient, settings: Any
) -> None:
    settings.LOGIN_FAILURES_PER_USER = 3
    person("grace", "another passphrase")
    token = token_of(owner.post("/api/v1/members", BODY))
    statuses = [anonymous_api.post(ACCEPT, {"token": token, "password": f"guess {n}"}).status_code for n in range(4)]
    assert statuses == [401, 401, 401, 429]
    assert anonymous_api.post(ACCEPT, {"token": token, "password": "another passphrase"}).status_code == 429
    assert Invitation.objects.get().accepted_at is None


def test_weak_password_is_refused_with_the_reasons(owner: APIClient, anonymous_api: APIClient) -> None:
    token = token_of(owner.post("/api/v1/members", BODY))
    answer = anonymous_api.post(ACCEPT, {"token": token, "password": "12345"})
    assert answer.status_code == 422
    assert len(answer.json()["errors"]["password"]) == 3
    assert not User.objects.filter(username="grace@example.com").exists()


def test_link_that_is_none_is_not_found(anonymous_api: APIClient, db: None) -> None:
    for token in ("x", "sb_invite_" + "x" * 43):
        assert anonymous_api.post(ACCEPT, {"token": token, "password": PASSWORD}).status_code == 404
