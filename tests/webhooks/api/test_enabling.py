"""`…/webhooks/{webhook}/enable`."""

from __future__ import annotations

import pytest
from rest_framework.test import APIClient

from integrations.activity.actor import Actor
from tests.webhooks.webhook_steps import activity, update
from webhooks.models import Webhook

pytestmark = pytest.mark.django_db

ENABLE = "/api/platform/tenants/acme/webhooks/contact_form/enable"


def test_enables_and_leaves_an_enabled_one_as_it_is(api: APIClient, webhook: Webhook, admin_actor: Actor) -> None:
    update(webhook, admin_actor, is_active=False)
    answer = api.post(ENABLE)
    assert (answer.status_code, answer.json()["is_active"], answer.json()["disabled_reason"]) == (200, True, None)
    before = activity(webhook.tenant)
    assert api.post(ENABLE).status_code == 200
    assert activity(webhook.tenant) == before


def test_answers_404_for_an_unknown_one(api: APIClient, webhook: Webhook) -> None:
    assert api.post(ENABLE.replace("contact_form", "nobody")).status_code == 404
