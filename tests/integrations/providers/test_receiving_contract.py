"""What every provider that is received from must keep, whatever it signs. A new one needs a sender in `senders`."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from integrations.providers.receiving import Incoming, Reason, Receiving, RefusedError, Settings
from integrations.providers.registry import RECEIVING, all_receiving, get_receiving
from tests.integrations.providers.senders import NOW, SENDERS, Sender, json_of
from webhooks.routing import event_type_problems

ID_HEADERS = {"x-github-delivery", "webhook-id", "x-event-id"}
EVERY_SENDER = pytest.mark.parametrize("name", SENDERS)


def receiving_of(name: str) -> Receiving:
    return get_receiving(name.partition("-")[0])


def known(sender: Sender, *secrets: str) -> Settings:
    return Settings(name="billing", secrets=secrets or (sender.secret,), options=sender.options)


def refusal(name: str, request: object, settings: Settings) -> Reason:
    with pytest.raises(RefusedError) as refused:
        receiving_of(name).verify(request, settings)
    return refused.value.reason


def something_else(sender: Sender) -> Incoming:
    """Return a genuine request of another event: with the sender's next id, wherever it puts that."""
    changed = sender.request(body=sender.body.translate(bytes.maketrans(b"17A", b"28B")))
    ids = {name: f"{value}2" for name, value in changed.headers.items() if name in ID_HEADERS}
    return replace(changed, headers={**changed.headers, **ids})


def test_every_provider_has_a_sender() -> None:
    assert {name.partition("-")[0] for name in SENDERS} == set(RECEIVING)


@pytest.mark.parametrize("receiving", all_receiving(), ids=lambda receiving: receiving.key)
def test_says_what_a_person_must_do(receiving: object) -> None:
    assert get_receiving(receiving.key) is receiving
    assert receiving.label
    assert receiving.where_from.endswith(".")
    assert receiving.setup.endswith(".")


@EVERY_SENDER
def test_lets_a_genuine_request_pass(name: str) -> None:
    sender = SENDERS[name]
    receiving_of(name).verify(sender.request(), known(sender))


@EVERY_SENDER
def test_refuses_a_wrong_secret(name: str) -> None:
    sender = SENDERS[name]
    assert refusal(name, sender.request(secret=sender.other_secret), known(sender)) is Reason.SIGNATURE


@EVERY_SENDER
def test_takes_either_of_two_secrets(name: str) -> None:
    sender = SENDERS[name]
    both = known(sender, sender.secret, sender.other_secret)
    for secret in (sender.secret, sender.other_secret):
        receiving_of(name).verify(sender.request(secret=secret), both)


@EVERY_SENDER
def test_refuses_a_tampered_body(name: str) -> None:
    sender = SENDERS[name]
    if sender.options.get("scheme") == "token":
        pytest.skip("a fixed token proves the sender, not the body")
    genuine = sender.request()
    assert refusal(name, replace(genuine, body=genuine.body + b" "), known(sender)) is Reason.SIGNATURE


@EVERY_SENDER
def test_refuses_a_request_without_any_one_of_the_headers_that_prove_it(name: str) -> None:
    sender = SENDERS[name]
    genuine = sender.request()
    without_type = {key for key in genuine.headers if key not in {"content-type", "x-event-id"}}
    proving = {key for key in without_type if not key.startswith("x-github-")}
    for header in proving:
        headers = {key: value for key, value in genuine.headers.items() if key != header}
        assert refusal(name, replace(genuine, headers=headers), known(sender)) is Reason.SIGNATURE


@EVERY_SENDER
def test_refuses_a_replay_of_later(name: str) -> None:
    sender = SENDERS[name]
    if not sender.signs_time:
        pytest.skip("it signs no time: the key of the event is what stops a replay")
    for away in (timedelta(seconds=301), timedelta(seconds=-301)):
        late = replace(sender.request(), received_at=NOW + away)
        assert refusal(name, late, known(sender)) is Reason.STALE
    receiving_of(name).verify(replace(sender.request(), received_at=NOW + timedelta(seconds=299)), known(sender))


@EVERY_SENDER
def test_refuses_nonsense_in_the_headers_that_prove_it(name: str) -> None:
    sender = SENDERS[name]
    genuine = sender.request()
    for header in set(genuine.headers) - {"content-type", "x-event-id", "x-github-event", "x-github-delivery"}:
        for nonsense in ("\udcff\udcfe", "v1,", "=", "0" * 5000, "v1," * 5000):
            headers = {**genuine.headers, header: nonsense}
            if header == "webhook-id":
                continue  # any text is an id, and changes what is signed
            assert refusal(name, replace(genuine, headers=headers), known(sender)) is Reason.SIGNATURE


@EVERY_SENDER
def test_understands_what_it_is_told(name: str) -> None:
    sender = SENDERS[name]
    (event,) = receiving_of(name).parse(sender.request(), known(sender))
    assert event.event_type == sender.event_type
    assert event_type_problems(event.event_type) == []
    assert 1 <= len(event.key) <= 200
    assert event.payload


@EVERY_SENDER
def test_gives_a_repetition_the_same_key_and_something_else_another(name: str) -> None:
    sender = SENDERS[name]
    receiving = receiving_of(name)
    first, again, other = (
        receiving.parse(request, known(sender))[0].key
        for request in (sender.request(), sender.request(), something_else(sender))
    )
    assert first == again != other


@EVERY_SENDER
@pytest.mark.parametrize("body", [b"", b"\xff\xfe", b"[1]", b"null", b"{", b'"text"', b"[" * 100_000])
def test_refuses_a_body_that_makes_no_sense(name: str, body: bytes) -> None:
    sender = SENDERS[name]
    request = replace(sender.request(), body=body)
    with pytest.raises(RefusedError) as refused:
        receiving_of(name).parse(request, known(sender))
    assert refused.value.reason is Reason.MALFORMED


@EVERY_SENDER
def test_shows_no_secret_in_its_own_texts(name: str) -> None:
    sender = SENDERS[name]
    assert sender.secret not in repr(known(sender))


@EVERY_SENDER
def test_answers_what_the_provider_wants_to_hear(name: str) -> None:
    assert receiving_of(name).answer().status == 200


@EVERY_SENDER
@pytest.mark.parametrize("text", ["a\0b", "a\ud800b"], ids=["nul", "half-a-character"])
def test_gives_no_key_that_cannot_be_stored(name: str, text: str) -> None:
    sender = SENDERS[name]
    body = json_of({"type": "x", "event_id": text, "MessageSid": text, "entry": [{"changes": [{"field": text}]}]})
    headers = {**sender.request().headers, "content-type": "application/json"}
    request = replace(sender.request(body=b""), body=body, headers=headers)
    try:
        keys = [event.key for event in receiving_of(name).parse(request, known(sender))]
    except RefusedError:
        keys = []
    assert all(key.isascii() and "\0" not in key for key in keys)
