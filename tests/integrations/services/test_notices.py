"""Sending notices: whose credentials, what is refused, and what health and the activity log hear of it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
import responses
from django.utils import timezone

from integrations.activity.actor import Actor
from integrations.errors import ConflictError, InvalidInputError, NotFoundError, ProviderCallError
from integrations.models import ActivityLog, Health, Integration, ProviderActionState, Tenant
from integrations.resolution import Source
from integrations.services.integration_items import add_integration
from integrations.services.integrations import change_integration
from integrations.services.notices import notify
from integrations.services.provider_actions import run_provider_action
from tests.integrations.providers.github_hooks import Hooks
from tests.integrations.providers.test_slack_notify import HOOK, MADE, POST, TOKEN
from webhooks.services.receivers import create_receiver

ACTOR = Actor.system("test")
FAR = timedelta(hours=1)


@pytest.fixture
def api() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield mock


@pytest.fixture
def slack(tenant: Tenant) -> Integration:
    values = {"bot_token": TOKEN, "default_channel": "C0123456789"}
    return add_integration(actor=ACTOR, tenant=tenant, provider="slack", values=values)


@pytest.fixture
def github(tenant: Tenant) -> Integration:
    values = {"token": "github_pat_Example0123456789", "repository_owner": "octo-org", "repository": "hello-world"}
    return add_integration(actor=ACTOR, tenant=tenant, provider="github", values=values)


def test_notice_is_sent_and_recorded_without_its_text(slack: Integration, api: responses.RequestsMock) -> None:
    api.post(POST, json=MADE)
    outcome = notify(slack.tenant, "slack", "Invoice 4711 was paid.", actor=ACTOR)
    assert (outcome.source, outcome.answer["ts"]) == (Source.TENANT, "1503435956.000247")
    entry = ActivityLog.objects.get(verb="integration.action_run")
    assert (entry.actor_name, entry.object_id, entry.detail) == ("test", slack.id, "notify: ok")
    assert (
        notify(slack.tenant, "slack", "x", integration=slack, details={"channel": "C9999999999"}).integration == slack
    )
    assert b"C9999999999" in (api.calls[-1].request.body or b"")


def test_incoming_webhook_is_enough(tenant: Tenant, api: responses.RequestsMock) -> None:
    add_integration(actor=ACTOR, tenant=tenant, provider="slack", values={"webhook_url": HOOK})
    api.post(HOOK, body="ok")
    assert notify(tenant, "slack", "Hello").answer["by"] == "webhook"


def test_platforms_own_credentials(
    tenant: Tenant, api: responses.RequestsMock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIGNALBOX_SLACK_BOT_TOKEN", TOKEN)
    monkeypatch.setenv("SIGNALBOX_SLACK_DEFAULT_CHANNEL", "C0123456789")
    api.post(POST, json=MADE)
    assert notify(tenant, "slack", "Hello").source is Source.ENVIRONMENT
    with pytest.raises(ProviderCallError) as caught:
        notify(tenant, "slack", "Hello", details={"channel": "C9999999999"})
    assert (caught.value.result, list(caught.value.errors)) == ("refused", ["channel"])


def test_what_is_refused(slack: Integration, github: Integration) -> None:
    tenant = slack.tenant
    with pytest.raises(ConflictError, match="Twilio takes no notices"):
        notify(tenant, "twilio", "Hello")
    with pytest.raises(NotFoundError):
        notify(tenant, "nobody", "Hello")
    with pytest.raises(ConflictError, match="is no integration of Slack"):
        notify(tenant, "slack", "Hello", integration=github)
    with pytest.raises(InvalidInputError, match="text"):
        notify(tenant, "slack", " ")
    change_integration(actor=ACTOR, integration=slack, values={}, capabilities={"notify": False})
    with pytest.raises(ConflictError, match="notify is switched off"):
        notify(tenant, "slack", "Hello")


@pytest.mark.parametrize(
    ("health", "answer", "brought_forward"),
    [
        ("ok", {"ok": False, "error": "token_revoked"}, True),
        ("ok", {"ok": False, "error": "channel_not_found"}, False),
        ("ok", MADE, False),
        ("failing", MADE, True),
        ("failing", {"ok": False, "error": "channel_not_found"}, True),
        ("ok", {"ok": False, "error": "service_unavailable"}, False),
    ],
)
def test_what_came_of_it_feeds_the_health(
    slack: Integration, api: responses.RequestsMock, health: str, answer: dict[str, object], brought_forward: bool
) -> None:
    far = timezone.now() + FAR
    Integration.objects.update(health=Health(health), test_due_at=far)
    api.post(POST, json=answer)
    try:
        notify(slack.tenant, "slack", "Hello")
    except ProviderCallError:
        assert answer is not MADE
    assert (Integration.objects.get().test_due_at < far) is brought_forward


def test_hook_delivers_to_the_tenants_receiver(
    github: Integration, other_tenant: Tenant, api: responses.RequestsMock
) -> None:
    hooks = Hooks()
    hooks.register(api)
    create_receiver(actor=ACTOR, tenant=other_tenant, provider="github", name="theirs")
    with pytest.raises(ProviderCallError, match="There is no receiver of GitHub yet"):
        run_provider_action(
            actor=ACTOR, tenant=github.tenant, provider="github", action="create_repository_hook", parameters={}
        )
    receiver = create_receiver(actor=ACTOR, tenant=github.tenant, provider="github", name="ours")
    create_receiver(actor=ACTOR, tenant=github.tenant, provider="slack", name="chat", secret="0" * 32)
    for is_new in (True, False):
        answer = run_provider_action(
            actor=ACTOR, tenant=github.tenant, provider="github", action="create_repository_hook", parameters={}
        ).answer
        assert (answer["receiver"], answer["is_new"]) == (str(receiver.id), is_new)
    (hook,) = hooks.rows.values()
    assert hook["config"]["url"] == receiver.address
    assert hook["config"]["secret"] == receiver.secret.reveal()
    remembered = ProviderActionState.objects.get()
    assert receiver.secret.reveal() not in str(remembered.value) + str(answer)

    deleted = run_provider_action(
        actor=ACTOR, tenant=github.tenant, provider="github", action="delete_repository_hook", parameters={}
    )
    assert deleted.answer["was_there"] is True
    assert not ProviderActionState.objects.exists()
    assert hooks.rows == {}
