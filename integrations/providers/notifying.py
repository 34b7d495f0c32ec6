"""What a provider declares for `Capability.NOTIFY`: the action `notify`, by which a notice reaches people there.

It takes `text`, which every provider understands, and parameters of its own (a channel, a title); left out, they are what
the integration's settings say. Code sends notices through `integrations.services.notices`.
"""

from __future__ import annotations

from typing import Final, cast

from integrations.providers.actions import Action
from integrations.providers.base import Capability, Provider

NOTIFY: Final = "notify"
TEXT: Final = "text"


def notify_of(provider: Provider) -> Action | None:
    """Return the action that a provider declares; None where it takes no notices."""
    return cast(Action, provider.declaration("notify")) if provider.can(Capability.NOTIFY) else None
