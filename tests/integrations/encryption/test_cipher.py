from __future__ import annotations

from contextlib import suppress
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import assume, given
from hypothesis import strategies as st

from integrations.encryption import cipher
from integrations.encryption.cipher import CipherError, DataKeyCipher, KeyWrapper, StoredValue, UnknownVersionError

KEY_ID = UUID("01890a5d-ac96-774b-bcce-b302099a8057")
KEY = bytes(range(32))
AAD = b"place"
SEALED = DataKeyCipher(KEY_ID, KEY).seal("a value", AAD)
PUBLISHED = (
    "v1:01890a5dac96774bbcceb302099a8057:000102030405060708090a0b:3fa0f5ad804e8280cdab9a9edb2c7b6b:"
    "0243974fa096b65aee22f2f8c2bd1706e6b8b606c34f6a4a0f5fdc"
)
PUBLISHED_AAD = bytes.fromhex(
    "7369676e616c626f783a76313a76616c75652c32343a696e746567726174696f6e732e496e746567726174696f6e2c363a636f6e6669672c"
    "7401890a5dac96774bbcceb302099a805901890a5dac96774bbcceb302099a80586b6163636573735f746f6b656e"
)


def opened(stored: str, key: bytes = KEY, aad: bytes = AAD) -> str:
    return DataKeyCipher(KEY_ID, key).open(StoredValue.parse(stored), aad)


def test_seals_the_published_vector(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cipher, "urandom", lambda length: bytes(range(length)))

    assert DataKeyCipher(KEY_ID, KEY).seal("EAATestAccessToken123456789", PUBLISHED_AAD) == PUBLISHED


def test_opens_the_published_vector() -> None:
    assert opened(PUBLISHED, aad=PUBLISHED_AAD) == "EAATestAccessToken123456789"


def test_is_plain_aes_256_gcm() -> None:
    """The stored form opens with the primitive alone, so another program can read a backup."""
    _, _, iv, tag, ciphertext = (bytes.fromhex(part) if part != "v1" else b"" for part in SEALED.split(":"))

    assert (len(iv), len(tag)) == (12, 16)
    assert AESGCM(KEY).decrypt(iv, ciphertext + tag, AAD) == b"a value"


@given(
    st.text(alphabet=st.characters(exclude_categories=["Cs"])),
    st.binary(max_size=60),
    st.binary(min_size=32, max_size=32),
)
def test_opens_what_was_sealed(plaintext: str, aad: bytes, key: bytes) -> None:
    stored = DataKeyCipher(KEY_ID, key).seal(plaintext, aad)

    assert opened(stored, key, aad) == plaintext
    assert len(stored) == 94 + 2 * len(plaintext.encode())


def test_takes_a_fresh_iv_each_time() -> None:
    ivs = {DataKeyCipher(KEY_ID, KEY).seal("same", AAD).split(":")[2] for _ in range(1000)}

    assert len(ivs) == 1000


@given(st.integers(0, len(SEALED) - 1), st.integers(0, 127))
def test_any_changed_character_is_noticed(position: int, code: int) -> None:
    changed = SEALED[:position] + chr(code) + SEALED[position + 1 :]
    assume(changed != SEALED)
    if 3 <= position < 35:  # the key's id: that key is looked up, and not this one
        with suppress(CipherError):
            assert StoredValue.parse(changed).key_id != KEY_ID.hex
        return

    with pytest.raises((CipherError, UnknownVersionError)):
        opened(changed)


@given(st.integers(0, len(SEALED)))
def test_any_cut_is_noticed(length: int) -> None:
    assume(length < len(SEALED))

    with pytest.raises(CipherError):
        opened(SEALED[:length])


@given(st.binary(max_size=40))
def test_other_associated_data_does_not_open(aad: bytes) -> None:
    assume(aad != AAD)

    with pytest.raises(CipherError):
        opened(SEALED, aad=aad)


@given(st.binary(min_size=32, max_size=32))
def test_another_key_does_not_open(key: bytes) -> None:
    assume(key != KEY)

    with pytest.raises(CipherError):
        opened(SEALED, key=key)


@pytest.mark.parametrize(
    "stored",
    ["", "plain", "v1", "v1:::::", SEALED.upper(), SEALED.replace("v1:", "V1:"), SEALED + " ", " " + SEALED, SEALED + "0",
     SEALED + ":", "v1:" + SEALED, SEALED.replace("v1:", "v01:"), SEALED.replace("v1:", "1:"), SEALED.replace("v1:", "v:"),
     SEALED.replace("01890a5d", "01890A5D"), SEALED.replace("01890a5d", "890a5d"), SEALED.replace("v1:", "v²:"), SEALED[:-2] + "é0", SEALED.replace(":", ": ")],
)  # fmt: skip
def test_no_other_spelling_is_taken(stored: str) -> None:
    with pytest.raises(CipherError):
        StoredValue.parse(stored)


def test_a_later_version_is_told_apart_from_a_changed_value() -> None:
    with pytest.raises(UnknownVersionError):
        StoredValue.parse("v2:whatever a later release writes")


@pytest.mark.parametrize("length", [0, 16, 24, 31, 33])
def test_only_256_bit_keys_are_taken(length: int) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        DataKeyCipher(KEY_ID, bytes(length))
    with pytest.raises(ValueError, match="32 bytes"):
        KeyWrapper(bytes(length))
    with pytest.raises(ValueError, match="32 bytes"):
        KeyWrapper(KEY).wrap(bytes(length), AAD)


@given(st.binary(min_size=32, max_size=32), st.integers(0, 119), st.sampled_from("0123456789abcdef"))
def test_a_wrapped_key_opens_only_as_it_was_wrapped(key: bytes, position: int, digit: str) -> None:
    wrapped = KeyWrapper(KEY).wrap(key, AAD)
    changed = wrapped[:position] + digit + wrapped[position + 1 :]

    assert len(wrapped) == 120
    assert KeyWrapper(KEY).unwrap(wrapped, AAD) == key
    for attempt in (
        lambda: KeyWrapper(KEY).unwrap(wrapped, b"other"),
        lambda: KeyWrapper(bytes(32)).unwrap(wrapped, AAD),
    ):
        with pytest.raises(CipherError):
            attempt()
    if changed != wrapped:
        with pytest.raises(CipherError):
            KeyWrapper(KEY).unwrap(changed, AAD)


@pytest.mark.parametrize("wrapped", ["", "00", "no hex", "é"])
def test_what_is_no_wrapped_key_does_not_open(wrapped: str) -> None:
    with pytest.raises(CipherError):
        KeyWrapper(KEY).unwrap(wrapped, AAD)
