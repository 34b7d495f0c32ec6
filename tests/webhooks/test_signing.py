from __future__ import annotations

import base64
import time

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook as Verifier
from standardwebhooks.webhooks import WebhookVerificationError

from webhooks.signing import HmacKey, new_signing_secret, public_key_of, sign, signing_key

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
PRIVATE_KEY = "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg=="
PUBLIC_KEY = "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4="
HMAC_SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
ED25519_SIGNATURE = "v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg=="


@pytest.mark.parametrize(
    ("secrets", "expected"),
    [
        ([SECRET], HMAC_SIGNATURE),
        ([PRIVATE_KEY], ED25519_SIGNATURE),
        ([PRIVATE_KEY, SECRET], f"{ED25519_SIGNATURE} {HMAC_SIGNATURE}"),
    ],
)
def test_sign_matches_the_published_vectors(secrets: list[str], expected: str) -> None:
    signature = sign(
        keys=[signing_key(secret) for secret in secrets],
        message_id="msg_p5jXN8AQM9LWM0D4loKWxJek",
        timestamp=1614265330,
        body=b'{"test": 2432232314}',
    )

    assert signature == expected


def test_public_key_of_an_ed25519_secret_verifies_its_signatures() -> None:
    secret = new_signing_secret("ed25519")
    public = public_key_of(secret)
    assert public is not None
    key = Ed25519PublicKey.from_public_bytes(base64.b64decode(public.removeprefix("whpk_")))
    version, _, signature = sign(keys=[signing_key(secret)], message_id="msg_1", timestamp=7, body=b"{}").partition(",")

    assert version == "v1a"
    key.verify(base64.b64decode(signature), b"msg_1.7.{}")
    with pytest.raises(InvalidSignature):
        key.verify(base64.b64decode(signature), b"msg_1.8.{}")


def test_public_key_of_the_published_pair() -> None:
    assert public_key_of(PRIVATE_KEY) == PUBLIC_KEY
    assert public_key_of(SECRET) is None


def test_keys_show_nothing_of_themselves() -> None:
    assert repr(signing_key(SECRET)) == "HmacKey()"
    assert repr(signing_key(PRIVATE_KEY)) == "Ed25519Key()"


@given(st.dictionaries(st.text(), st.integers() | st.text(), max_size=5), st.from_regex(r"\A[a-zA-Z0-9_-]{1,40}\Z"))
def test_sign_is_accepted_by_the_public_library(payload: dict[str, object], message_id: str) -> None:
    import json

    secret = new_signing_secret()
    body = json.dumps(payload, ensure_ascii=False).encode()
    timestamp = int(time.time())
    headers = {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": sign(keys=[signing_key(secret)], message_id=message_id, timestamp=timestamp, body=body),
    }

    assert Verifier(secret).verify(body, headers) == payload
    with pytest.raises(WebhookVerificationError):
        Verifier(secret).verify(body + b" ", headers)
    with pytest.raises(WebhookVerificationError):
        Verifier(new_signing_secret()).verify(body, headers)


def test_sign_signs_with_each_key_when_a_secret_is_being_replaced() -> None:
    old, new = new_signing_secret(), new_signing_secret()
    timestamp = int(time.time())
    headers = {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(timestamp),
        "webhook-signature": sign(
            keys=[signing_key(new), signing_key(old)], message_id="msg_1", timestamp=timestamp, body=b"{}"
        ),
    }

    assert len(headers["webhook-signature"].split(" ")) == 2
    for secret in (old, new):
        assert Verifier(secret).verify(b"{}", headers) == {}


def test_sign_refuses_an_id_with_a_dot() -> None:
    with pytest.raises(ValueError):
        sign(keys=[HmacKey(b"k" * 24)], message_id="a.1", timestamp=1, body=b"")


def test_new_signing_secret_is_random_and_in_the_written_form() -> None:
    first, second = new_signing_secret(), new_signing_secret()

    assert first != second
    assert new_signing_secret("ed25519") != new_signing_secret("ed25519")
    assert first.startswith("whsec_")
    assert len(base64.b64decode(first.removeprefix("whsec_"), validate=True)) == 32


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_????", "whsec_YWJj", "whsec_ä", "whsec_" + "QUFB" * 22])
def test_signing_key_refuses_what_is_no_secret(secret: str) -> None:
    with pytest.raises(ValueError, match="signing secret"):
        signing_key(secret)


@pytest.mark.parametrize(
    "secret",
    [
        "whsk_",
        "whsk_????",
        "whsk_ä",
        "whsk_" + PUBLIC_KEY.removeprefix("whpk_"),  # 32 bytes: a half
        "whsk_" + base64.b64encode(bytes(64)).decode(),  # two halves of different pairs
        PUBLIC_KEY,
    ],
)
def test_signing_key_refuses_what_is_no_private_key(secret: str) -> None:
    with pytest.raises(ValueError, match="signing secret"):
        signing_key(secret)


def test_new_signing_secret_refuses_an_unknown_scheme() -> None:
    with pytest.raises(ValueError):
        new_signing_secret("rsa")
