"""The system checks of encrypted fields, on models that exist only here."""

from __future__ import annotations

import pytest
from django.db import models
from django.test.utils import isolate_apps

from integrations.encryption.fields import EncryptedTextField, SealedModel
from integrations.models import Integration
from webhooks.models import Webhook

ENCRYPTION_CHECKS = {"integrations.E030", "integrations.E031", "integrations.E032", "integrations.E033"}


def found_in(model: type[models.Model]) -> list[str]:
    return [message.id for message in model.check() if message.id in ENCRYPTION_CHECKS]


@pytest.mark.parametrize("model", [Integration, Webhook])
def test_our_models_pass(model: type[models.Model]) -> None:
    assert found_in(model) == []


@isolate_apps("integrations")
def test_a_model_with_an_encrypted_field_must_be_a_sealed_model() -> None:
    class Plain(models.Model):  # noqa: DJ008
        token = EncryptedTextField()

        class Meta:
            app_label = "integrations"

    assert found_in(Plain) == ["integrations.E030"]


@isolate_apps("integrations")
def test_a_default_that_holds_a_value_is_refused() -> None:
    class WithDefault(SealedModel):
        id = models.UUIDField(primary_key=True)
        tenant_id = models.UUIDField()
        token = EncryptedTextField(default="the same for everybody")

        class Meta:
            app_label = "integrations"

    assert found_in(WithDefault) == ["integrations.E031"]


@isolate_apps("integrations")
def test_a_row_must_have_its_id_before_it_is_inserted() -> None:
    class Numbered(SealedModel):
        tenant_id = models.UUIDField()
        token = EncryptedTextField()

        class Meta:
            app_label = "integrations"

    assert found_in(Numbered) == ["integrations.E032"]


@isolate_apps("integrations")
def test_the_tenants_column_must_exist() -> None:
    class Homeless(SealedModel):
        id = models.UUIDField(primary_key=True)
        token = EncryptedTextField()

        class Meta:
            app_label = "integrations"

    class OfThePlatform(SealedModel):
        encryption_tenant_field = None

        id = models.UUIDField(primary_key=True)
        token = EncryptedTextField()

        class Meta:
            app_label = "integrations"

    assert found_in(Homeless) == ["integrations.E033"]
    assert found_in(OfThePlatform) == []
