"""What a message says, as it is stored: encrypted, since one-time codes are sent this way."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from integrations.encryption.secret import Secret
from integrations.messaging.models import Message


def sealed_content(*, text: str, template: Mapping[str, Any] | None) -> dict[str, Secret]:
    """Return the value of `Message.content`."""
    if template is not None:
        return {"template": Secret(json.dumps(dict(template), ensure_ascii=False))}
    return {"text": Secret(text)}


def content_of(message: Message) -> dict[str, Any] | None:
    """Return `{"text": …}` or `{"template": {…}}` in clear; None once retention took it.

    Raises EncryptionError when it cannot be read.
    """
    if message.content is None:
        return None
    opened = {name: value.reveal() for name, value in message.content.items()}
    return {name: json.loads(value) if name == "template" else value for name, value in opened.items()}
