"""Messages for tests that need some and send none."""

from __future__ import annotations

from typing import Any

from integrations.isolation.scope import tenant_scope
from integrations.messaging.content import sealed_content
from integrations.messaging.models import Message
from integrations.models import Tenant

NUMBER = "+4915112345678"
TEXT = "Your code is 339417."
TWILIO = {
    "account_sid": "AC0123456789abcdef0123456789abcdef",
    "auth_token": "f0e1d2c3b4a5968778695a4b3c2d1e0f",
    "phone_number": "+15005550006",
}


def make_message(tenant: Tenant, *, text: str = TEXT, template: dict[str, Any] | None = None, **fields: Any) -> Message:
    """Store a message as accepting and sending would have left it: an SMS through the platform's Twilio unless told."""
    given = {"channel": "sms", "provider": "twilio", "source": "environment", "to": NUMBER, **fields}
    if "content" not in given:
        given["content"] = sealed_content(text=text, template=template)
    with tenant_scope(tenant):
        return Message.objects.create(tenant=tenant, **given)
