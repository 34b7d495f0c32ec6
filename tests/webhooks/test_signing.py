from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook as Verifier
from standardwebhooks.webhooks import WebhookVerificationError

from webhooks.signing import new_signing_secret, sign, signing_key

VECTOR_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def test_sign_matches_the_published_vector() -> None:
    signature = sign(
        keys=[signing_key(VECTOR_SECRET)],
        message_id="msg_p5jXN8AQM9LWM0D4loKWxJek",
        timestamp=1614265330,
        body=b'{"test": 2432232314}',
    )

    assert signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


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
        sign(keys=[b"k" * 24], message_id="a.1", timestamp=1, body=b"")


def test_new_signing_secret_is_random_and_in_the_written_form() -> None:
    first, second = new_signing_secret(), new_signing_secret()

    assert first != second
    assert first.startswith("whsec_")
    assert len(signing_key(first)) == 32


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_????", "whsec_YWJj", "whsec_ä", "whsec_" + "QUFB" * 22])
def test_signing_key_refuses_what_is_no_secret(secret: str) -> None:
    with pytest.raises(ValueError, match="signing secret"):
        signing_key(secret)
