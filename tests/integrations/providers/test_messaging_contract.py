"""What every provider that sends messages must keep; a new one is tested by being registered."""

from __future__ import annotations

import importlib
import json
import logging
from base64 import b64encode
from dataclasses import replace
from decimal import Decimal
from re import Pattern
from types import ModuleType
from typing import Any
from urllib.parse import parse_qsl

import pytest
import responses
from hypothesis import given
from hypothesis import strategies as st

from integrations.providers.answers import Answer
from integrations.providers.base import Capability, Provider
from integrations.providers.client import ProviderClient
from integrations.providers.messaging import Judgement, MessageRequest, MessageState, Messaging, Template, Verdict
from integrations.providers.receiving import Received
from integrations.providers.registry import RECEIVING, all_providers
from integrations.providers.values import Values
from tests.integrations.providers.messaging_cases.case import (
    HTML,
    ID,
    REQUIRED,
    Callback,
    Problem,
    Reply,
    Request,
    Sending,
    opened,
)

SENDERS = [provider for provider in all_providers() if provider.can(Capability.SEND_MESSAGE)]
EVERY_PROVIDER = pytest.mark.parametrize("provider", SENDERS, ids=lambda provider: provider.key)


def cases_of(provider: Provider) -> ModuleType:
    return importlib.import_module(f"tests.integrations.providers.messaging_cases.{provider.key}")


def callbacks_of(provider: Provider) -> list[Callback]:
    return getattr(cases_of(provider), "CALLBACKS", [])


