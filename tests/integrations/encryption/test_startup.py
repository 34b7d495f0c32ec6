from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db import OperationalError, connection
from pytest_django import Settings

from integrations.encryption import startup
from integrations.encryption.data_keys import destroy_data_keys
from integrations.encryption.keyring import fingerprint_of, keyring
from integrations.encryption.startup import encryption_problems
from integrations.models import Tenant

OTHER = "2d" * 32


def test_nothing_is_wrong_with_the_right_key(tenant: Tenant) -> None:
    assert encryption_problems() == []


def test_nothing_is_wrong_with_the_right_key_among_the_previous(tenant: Tenant, settings: Settings) -> None:
    settings.ENCRYPTION_KEYS_PREVIOUS = [settings.ENCRYPTION_KEY]
    settings.ENCRYPTION_KEY = OTHER

    assert encryption_problems() == []


def test_another_key_than_the_databases_is_one_clear_sentence(
    make_tenant: Callable[..., Tenant], settings: Settings
) -> None:
    make_tenant("A", "a")
    in_use = keyring().current_fingerprint
    settings.ENCRYPTION_KEYS_PREVIOUS = []
    settings.ENCRYPTION_KEY = OTHER
    make_tenant("B", "b")

    assert encryption_problems() == [
        f"1 of 2 data keys in the database are wrapped by another master key ({in_use}) than this environment has "
        f"({fingerprint_of(bytes.fromhex(OTHER))}): set ENCRYPTION_KEY to it, or list it in ENCRYPTION_KEYS_PREVIOUS."
    ]


def test_keys_that_were_destroyed_need_no_master_key(tenant: Tenant, settings: Settings) -> None:
    destroy_data_keys(tenant_id=tenant.pk)
    settings.ENCRYPTION_KEY = OTHER

    assert encryption_problems() == []


@pytest.mark.parametrize(("key", "says"), [("", "is not set"), ("abc", "must be 64 hexadecimal characters")])
def test_a_missing_or_malformed_key_is_one_clear_sentence(settings: Settings, key: str, says: str) -> None:
    """Without any database at all: this test has no access to one."""
    settings.ENCRYPTION_KEY = key

    [problem] = encryption_problems()
    assert problem.startswith("ENCRYPTION_KEY ")
    assert says in problem


def test_an_empty_database_is_no_problem(db: None, settings: Settings) -> None:
    settings.ENCRYPTION_KEY = OTHER
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE integrations_datakey RENAME TO not_migrated_yet")

    assert encryption_problems() == []


def test_a_database_that_does_not_answer_is_not_about_encryption(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> None:
        raise OperationalError("connection refused")

    monkeypatch.setattr(startup, "_fingerprints_in_use", refuse)

    assert encryption_problems() == []
