"""Signatures for other rooms' messages (`settings.ALERT_SIGNING` names `signing`): Standard Webhooks, one shared secret."""

from __future__ import annotations

from webhooks.signing import HmacKey, new_signing_secret, sign, signing_key


class Signing:
    """Signs with an HMAC secret (`whsec_…`)."""

    def new_secret(self) -> str:
        """Return a new secret in its written form."""
        return new_signing_secret()

    def check(self, secret: str) -> None:
        """Raise ValueError, with a sentence, for a text that is no such secret."""
        if not isinstance(signing_key(secret), HmacKey):
            raise ValueError("A signing secret is whsec_ followed by base64.")  # noqa: TRY004  (the text is wrong)

    def sign(self, secret: str, *, message_id: str, timestamp: int, body: bytes) -> str:
        """Return the `webhook-signature` of a body; `timestamp` in Unix seconds."""
        return sign(keys=[signing_key(secret)], message_id=message_id, timestamp=timestamp, body=body)


signing = Signing()
