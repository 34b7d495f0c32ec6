from __future__ import annotations

from uuid import UUID

import pytest
from pytest_django import Settings

from integrations.encryption.cipher import CipherError
from integrations.encryption.errors import KeyNotAtHandError
from integrations.encryption.keyring import fingerprint_of, keyring, keyring_problems

OLD = "0f" * 32
NEW = "1e" * 32
KEY_ID = UUID("01890a5d-ac96-774b-bcce-b302099a8057")
TENANT = UUID("01890a5d-ac96-774b-bcce-b302099a8059")
DATA_KEY = bytes(range(32))


def use(settings: Settings, current: str, *previous: str) -> None:
    settings.ENCRYPTION_KEY = current
    settings.ENCRYPTION_KEYS_PREVIOUS = list(previous)


def wrapped() -> tuple[str, str]:
    return keyring().wrap(DATA_KEY, data_key_id=KEY_ID, tenant_id=TENANT), keyring().current_fingerprint


def unwrapped(text: str, fingerprint: str, data_key_id: UUID = KEY_ID, tenant_id: UUID | None = TENANT) -> bytes:
    return keyring().unwrap(text, fingerprint=fingerprint, data_key_id=data_key_id, tenant_id=tenant_id)


def test_fingerprint_is_the_published_one() -> None:
    assert fingerprint_of(bytes(range(32))) == "ed879f383c317377"


def test_follows_the_settings_at_once(settings: Settings) -> None:
    use(settings, OLD)
    assert keyring().fingerprints == [fingerprint_of(bytes.fromhex(OLD))]

    use(settings, NEW, OLD)
    assert keyring().fingerprints == [fingerprint_of(bytes.fromhex(NEW)), fingerprint_of(bytes.fromhex(OLD))]


def test_a_retired_key_still_unwraps(settings: Settings) -> None:
    use(settings, OLD)
    text, fingerprint = wrapped()

    use(settings, NEW, OLD)
    assert unwrapped(text, fingerprint) == DATA_KEY


def test_a_key_that_is_gone_is_not_at_hand(settings: Settings) -> None:
    use(settings, OLD)
    text, fingerprint = wrapped()

    use(settings, NEW)
    with pytest.raises(KeyNotAtHandError, match=f"{KEY_ID} is wrapped by the master key {fingerprint}"):
        unwrapped(text, fingerprint)


def test_a_wrapped_key_belongs_to_its_id_and_tenant(settings: Settings) -> None:
    use(settings, OLD)
    text, fingerprint = wrapped()

    assert unwrapped(text, fingerprint) == DATA_KEY
    for moved in ({"data_key_id": TENANT}, {"tenant_id": KEY_ID}, {"tenant_id": None}):
        with pytest.raises(CipherError):
            unwrapped(text, fingerprint, **moved)


def test_upper_case_keys_are_the_same_keys(settings: Settings) -> None:
    use(settings, OLD.upper())

    assert keyring().current_fingerprint == fingerprint_of(bytes.fromhex(OLD))


def test_a_key_listed_twice_is_one_key(settings: Settings) -> None:
    use(settings, NEW, OLD, NEW)

    assert keyring().fingerprints == [fingerprint_of(bytes.fromhex(NEW)), fingerprint_of(bytes.fromhex(OLD))]


def test_shows_no_key(settings: Settings) -> None:
    use(settings, NEW, OLD)

    assert NEW not in repr(keyring())
    assert OLD not in repr(keyring())


@pytest.mark.parametrize(
    ("current", "previous", "problems"),
    [
        (NEW, [OLD], []),
        ("", [], ["ENCRYPTION_KEY is not set: without it no stored credential can be read or written. "
                  "`manage.py generate_encryption_key` prints a new one."]),
        ("abc", [], ["ENCRYPTION_KEY must be 64 hexadecimal characters (32 bytes)."]),
        ("g" * 64, [], ["ENCRYPTION_KEY must be 64 hexadecimal characters (32 bytes)."]),
        (NEW + "\n", [], ["ENCRYPTION_KEY must be 64 hexadecimal characters (32 bytes)."]),
        (NEW, [OLD, OLD[:-1]], ["ENCRYPTION_KEYS_PREVIOUS: key 2 of 2 must be 64 hexadecimal characters (32 bytes)."]),
    ],
)  # fmt: skip
def test_says_what_is_wrong_with_the_keys(
    settings: Settings, current: str, previous: list[str], problems: list[str]
) -> None:
    use(settings, current, *previous)

    assert keyring_problems() == problems
    if problems:
        with pytest.raises(KeyNotAtHandError) as refusal:
            keyring()
        assert str(refusal.value) == problems[0]
