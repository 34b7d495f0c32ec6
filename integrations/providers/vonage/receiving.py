"""Callbacks of Vonage, of its SMS API and of its Messages API, both signed with the account's signature secret.

The former puts `sig` among the parameters: https://developer.vonage.com/en/getting-started/concepts/signing-messages.
The latter brings a token: https://developer.vonage.com/en/getting-started/concepts/webhooks#validating-webhooks.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from typing import Any, Final

import jwt

from integrations.providers.receiving import (
    Incoming,
    Option,
    Reason,
    Received,
    Receiving,
    RefusedError,
    Settings,
    check_fresh,
    digest_of,
    matches_any,
)

_METHODS: Final = ("md5hash", "md5", "sha1", "sha256", "sha512")
_DEFAULT_METHOD: Final = "md5hash"
_ISSUER: Final = "Vonage"
_TOKEN: Final = re.compile(r"[Bb]earer ([A-Za-z0-9_-]{1,1000}\.[A-Za-z0-9_-]{1,3000}\.[A-Za-z0-9_-]{1,200})")
# A request says what it was signed with, and whoever reads an event must not be able to send it again.
_PROVING: Final = frozenset({"sig", "nonce"})


class VonageReceiving(Receiving):
    """`sig` over the parameters by the method that was chosen, or a token (HS256) that holds the body's hash.

    Both bring a time, at most five minutes old. Ids of messages and their status stop a replay within them.
    """

    key = "vonage"
    label = "Vonage"
    takes_queries = True
    where_from = "The account's signature secret: Vonage's dashboard, API settings."
    setup = (
        "In Vonage's dashboard open API settings and choose the signature method that is chosen here. Any format of webhooks "
        "will do; prefer POST-JSON. Ask Vonage's support to sign the webhooks of the SMS API: they are not unless asked for. "
        "Paste the address for inbound messages; messages that are sent from here name it for their receipts."
    )
    options = (
        Option(
            name="signature_method",
            label="Signature method",
            help="As in API settings; md5hash unless given. Prefer sha256 or sha512. Tokens are not affected.",
            choices=_METHODS,
        ),
    )

    def option_problems(self, options: Mapping[str, object]) -> dict[str, list[str]]:
        problems = {name: ["There is the option signature_method."] for name in set(options) - {"signature_method"}}
        if options.get("signature_method", _DEFAULT_METHOD) not in _METHODS:
            problems["signature_method"] = [f"Give one of {', '.join(_METHODS)}."]
        return problems

    def verify(self, incoming: Incoming, settings: Settings) -> None:
        if "authorization" in incoming.headers:
            _verify_token(incoming, settings)
        else:
            _verify_parameters(incoming, settings)

    def parse(self, incoming: Incoming, settings: Settings) -> list[Received]:
        found = _parameters(incoming)
        message_id = found.get("message_uuid") or found.get("messageId")
        if not isinstance(message_id, str) or not message_id:
            raise RefusedError(Reason.MALFORMED, "There is no messageId and no message_uuid.")
        payload = {name: value for name, value in found.items() if name not in _PROVING}
        if "status" in found:
            key = digest_of(message_id, str(found["status"]))
            return [Received(event_type="vonage.message_status", key=key, payload=payload)]
        key = digest_of(message_id, "received", str(found.get("concat-part", "")))
        return [Received(event_type="vonage.message_received", key=key, payload=payload)]


def _parameters(incoming: Incoming) -> dict[str, Any]:
    return dict(incoming.form()) if incoming.is_form else incoming.json_object()


def _verify_token(incoming: Incoming, settings: Settings) -> None:
    found = _TOKEN.fullmatch(incoming.header("Authorization"))
    claims = _claims(found[1], settings) if found else None
    if claims is None or claims.get("iss") != _ISSUER:
        raise RefusedError(Reason.SIGNATURE, "The token is wrong.")
    if not matches_any([hashlib.sha256(incoming.body).hexdigest()], str(claims.get("payload_hash")).lower()):
        raise RefusedError(Reason.SIGNATURE, "The body is not the one that was signed.")
    check_fresh(str(claims.get("iat")), incoming)


def _claims(token: str, settings: Settings) -> dict[str, Any] | None:
    """Return what a token says that one of the secrets signed; no other algorithm is taken. Its times are not judged."""
    unjudged = dict.fromkeys(("verify_exp", "verify_iat", "verify_nbf", "verify_aud", "verify_iss"), False)
    genuine: dict[str, Any] | None = None
    for secret in settings.secrets:
        try:
            genuine = jwt.decode(token, secret.encode(), algorithms=["HS256"], options=unjudged)  # type: ignore[arg-type]
        except (jwt.PyJWTError, ValueError):
            continue
    return genuine


def _verify_parameters(incoming: Incoming, settings: Settings) -> None:
    try:
        found = _parameters(incoming)
    except RefusedError:
        raise RefusedError(Reason.SIGNATURE, "The signature is missing: there is neither a token nor a sig.") from None
    if any(isinstance(value, bool) or not isinstance(value, str | int) for value in found.values()):
        raise RefusedError(Reason.SIGNATURE, "Not every parameter is a text or a whole number.")
    parameters = {name: str(value) for name, value in found.items()}
    given = parameters.pop("sig", "")
    if not given:
        raise RefusedError(Reason.SIGNATURE, "The signature is missing: there is neither a token nor a sig.")
    method = settings.options.get("signature_method", _DEFAULT_METHOD)
    expected = [_signature(parameters, secret, method) for secret in settings.secrets]
    if not matches_any(expected, given.lower()):
        raise RefusedError(
            Reason.SIGNATURE, "The signature is wrong. It must be made by the method that the receiver names."
        )
    check_fresh(parameters.get("timestamp", ""), incoming)


def _signature(parameters: Mapping[str, str], secret: str, method: str) -> str:
    signed = "".join(f"&{name}={_escaped(value)}" for name, value in sorted(parameters.items()))
    encoded = signed.encode("utf-8", "surrogatepass")
    if method == "md5hash":  # Vonage's oldest, and what an account has unless another one was chosen
        return hashlib.md5(encoded + secret.encode(), usedforsecurity=False).hexdigest()
    return hmac.new(secret.encode(), encoded, method).hexdigest()


def _escaped(value: str) -> str:
    return value.replace("&", "_").replace("=", "_")


receiving = VonageReceiving()