def every(name: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(
        ("provider", "case"),
        [
            pytest.param(provider, case, id=f"{provider.key}-{case.name.replace(' ', '_')}")
            for provider in SENDERS
            for case in getattr(cases_of(provider), name, [])
        ],
    )


def messaging_of(provider: Provider) -> Messaging:
    messaging = provider.declaration("messaging")
    assert isinstance(messaging, Messaging)
    return messaging


def request_of(provider: Provider, sending: Sending) -> MessageRequest:
    values = opened(provider, sending.values)
    message = sending.message(provider)
    assert messaging_of(provider).problems(message, values) == {}
    return messaging_of(provider).request(message, values)


def exchanged(provider: Provider, values: Values, request: MessageRequest) -> Answer:
    with ProviderClient(provider, values) as client:
        return client.exchange("POST", request.url, headers=request.headers, data=request.body)


def answered(status: int, body: bytes, content_type: str = "application/json") -> Answer:
    return Answer(label="Acme", status=status, headers={"content-type": content_type}, body=body)


@EVERY_PROVIDER
def test_brings_cases_for_each_way_in_which_sending_can_end(provider: Provider) -> None:
    cases = cases_of(provider)
    assert {answer.name for answer in cases.ANSWERS} >= REQUIRED
    assert {problem.field for problem in cases.PROBLEMS} >= {"text", "template"}
    assert cases.REQUESTS


@EVERY_PROVIDER
def test_declares_what_it_sends_by_and_how_fast(provider: Provider) -> None:
    messaging = messaging_of(provider)
    assert {channel.value for channel in messaging.channels} == {provider.slot}
    assert 0 < messaging.per_second <= 1000
    assert messaging.has_callbacks == (provider.key in RECEIVING)


@EVERY_PROVIDER
def test_calls_back_with_all_that_can_become_of_a_message(provider: Provider) -> None:
    states = {update.state for callback in callbacks_of(provider) for update in callback.updates}
    wanted = {MessageState.SENT, MessageState.DELIVERED, MessageState.FAILED}
    assert states >= wanted if messaging_of(provider).has_callbacks else not states


# --- What goes out -------------------------------------------------------------------------------------------------


@every("REQUESTS")
def test_sends_exactly_what_the_provider_documents(provider: Provider, case: Request) -> None:
    request = request_of(provider, case.sending)
    with responses.RequestsMock() as mock:
        mock.add("POST", case.url, status=200)
        exchanged(provider, opened(provider, case.sending.values), request)
        (call,) = mock.calls
    sent = call.request
    assert (sent.method, sent.url, sent.body) == ("POST", case.url, case.body)
    assert set(request.headers) == set(case.headers)
    for name, expected in case.headers.items():
        value = sent.headers[name]
        assert expected.fullmatch(value) if isinstance(expected, Pattern) else expected == value, name


@EVERY_PROVIDER
def test_our_id_travels_where_the_provider_calls_back(provider: Provider) -> None:
    request = request_of(provider, Sending())
    assert (str(ID).encode() in request.body) == messaging_of(provider).has_callbacks
    assert str(ID) not in request.url


@EVERY_PROVIDER
def test_every_attempt_sends_the_same_message(provider: Provider) -> None:
    first, second = (request_of(provider, Sending()) for _ in range(2))
    assert (first.url, first.body) == (second.url, second.body)


@EVERY_PROVIDER
def test_text_arrives_whole_whatever_it_holds(provider: Provider) -> None:
    text = 'a&b=c+d %20 "quoted" \\ <b>ü 你 👩‍👩‍👧 \n\t{{name}}'
    body = request_of(provider, Sending(text=text)).body
    if b"messaging_product" in body:
        assert json.loads(body)["text"]["body"] == text
    else:
        assert text in dict(parse_qsl(body.decode())).values()


# --- What is refused before ----------------------------------------------------------------------------------------


@every("PROBLEMS")
def test_refuses_before_any_call_and_names_field_and_format(provider: Provider, case: Problem) -> None:
    values = opened(provider, case.sending.values)
    found = messaging_of(provider).problems(case.sending.message(provider), values)
    assert list(found) == [case.field]
    assert any(case.says in sentence for sentence in found[case.field])
    assert all(sentence.endswith(".") for sentence in found[case.field])


@EVERY_PROVIDER
@pytest.mark.parametrize(
    "number",
    [
        *("", "447700900001", "0650 5551234", "+0123456", "+1 650 555", "+1234567890123456", "+12345a", "+1234567\n"),
        *("+１６５０５５５", "tel:+16505551234", "+"),
    ],
)
def test_refuses_a_number_that_is_no_e164(provider: Provider, number: str) -> None:
    message = Sending(to=number).message(provider)
    found = messaging_of(provider).problems(message, opened(provider, {}))
    assert list(found) == ["to"]
    assert "+16505551234" in found["to"][0]


@EVERY_PROVIDER
@pytest.mark.parametrize("text", ["", "   \n", "a\0b", "half \ud83d of one"])
def test_refuses_a_text_that_cannot_be_sent(provider: Provider, text: str) -> None:
    found = messaging_of(provider).problems(Sending(text=text).message(provider), opened(provider, {}))
    assert list(found) == ["text"]


@EVERY_PROVIDER
def test_takes_templates_only_where_there_are_some(provider: Provider) -> None:
    message = Sending(template=Template(name="hello", language="en")).message(provider)
    found = messaging_of(provider).problems(message, opened(provider, {}))
    assert list(found) == ([] if messaging_of(provider).takes_templates else ["template"])


@EVERY_PROVIDER
def test_names_everything_that_is_wrong_at_once(provider: Provider) -> None:
    message = Sending(to="12", text=" ").message(provider)
    assert set(messaging_of(provider).problems(message, opened(provider, {}))) == {"to", "text"}


# --- What an answer means ------------------------------------------------------------------------------------------


@every("ANSWERS")
def test_recorded_answers_come_to_the_right_judgement(
    provider: Provider, case: Reply, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    sending = cases_of(provider).REQUESTS[0].sending
    values = opened(provider, sending.values)
    request = request_of(provider, sending)
    with responses.RequestsMock() as mock:
        case.register(mock, request.url)
        judgement = messaging_of(provider).judge(exchanged(provider, values, request))

    assert (judgement.verdict, judgement.code) == (case.verdict, case.code), judgement
    assert judgement.provider_message_id == case.provider_message_id
    assert (judgement.retry_after, judgement.cost, judgement.currency) == (case.retry_after, case.cost, case.currency)
    assert case.says in judgement.message
    assert bool(judgement.message) == (case.verdict is not Verdict.SENT)
    assert_shows_no_secret(f"{judgement!r} {request!r} {sending.message(provider)!r} {caplog.text}", values)


NONSENSE = [b"", b"null", b"[]", b"{}", b"[1, 2]", b'"ok"', b"17", b"{", HTML.encode(), b"\x00\xff", b"[" * 5000]
BY_STATUS = {
    **dict.fromkeys((200, 201, 202, 204, 408, 500, 502, 503, 504, 599), Verdict.UNKNOWN),
    **dict.fromkeys((301, 302, 400, 401, 403, 404, 405, 413, 418), Verdict.REFUSED),
    429: Verdict.RETRY,
}


@EVERY_PROVIDER
@pytest.mark.parametrize("status", BY_STATUS)
def test_nonsense_is_judged_by_its_status_and_is_never_sent_again_where_it_may_have_been_sent(
    provider: Provider, status: int
) -> None:
    for body in NONSENSE:
        for content_type in ("application/json", "text/html", "text/plain"):
            judgement = messaging_of(provider).judge(answered(status, body, content_type))
            assert judgement.verdict is BY_STATUS[status], body[:20]
            assert judgement.message


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(["0", "1", "failed", "sent"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    *(
                        "error",
                        "code",
                        "message",
                        "messages",
                        "status",
                        "sid",
                        "id",
                        "price",
                        "message-id",
                        "message-price",
                    ),
                    *("entry", "changes", "value", "statuses", "errors", "error_data", "details", "timestamp", "field"),
                    *(
                        "MessageSid",
                        "MessageStatus",
                        "ErrorCode",
                        "messageId",
                        "message_uuid",
                        "usage",
                        "err-code",
                        "title",
                    ),
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(status=st.sampled_from([200, 201, 400, 401, 429, 500]), value=JSON)
def test_judging_never_raises_and_gives_what_can_be_stored(status: int, value: Any) -> None:
    body = json.dumps(value).encode()
    for provider in SENDERS:
        judgement = messaging_of(provider).judge(answered(status, body))
        assert_can_be_stored(judgement)
        assert judgement.verdict is not Verdict.SENT or judgement.provider_message_id


def assert_can_be_stored(judgement: Judgement) -> None:
    assert len(judgement.code) <= 60
    assert len(judgement.message) <= 500
    assert len(judgement.provider_message_id) <= 200
    assert len(judgement.currency) <= 3
    assert judgement.cost is None or Decimal(0) <= judgement.cost < 10**7
    assert "\0" not in f"{judgement.code}{judgement.message}"
    assert judgement.retry_after is None or 0 <= judgement.retry_after <= 86_400


@EVERY_PROVIDER
@pytest.mark.parametrize("charset", ["utf-8", "no-such-charset", "idna", "punycode", "utf-16"])
def test_judges_whatever_the_charset_is_said_to_be(provider: Provider, charset: str) -> None:
    answer = replace(answered(400, b"\xff\xfe\x00 <Code>x</Code>", "text/plain"), charset=charset)
    assert messaging_of(provider).judge(answer).verdict is Verdict.REFUSED


# --- What callbacks say --------------------------------------------------------------------------------------------


@every("CALLBACKS")
def test_callbacks_say_what_became_of_the_message(provider: Provider, case: Callback) -> None:
    found = [update for event in case.received(provider) for update in messaging_of(provider).statuses(event)]
    assert found == list(case.updates)


@given(
    payload=st.dictionaries(st.sampled_from(["entry", "MessageSid", "MessageStatus", "message_uuid", "status"]), JSON)
)
def test_statuses_never_raise(payload: dict[str, Any]) -> None:
    for provider in SENDERS:
        for kind in (f"{provider.key}.message_status", f"{provider.key}.messages"):
            for update in messaging_of(provider).statuses(Received(event_type=kind, key="1", payload=payload)):
                assert update.message_id or update.provider_message_id


@EVERY_PROVIDER
def test_events_of_others_say_nothing(provider: Provider) -> None:
    received = [
        event
        for other in SENDERS
        if other is not provider
        for callback in callbacks_of(other)
        for event in callback.received(other)
    ]
    assert received
    assert [update for event in received for update in messaging_of(provider).statuses(event)] == []


def assert_shows_no_secret(shown: str, values: Values) -> None:
    for secret in values.secrets():
        assert secret not in shown
        assert b64encode(secret.encode()).decode().rstrip("=") not in shown
