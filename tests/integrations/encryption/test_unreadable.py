from __future__ import annotations

import json

import pytest
from django.db import transaction

from integrations.encryption.errors import UnreadableSecretError
from integrations.encryption.secret import Secret
from integrations.encryption.unreadable import mark_unreadable
from integrations.models import Health, Integration
from tests.integrations.encryption.stored_values import overwrite, stored
from webhooks.models import Webhook


def tampered(integration: Integration) -> UnreadableSecretError:
    config = json.loads(stored(integration, "config"))
    config["access_token"]["$encrypted"] = config["access_token"]["$encrypted"][:-2] + "00"
    overwrite(integration, "config", json.dumps(config))
    with pytest.raises(UnreadableSecretError) as refusal:
        Integration.objects.get().config["access_token"].reveal()
    return refusal.value


def test_reading_marks_nothing(integration: Integration) -> None:
    tampered(integration)

    assert Integration.objects.get().health == Health.UNKNOWN


def test_marks_the_row_once_and_writes_nothing_else(integration: Integration) -> None:
    error = tampered(integration)
    before = Integration.objects.values().get()

    assert mark_unreadable(error) is True
    assert mark_unreadable(error) is False
    after = Integration.objects.values().get()
    assert after.pop("health") == Health.UNREADABLE
    assert {**after, "config": None} == {name: None if name == "config" else before[name] for name in after}


def test_keeps_the_value_byte_for_byte(integration: Integration) -> None:
    error = tampered(integration)
    before = stored(integration, "config")
    mark_unreadable(error)

    assert stored(integration, "config") == before


def test_does_not_mark_a_row_whose_secret_was_replaced_meanwhile(integration: Integration) -> None:
    error = tampered(integration)
    integration.config = {**integration.config, "access_token": Secret("new")}
    integration.save()

    assert mark_unreadable(error) is False
    assert Integration.objects.get().health == Health.UNKNOWN


def test_does_nothing_for_a_row_that_is_gone(integration: Integration) -> None:
    error = tampered(integration)
    integration.delete()

    assert mark_unreadable(error) is False


def test_a_model_without_health_is_only_logged(webhook: Webhook, caplog: pytest.LogCaptureFixture) -> None:
    overwrite(webhook, "auth_token", "tampered")
    with pytest.raises(UnreadableSecretError) as refusal:
        Webhook.objects.get().auth_token.reveal()

    assert mark_unreadable(refusal.value) is False


@pytest.mark.django_db(transaction=True)
def test_refuses_to_be_part_of_another_transaction(integration: Integration) -> None:
    error = tampered(integration)

    with pytest.raises(RuntimeError, match="durable atomic block"), transaction.atomic():
        mark_unreadable(error)
    assert mark_unreadable(error) is True
