"""The secret of an integration's own OAuth app is replaced without a gap."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db import connection

from integrations.activity.actor import Actor
from integrations.models import ActivityLog, Integration
from integrations.providers.outcome import ProviderError
from integrations.services.integrations import change_integration
from integrations.services.oauth_tokens import access_token
from tests.oauth_server import CLIENT_SECRET, OAuthServer

pytestmark = pytest.mark.django_db(transaction=True)
Connected = Callable[..., Integration]
ACTOR = Actor.system("ada")
NEW = "the-new-client-secret-0123456789"


def secrets_of(integration: Integration) -> tuple[str | None, str | None]:
    config = Integration.objects.get(id=integration.id).config
    current, previous = config.get("client_secret"), config.get("client_secret_previous")
    return current and current.reveal(), previous and previous.reveal()


def replace_secret(integration: Integration, **others: object) -> Integration:
    return change_integration(actor=ACTOR, integration=integration, values={"client_secret": NEW, **others})


def test_new_one_comes_first_and_the_previous_helps_out(connected: Connected, server: OAuthServer) -> None:
    made = connected()
    replace_secret(made)
    assert secrets_of(made) == (NEW, CLIENT_SECRET)
    entry = ActivityLog.objects.get(verb="integration.updated")
    assert entry.changed_fields == ["client_secret", "client_secret_previous"]
    token = access_token(made, rejected=made.config["access_token"].reveal())
    assert token in server.state.access_tokens
    assert [form["client_secret"] for form in server.refreshes()] == [NEW, CLIENT_SECRET]
    # It has still to help: the new one was not accepted.
    assert secrets_of(made) == (NEW, CLIENT_SECRET)


def test_previous_one_goes_once_the_new_one_has_got_a_token(connected: Connected, server: OAuthServer) -> None:
    made = connected()
    replace_secret(made)
    server.validator.secrets = {NEW}
    access_token(made, rejected=made.config["access_token"].reveal())
    assert [form["client_secret"] for form in server.refreshes()] == [NEW]
    assert secrets_of(made) == (NEW, None)


def test_neither_is_accepted(connected: Connected, server: OAuthServer) -> None:
    made = connected()
    replace_secret(made)
    server.validator.secrets = set()
    with pytest.raises(ProviderError, match="Client ID or client secret are not accepted") as caught:
        access_token(made, rejected=made.config["access_token"].reveal())
    assert NEW not in str(caught.value)
    assert len(server.refreshes()) == 2


@pytest.mark.parametrize(("said", "kept"), [(None, None), ("given-by-hand-0123456789", "given-by-hand-0123456789")])
def test_request_may_say_what_the_previous_one_is(connected: Connected, said: str | None, kept: str | None) -> None:
    made = connected()
    replace_secret(made, client_secret_previous=said)
    assert secrets_of(made) == (NEW, kept)


def test_goes_with_the_client_secret_and_stays_with_other_edits(connected: Connected) -> None:
    made = connected()
    replace_secret(made, client_secret_previous="")
    change_integration(actor=ACTOR, integration=made, values={"client_id": "another"})
    assert secrets_of(made) == (NEW, CLIENT_SECRET)
    change_integration(actor=ACTOR, integration=made, values={"client_secret": None})
    assert secrets_of(made) == (None, None)


def test_one_that_does_not_open_is_left_behind(connected: Connected) -> None:
    made = connected()
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE integrations_integration SET config = jsonb_set(config, '{client_secret}', config->'access_token')"
        )
    replace_secret(made)
    assert secrets_of(made) == (NEW, None)
