"""Each provider's own vectors and shapes. What all have in common is in `test_receiving_contract`."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import pytest

from integrations.providers.receiving import Incoming, RefusedError
from integrations.providers.registry import get_receiving
from tests.integrations.providers.senders import NOW, SENDERS, incoming, json_of, of
from webhooks.signing import new_signing_secret, sign, signing_key

# --- GitHub: docs.github.com, validating webhook deliveries, and the tests of octokit/webhooks-methods.js ----------


@pytest.mark.parametrize(
    ("secret", "body", "signature"),
    [
        (
            "It's a Secret to Everybody",
            "Hello, World!",
            "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17",
        ),
        ("mysecret", '{"foo":"bar"}', "4864d2759938a15468b5df9ade20bf161da9b4f737ea61794142f3484236bda3"),
        (
            "development",
            '{"foo":"Foo\\n\\u001B[34mbar: ♥♥♥♥♥♥♥♥\\nthis-is-lost\\u001B[0m\\u001B[2K"}',
            "afecc3caa27548bb90d51a50384cb2868b9a3327b4ad6a01c9bd4ed0f8b0b12c",
        ),
        ("development", '{"foo":"\\\\u001b"}', "6f8326efbacfbd04e870cea25b5652e635be8c9807f2fd5348ef60753c9e96ed"),
    ],
)
def test_github_takes_the_published_signatures(secret: str, body: str, signature: str) -> None:
    get_receiving("github").verify(incoming(body, X_Hub_Signature_256=f"sha256={signature}"), of(secret))


@pytest.mark.parametrize(
    ("event", "body", "event_type"),
    [
        ("push", {"ref": "refs/heads/main"}, "github.push"),
        ("ping", {"zen": "Keep it logically awesome."}, "github.ping"),
        ("workflow_run", {"action": "completed"}, "github.workflow_run.completed"),
        ("release", {"action": {"odd": 1}}, "github.release"),
        ("Weird-Event", {"action": "Half Done"}, "github.weird_event.half_done"),
    ],
)
def test_github_names_event_and_action(event: str, body: Any, event_type: str) -> None:
    request = incoming(json_of(body), X_GitHub_Event=event, X_GitHub_Delivery="d1")
    (received,) = get_receiving("github").parse(request, of("x"))
    assert (received.event_type, received.key, received.payload) == (event_type, "d1", body)


def test_github_reads_json_in_a_form() -> None:
    request = incoming(
        urlencode({"payload": '{"action": "opened"}'}),
        X_GitHub_Event="issues",
        X_GitHub_Delivery="d1",
        Content_Type="application/x-www-form-urlencoded",
    )
    (received,) = get_receiving("github").parse(request, of("x"))
    assert (received.event_type, received.payload) == ("github.issues.opened", {"action": "opened"})


# --- Slack: docs.slack.dev, verifying requests from Slack ----------------------------------------------------------

_SLASH = (
    "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V"
    "&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text="
    "&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN"
    "&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
)


def _slash_command() -> Incoming:
    return incoming(
        _SLASH,
        at=datetime.fromtimestamp(1531420618, UTC),
        Content_Type="application/x-www-form-urlencoded",
        X_Slack_Request_Timestamp="1531420618",
        X_Slack_Signature="v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503",
    )


def test_slack_takes_the_published_signature() -> None:
    get_receiving("slack").verify(_slash_command(), of("8f742231b10e8888abcd99yyyzzz85a5"))


def test_slack_understands_slash_commands_and_interactions() -> None:
    (command,) = get_receiving("slack").parse(_slash_command(), of("x"))
    assert (command.event_type, command.payload["command"]) == ("slack.slash_command", "/webhook-collect")
    clicked = replace(_slash_command(), body=urlencode({"payload": '{"type": "block_actions"}'}).encode())
    (interaction,) = get_receiving("slack").parse(clicked, of("x"))
    assert (interaction.event_type, interaction.payload) == ("slack.block_actions", {"type": "block_actions"})


def test_slack_answers_the_challenge_when_the_signature_is_right() -> None:
    sender = SENDERS["slack"]
    body = json_of({"type": "url_verification", "challenge": "3eZbrw1aB"})
    answer = get_receiving("slack").challenge(sender.request(body=body), of(sender.secret))
    assert answer is not None
    assert json.loads(answer.body) == {"challenge": "3eZbrw1aB"}
    with pytest.raises(RefusedError):
        get_receiving("slack").challenge(sender.request(body=body), of(sender.other_secret))


# --- WhatsApp: a delivery recorded from Meta, in the tests of david-lev/pywa ---------------------------------------

_RECORDED = (
    '{"object":"whatsapp_business_account","entry":[{"id":"264937493375603","changes":[{"value":{"messaging_product":'
    '"whatsapp","metadata":{"display_phone_number":"15550953877","phone_number_id":"277321005464405"},"contacts":'
    '[{"profile":{"name":"PyWa Tests"},"wa_id":"972544401243"}],"messages":[{"from":"972544401243","id":'
    '"wamid.HBgMOTcyNTQ0NDAxMjQzFQIAEhggM0RFQTNCMEEwRTY3QzUwODYzMDc4NjQ4QzM4ODAxM0YA","timestamp":"1730231903",'
    '"text":{"body":"Hey there! I am using PyWa."},"type":"text"}]},"field":"messages"}]}]}'
)


def test_whatsapp_takes_a_recorded_delivery() -> None:
    signature = "sha256=54edfa1d7259e0eb13c677cc7d73d1b5c86cfa12433d19156e058ab9251bc441"
    request = incoming(_RECORDED, X_Hub_Signature_256=signature)
    get_receiving("whatsapp").verify(request, of("1222e786b144d0e85b9f365372d93676"))
    (received,) = get_receiving("whatsapp").parse(request, of("x"))
    assert received.event_type == "whatsapp.messages"
    assert received.payload == json.loads(_RECORDED)


def test_whatsapp_makes_an_event_of_each_change() -> None:
    statuses = [{"id": "wamid.A", "status": status} for status in ("delivered", "read")]
    changes = [{"field": "messages", "value": {"statuses": [status]}} for status in statuses]
    changes.append({"field": "account_update", "value": {"event": "X"}})
    body = {"object": "whatsapp_business_account", "entry": [{"id": "1", "changes": changes}]}
    received = get_receiving("whatsapp").parse(incoming(json_of(body)), of("x"))
    assert [event.event_type for event in received] == ["whatsapp.messages"] * 2 + ["whatsapp.account_update"]
    assert len({event.key for event in received}) == 3
    assert [event.payload["entry"][0]["changes"] for event in received] == [[change] for change in changes]


@pytest.mark.parametrize(
    ("query", "is_answered"),
    [
        ({"hub.mode": "subscribe", "hub.challenge": "1158201444", "hub.verify_token": "our-verify-token"}, True),
        ({"hub.mode": "subscribe", "hub.challenge": "1158201444", "hub.verify_token": "a guess"}, False),
        ({"hub.mode": "other", "hub.challenge": "1158201444", "hub.verify_token": "our-verify-token"}, False),
        ({"hub.mode": "subscribe", "hub.challenge": "<script>", "hub.verify_token": "our-verify-token"}, False),
        ({}, False),
    ],
)
def test_whatsapp_answers_the_challenge_when_the_token_is_ours(query: dict[str, str], is_answered: bool) -> None:
    request = replace(incoming(), method="GET", query=query)
    if not is_answered:
        with pytest.raises(RefusedError):
            get_receiving("whatsapp").challenge(request, of("x"))
        return
    answer = get_receiving("whatsapp").challenge(request, of("x"))
    assert answer is not None
    assert (answer.status, answer.body) == (200, "1158201444")


# --- Twilio: twilio.com/docs/usage/security, and the tests of twilio-python ----------------------------------------

_CALL = {
    "CallSid": "CA1234567890ABCDE",
    "Caller": "+14158675309",
    "Digits": "1234",
    "From": "+14158675309",
    "To": "+18005551212",
}
_DOCS = _CALL | {"Caller": "+14158675310", "From": "+14158675310"}


@pytest.mark.parametrize(
    ("url", "form", "signature"),
    [
        ("https://example.com/myapp.php?foo=1&bar=2", _DOCS, "L/OH5YylLD5NRKLltdqwSvS0BnU="),
        ("https://mycompany.com/myapp.php?foo=1&bar=2", _CALL, "RSOYDt4T1cUTdK1PDd93/VVr8B8="),
        ("https://mycompany.com:1234/myapp.php?foo=1&bar=2", _CALL, "RSOYDt4T1cUTdK1PDd93/VVr8B8="),
        ("http://mycompany.com:1234/myapp.php?foo=1&bar=2", _CALL, "Zmvh+3yNM1Phv2jhDCwEM3q5ebU="),
        ("https://mycompany.com/myapp.php?foo=1&bar=2", _CALL, "kvajT1Ptam85bY51eRf/AJRuM3w="),
        ("http://mycompany.com/myapp.php?foo=1&bar=2", _CALL, "0ZXoZLH/DfblKGATFgpif+LLRf4="),
        (
            "https://mycompany.com/myapp.php?foo=1&bar=2",
            {"Sid": "CA123", "SidAccount": "AC123", "Digits": ["5678", "1234", "1234"]},
            "IK+Dwps556ElfBT0I3Rgjkr1wJU=",
        ),
    ],
)
def test_twilio_takes_the_published_signatures(url: str, form: Any, signature: str) -> None:
    request = incoming(
        urlencode(form, doseq=True),
        url=url,
        Content_Type="application/x-www-form-urlencoded",
        X_Twilio_Signature=signature,
    )
    get_receiving("twilio").verify(request, of("12345"))


def test_twilio_takes_the_published_signature_of_a_json_body_and_no_other_body() -> None:
    url = (
        "https://mycompany.com/myapp.php?foo=1&bar=2"
        "&bodySHA256=0a1ff7634d9ab3b95db5c9a2dfe9416e41502b283a80c7cf19632632f96e6620"
    )
    request = incoming(
        '{"property": "value", "boolean": true}',
        url=url,
        Content_Type="application/json",
        X_Twilio_Signature="a9nBmqA0ju/hNViExpshrM61xv4=",
    )
    get_receiving("twilio").verify(request, of("12345"))
    with pytest.raises(RefusedError):
        get_receiving("twilio").verify(replace(request, body=b'{"property": "other"}'), of("12345"))


def test_twilio_tells_messages_from_statuses() -> None:
    form = {"MessageSid": "SM1", "SmsStatus": "received", "Body": "Hello"}
    request = incoming(urlencode(form), Content_Type="application/x-www-form-urlencoded")
    (received,) = get_receiving("twilio").parse(request, of("x"))
    assert (received.event_type, received.payload) == ("twilio.message_received", form)
    assert get_receiving("twilio").answer().content_type == "text/xml"


def test_twilio_names_our_id_that_stands_in_the_signed_address() -> None:
    sender, ours = SENDERS["twilio"], "019a9f5e-6f0c-7cc4-9d0a-2f3a4b5c6d7e"
    twilio = get_receiving("twilio")
    request = sender.request(url=f"https://example.com/in/1?message={ours}")
    twilio.verify(request, of(sender.secret))
    (received,) = twilio.parse(request, of("x"))
    assert (received.reference, received.event_type) == (ours, "twilio.message_status")
    for changed in (f"https://example.com/in/1?message={ours[:-1]}f", "https://example.com/in/1"):
        with pytest.raises(RefusedError):
            twilio.verify(replace(request, url=changed), of(sender.secret))


# --- Custom: the tests of standard-webhooks/standard-webhooks ------------------------------------------------------


@pytest.mark.parametrize(
    ("signature", "is_right"),
    [
        ("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=", True),
        ("v1a,xx v2,yy v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=", True),
        ("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OA=", False),
        ("v2,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=", False),
    ],
)
def test_custom_takes_the_published_signature_of_standard_webhooks(signature: str, is_right: bool) -> None:
    request = incoming(
        '{"test": 2432232314}',
        at=datetime.fromtimestamp(1614265330, UTC),
        webhook_id="msg_p5jXN8AQM9LWM0D4loKWxJek",
        webhook_timestamp="1614265330",
        webhook_signature=signature,
    )
    settings = of("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    if is_right:
        get_receiving("custom").verify(request, settings)
    else:
        with pytest.raises(RefusedError):
            get_receiving("custom").verify(request, settings)


def test_custom_takes_what_our_own_signatures_are() -> None:
    webhook_secret = new_signing_secret()
    body = b'{"a": 1}'
    timestamp = int(NOW.timestamp())
    signature = sign(keys=[signing_key(webhook_secret)], message_id="m1", timestamp=timestamp, body=body)
    request = incoming(body, webhook_id="m1", webhook_timestamp=str(timestamp), webhook_signature=signature)
    get_receiving("custom").verify(request, of(webhook_secret))


def test_custom_names_the_type_that_a_header_says() -> None:
    request = incoming(b"{}", X_Kind="Invoice-Paid", webhook_id="1")
    (received,) = get_receiving("custom").parse(request, of("x", type_header="X-Kind"))
    assert received.event_type == "inbound.in.invoice_paid"


@pytest.mark.parametrize(
    ("options", "wrong"),
    [
        ({}, []),
        ({"scheme": "hmac", "header": "X-Sig"}, []),
        ({"scheme": "hmac"}, ["header"]),
        ({"scheme": "token"}, ["header"]),
        ({"scheme": "rsa"}, ["scheme"]),
        ({"header": "X-Sig"}, ["header"]),
        ({"scheme": "token", "header": "X-Sig", "hash": "sha256"}, ["hash"]),
        ({"scheme": "hmac", "header": "X Sig\r\n"}, ["header"]),
        ({"scheme": "hmac", "header": "X-Sig", "hash": "md5"}, ["hash"]),
        ({"scheme": 7}, ["scheme"]),
        ({"other": "x"}, ["other"]),
    ],
)
def test_custom_checks_its_options(options: dict[str, Any], wrong: list[str]) -> None:
    assert sorted(get_receiving("custom").option_problems(options)) == wrong


def test_others_have_no_options() -> None:
    assert get_receiving("github").option_problems({"scheme": "hmac"}) == {"scheme": ["GitHub has no options."]}
