"""Connecting: authorization code with proof key and state, against a real OAuth server."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from integrations.activity.actor import Actor
from integrations.errors import ConflictError, InvalidInputError
from integrations.models import ActivityLog, APIKey, Integration, OAuthGrant, OAuthState, Role, Tenant, User
from integrations.services.integrations import create_integration
from integrations.services.oauth_connecting import start_connection
from integrations.services.oauth_sweep import forget_states
from tests.integrations.people import client_of, join
from tests.oauth_server import CLIENT_ID, CLIENT_SECRET, OAuthServer, as_json

pytestmark = pytest.mark.django_db(transaction=True)
CALLBACK = "/oauth/ledger/callback"


@pytest.fixture
def own_app(tenant: Tenant, server: OAuthServer) -> Integration:
    """An integration with an app of its own, not connected yet."""
    return create_integration(
        actor=Actor.system("test"),
        tenant=tenant,
        provider="ledger",
        values={"base_url": server.url, "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET},
    )


@pytest.fixture
def platform_app(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIGNALBOX_LEDGER_CLIENT_ID", CLIENT_ID)
    monkeypatch.setenv("SIGNALBOX_LEDGER_CLIENT_SECRET", CLIENT_SECRET)


def start(integration: Integration, **given: Any) -> str:
    return start_connection(
        actor=Actor.system("ada"),
        tenant=integration.tenant,
        provider=integration.provider,
        integration=integration,
        **given,
    )


def back(parameters: dict[str, str], client: Client | None = None, path: str = CALLBACK) -> Any:
    return (client or Client()).get(f"{path}?{urlencode(parameters)}")


def test_connecting_stores_tokens_that_are_kept_fresh(own_app: Integration, server: OAuthServer) -> None:
    url = start(own_app)
    asked = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
    assert (asked["response_type"], asked["client_id"], asked["scope"]) == ("code", CLIENT_ID, "read")
    assert asked["redirect_uri"].endswith(CALLBACK)
    assert asked["code_challenge_method"] == "S256"
    assert CLIENT_SECRET not in url
    row = OAuthState.objects.get()
    assert asked["state"] not in json.dumps({name: str(value) for name, value in row.__dict__.items()})

    answer = back(server.consent(url))

    assert answer.status_code == 200
    assert "Ledger is connected." in answer.content.decode()
    assert (answer["Cache-Control"], answer["Referrer-Policy"]) == ("no-store", "no-referrer")
    stored = Integration.objects.get()
    assert stored.config["access_token"].reveal() in server.state.access_tokens
    assert stored.config["refresh_token"].reveal() in server.state.grants
    grant = OAuthGrant.objects.get()
    assert grant.credential_version == stored.credential_version
    assert grant.refresh_due_at is not None
    entry = ActivityLog.objects.get(verb="integration.updated")
    assert (entry.actor_name, entry.changed_fields) == ("ada", ["access_token", "refresh_token"])
    for secret in (stored.config["access_token"].reveal(), CLIENT_SECRET):
        assert secret not in answer.content.decode()


def test_state_works_once(own_app: Integration, server: OAuthServer) -> None:
    parameters = server.consent(start(own_app))
    assert back(parameters).status_code == 200
    before = Integration.objects.get().credential_version
    again = back(parameters)
    assert again.status_code == 400
    assert "begin again" in again.content.decode()
    assert Integration.objects.get().credential_version == before
    assert len(server.token_requests) == 1


def test_state_belongs_to_its_browser_session(own_app: Integration, server: OAuthServer, platform_admin: User) -> None:
    client, other = Client(), Client()
    client.force_login(platform_admin)
    other.force_login(platform_admin)
    parameters = server.consent(start(own_app, session_key=client.session.session_key, return_to="/admin/"))
    assert back(parameters, other).status_code == 400
    assert back(parameters).status_code == 400
    # Whoever has only the state cannot spoil it.
    answer = back(parameters, client)
    assert (answer.status_code, answer["Location"]) == (302, "/admin/")


def test_state_of_another_provider_or_that_has_expired_is_refused(own_app: Integration, server: OAuthServer) -> None:
    parameters = server.consent(start(own_app))
    assert back(parameters, path="/oauth/github/callback").status_code == 400
    OAuthState.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert back(parameters).status_code == 400
    assert back({**parameters, "state": ""}).status_code == 400
    assert back({**parameters, "state": "x" * 5000}).status_code == 400
    assert server.token_requests == []
    assert forget_states() == 1


def test_integration_that_moved_on_meanwhile_gets_no_tokens(own_app: Integration, server: OAuthServer) -> None:
    parameters = server.consent(start(own_app))
    own_app.delete()
    assert back(parameters).status_code == 400
    assert server.token_requests == []


def test_code_that_was_used_and_wrong_proof_key_are_refused(own_app: Integration, server: OAuthServer) -> None:
    used = server.consent(start(own_app))
    assert back(used).status_code == 200
    fresh = server.consent(start(own_app))
    answer = back({**fresh, "code": used["code"]})
    assert answer.status_code == 502
    assert "Ledger gave no tokens." in answer.content.decode()

    # A code that somebody else's browser got, for another proof key.
    theirs, mine = server.consent(start(own_app)), server.consent(start(own_app))
    answer = back({**mine, "code": theirs["code"]})
    assert answer.status_code == 502
    assert theirs["code"] not in answer.content.decode()


def test_denied_consent_is_said_and_ends_the_state(own_app: Integration, server: OAuthServer) -> None:
    state = parse_qs(urlsplit(start(own_app)).query)["state"][0]
    answer = back({"error": "access_denied", "state": state, "error_description": "<b>no</b>"})
    assert answer.status_code == 403
    assert "the request was declined there" in answer.content.decode()
    assert not OAuthState.objects.exists()


@pytest.mark.parametrize(
    ("status", "kind", "body"),
    [(500, "text/plain", "down"), (200, "text/html", "<html>log in</html>"), (200, "application/json", "[]")],
)
def test_server_that_fails_is_a_page_that_says_so(
    own_app: Integration, server: OAuthServer, status: int, kind: str, body: str
) -> None:
    parameters = server.consent(start(own_app))
    server.answers.append((status, kind, body))
    answer = back(parameters)
    assert answer.status_code == 502
    assert "Ledger gave no tokens." in answer.content.decode()
    assert "access_token" not in Integration.objects.get().config


def test_previous_secret_of_the_platforms_app_is_tried(
    tenant: Tenant, server: OAuthServer, platform_app: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIGNALBOX_LEDGER_CLIENT_SECRET", "not-known-there-yet")
    monkeypatch.setenv("SIGNALBOX_LEDGER_CLIENT_SECRET_PREVIOUS", CLIENT_SECRET)
    url = start_connection(actor=Actor.system("ada"), tenant=tenant, provider="ledger", values={"base_url": server.url})
    assert back(server.consent(url)).status_code == 200
    assert [form["client_secret"] for form in server.token_requests] == ["not-known-there-yet", CLIENT_SECRET]
    made = Integration.objects.get()
    assert (made.is_default, made.config["base_url"]) == (True, server.url)
    assert "client_secret" not in made.config


class TestScopesThatWereNotGranted:
    def fewer(self, own_app: Integration, server: OAuthServer, scope: str) -> Any:
        parameters = server.consent(start(own_app))
        body = as_json(access_token="a-token", refresh_token="a-refresh-token", token_type="Bearer", scope=scope)
        server.answers.append((200, "application/json", body))
        return back(parameters)

    def test_connection_is_kept_and_they_are_named(
        self, own_app: Integration, server: OAuthServer, platform_admin: User
    ) -> None:
        answer = self.fewer(own_app, server, "other")
        assert answer.status_code == 200
        assert "Ledger did not grant read: what needs it will be refused." in answer.content.decode()
        assert Integration.objects.get().config["access_token"].reveal() == "a-token"
        entry = ActivityLog.objects.get(verb="integration.scopes_missing")
        assert (entry.actor_name, entry.detail) == ("ada", "not granted: read")
        client = Client()
        client.force_login(platform_admin)
        address = f"/admin/integrations/integration/{own_app.id}/change/"
        assert "these scopes were not granted: read." in client.get(address).content.decode()

        # Whoever agrees to all of it is rid of the sentence.
        assert back(server.consent(start(own_app))).status_code == 200
        assert "these scopes were not granted" not in client.get(address).content.decode()
        assert ActivityLog.objects.filter(verb="integration.scopes_missing").count() == 1

    def test_server_that_tells_no_scopes_granted_all(self, own_app: Integration, server: OAuthServer) -> None:
        assert "did not grant" not in self.fewer(own_app, server, "").content.decode()
        assert not ActivityLog.objects.filter(verb="integration.scopes_missing").exists()


@pytest.mark.parametrize(
    "target",
    ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)", "http:///evil.example"],
)
def test_no_open_redirect(own_app: Integration, target: str) -> None:
    with pytest.raises(InvalidInputError, match="return_to"):
        start(own_app, return_to=target)


def test_without_an_app_it_says_what_to_do(tenant: Tenant, server: OAuthServer) -> None:
    with pytest.raises(ConflictError, match="SIGNALBOX_LEDGER_CLIENT_ID"):
        start_connection(actor=Actor.system("ada"), tenant=tenant, provider="ledger", values={"base_url": server.url})


class TestAPI:
    START = "/api/v1/oauth/ledger/start"

    def test_member_connects_their_own(self, tenant: Tenant, server: OAuthServer, platform_app: None) -> None:
        member = join(tenant, "grace", Role.MEMBER)
        client = client_of(member.user)
        body = {"owner": "me", "values": {"base_url": server.url}}
        answer = client.post(self.START, body, format="json")
        assert (answer.status_code, answer.json()["expires_in"]) == (200, 600)
        assert back(server.consent(answer.json()["authorization_url"])).status_code == 200
        made = Integration.objects.get()
        assert (made.owner_id, made.tenant_id) == (member.id, tenant.id)
        # The tenant's needs more.
        assert client.post(self.START, {"values": {"base_url": server.url}}, format="json").status_code == 403

    def test_other_tenants_integration_is_not_there(
        self, own_app: Integration, other_tenant: Tenant, make_key: Any, api_with: Any
    ) -> None:
        client: APIClient = api_with(make_key("integrations:write", of=other_tenant))
        answer = client.post(self.START, {"integration": str(own_app.id)}, format="json")
        assert answer.status_code == 422
        assert "There is no such integration." in answer.content.decode()
        assert not OAuthState.objects.exists()

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            ({"values": {"client_secret": "x"}}, "client_secret"),
            ({"values": {"base_url": "nonsense"}}, "base_url"),
            ({"values": {}}, "base_url"),
            ({"values": {"base_url": "https://a.example"}, "return_to": "https://evil.example"}, "return_to"),
            ({"values": {"base_url": "https://a.example"}, "owner": "me"}, "owner"),
        ],
    )
    def test_bad_input_names_the_field(
        self, tenant: Tenant, platform_app: None, make_key: Any, api_with: Any, body: dict[str, Any], field: str
    ) -> None:
        answer = api_with(make_key("integrations:write")).post(self.START, body, format="json")
        assert answer.status_code == 422
        assert field in answer.content.decode()

    def test_providers_without_oauth2(self, tenant: Tenant, make_key: Any, api_with: Any) -> None:
        client: APIClient = api_with(make_key("integrations:write"))
        assert client.post("/api/v1/oauth/twilio/start", {}, format="json").status_code == 409
        assert client.post("/api/v1/oauth/nobody/start", {}, format="json").status_code == 404

    def test_who_began_it_must_still_be_allowed_to(
        self, own_app: Integration, server: OAuthServer, tenant: Tenant, make_key: Any, api_with: Any
    ) -> None:
        key, member = make_key("integrations:write"), join(tenant, "grace", Role.ADMIN)
        body = {"integration": str(own_app.id)}
        begun = [
            client.post(self.START, body, format="json").json()["authorization_url"]
            for client in (api_with(key), client_of(member.user))
        ]
        APIKey.objects.update(revoked_at=timezone.now())
        member.delete()
        for url in begun:
            answer = back(server.consent(url))
            assert answer.status_code == 403
            assert "may not do it any more" in answer.content.decode()
        assert server.token_requests == []


class TestAdmin:
    @pytest.fixture
    def client(self, platform_admin: User) -> Client:
        client = Client()
        client.force_login(platform_admin)
        return client

    def test_connect_and_reconnect(self, client: Client, own_app: Integration, server: OAuthServer) -> None:
        change = f"/admin/integrations/integration/{own_app.id}/change/"
        connect = f"/admin/integrations/integration/{own_app.id}/connect/"
        assert f'<a href="{connect}">Connect</a>' in client.get(change).content.decode()
        page = client.get(connect).content.decode()
        assert "/oauth/ledger/callback" in page
        assert CLIENT_SECRET not in page

        page = client.post(connect).content.decode()
        url = page.split('<p><a href="')[1].split('"')[0].replace("&amp;", "&")
        answer = back(server.consent(url), client)
        assert (answer.status_code, answer["Location"]) == (302, change)
        page = client.get(change).content.decode()
        assert "Ledger is connected." in page
        assert f'<a href="{connect}">Reconnect</a>' in page
        assert Integration.objects.get().updated_by_name == "ada"

    def test_add_by_connecting(self, client: Client, tenant: Tenant, server: OAuthServer, platform_app: None) -> None:
        add = client.get("/admin/integrations/integration/add/").content.decode()
        assert 'formaction="/admin/integrations/integration/connect/"' in add
        address = f"/admin/integrations/integration/connect/?tenant={tenant.pk}&provider=ledger"
        page = client.get(address).content.decode()
        assert 'name="config_base_url"' in page
        assert 'name="config_client_secret"' not in page
        with_switches = client.get(address.replace("ledger", "github")).content.decode()
        assert 'name="config_repository"' in with_switches
        assert 'name="capabilities"' not in with_switches
        assert "/oauth/ledger/callback" in page
        wrong = client.post(address, {"config_base_url": "nonsense"}).content.decode()
        assert "errorlist" in wrong

        page = client.post(address, {"config_base_url": server.url}).content.decode()
        assert not Integration.objects.exists()
        url = page.split('<p><a href="')[1].split('"')[0].replace("&amp;", "&")
        # The state belongs to this browser.
        assert back(server.consent(url)).status_code == 400
        answer = back(server.consent(url), client)
        assert (answer.status_code, answer["Location"]) == (302, "/admin/integrations/integration/")
        made = Integration.objects.get()
        assert (made.tenant_id, made.config["base_url"], made.created_by_name) == (tenant.id, server.url, "ada")
        assert made.config["access_token"].reveal() in server.state.access_tokens

    def test_add_by_connecting_says_what_is_in_its_way(
        self, client: Client, tenant: Tenant, server: OAuthServer
    ) -> None:
        start = "/admin/integrations/integration/connect/"
        page = client.get(f"{start}?tenant={tenant.pk}&provider=twilio", follow=True).content.decode()
        assert "Twilio is not connected by OAuth2: enter its credentials." in page
        assert client.get(f"{start}?tenant=1&provider=ledger").status_code == 302
        address = f"{start}?tenant={tenant.pk}&provider=ledger"
        assert "The platform has none" in client.get(address).content.decode()
        page = client.post(address, {"config_base_url": server.url}).content.decode()
        assert "There is no OAuth app of Ledger" in page
        assert not OAuthState.objects.exists()
