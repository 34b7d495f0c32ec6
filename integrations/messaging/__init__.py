"""Messages to people: accepted here, sent by the delivery engine, settled by what providers tell.

from integrations.messaging import send_message
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from integrations.messaging.services.sending import send_message

__all__ = ["send_message"]


def __getattr__(name: str) -> Any:
    """Import the service on first use: models cannot be imported while Django loads its apps."""
    if name == "send_message":
        from integrations.messaging.services.sending import send_message

        return send_message
    raise AttributeError(name)
