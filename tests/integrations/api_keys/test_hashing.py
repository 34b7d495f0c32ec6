from __future__ import annotations

import hashlib
import hmac

import pytest
from django.core.exceptions import ImproperlyConfigured
from pytest_django import Settings

from integrations.api_keys.hashing import pepper_fingerprint, peppers

OLD, NEW = "0f" * 32, "1e" * 32


@pytest.fixture(autouse=True)
def _known_peppers(settings: Settings) -> None:
    settings.API_KEY_PEPPER = NEW
    settings.API_KEY_PEPPER_PREVIOUS = [OLD]


def test_digest_is_hmac_sha256_of_the_text_under_the_current_pepper() -> None:
    expected = hmac.new(bytes.fromhex(NEW), b"sb_live_x", hashlib.sha256).hexdigest()
    assert peppers().digest("sb_live_x") == expected


def test_digest_under_a_previous_pepper_differs_and_is_found_by_its_fingerprint() -> None:
    known = peppers()
    old = pepper_fingerprint(bytes.fromhex(OLD))
    assert known.digest("x", old) == hmac.new(bytes.fromhex(OLD), b"x", hashlib.sha256).hexdigest()
    assert known.fingerprints == [known.current_fingerprint, old]


def test_fingerprint_of_a_known_pepper_stays_as_it_is() -> None:
    """Stored in every row: another way of making it would orphan all keys."""
    assert pepper_fingerprint(bytes(32)) == "1c05fd8cde92477e"


def test_digest_with_an_unknown_pepper_fails() -> None:
    with pytest.raises(KeyError):
        peppers().digest("x", "0" * 16)


def test_change_of_the_settings_is_seen_at_once(settings: Settings) -> None:
    before = peppers().digest("x")
    settings.API_KEY_PEPPER = OLD
    assert peppers().digest("x") != before


@pytest.mark.parametrize("pepper", ["", "0f" * 31])
def test_without_a_whole_pepper_nothing_is_hashed(settings: Settings, pepper: str) -> None:
    settings.API_KEY_PEPPER = pepper
    with pytest.raises(ImproperlyConfigured):
        peppers()


def test_repr_shows_no_pepper() -> None:
    shown = repr(peppers())
    assert peppers().current_fingerprint in shown
    assert str(bytes.fromhex(NEW)) not in shown
