"""What providers tell of messages afterwards."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from integrations.messaging.models import Message
from integrations.providers.messaging import StatusUpdate


def apply_statuses(tenant_id: UUID, provider: str, updates: Sequence[StatusUpdate]) -> list[Message]:
    """Apply what a provider said of this tenant's messages, and return those that changed, in the order of their ids.

    Monotonic: callbacks come late, twice, and in any order. Runs in the caller's transaction and the tenant's scope;
    rows are locked in the order of their ids. The tenant's events are published with it.
    """
    raise NotImplementedError
