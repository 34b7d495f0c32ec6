"""What this room needs of others, as Protocols; settings name by dotted path who fulfils them."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol
from uuid import UUID


class TenantDataOwner(Protocol):
    """The part of a room that knows its tenants' tables (`TENANT_DATA_OWNERS`).

    None instead of a tenant means every tenant: that is the reset of a whole installation, with workers stopped.
    """

    def stop(self, tenant_id: UUID) -> None:
        """Let nothing more happen for this tenant. Called in the transaction that deletes it; must be quick."""

    def in_flight(self, since: datetime) -> int:
        """Return how much may still be written, for any tenant, by what had begun before `since`; 0 is certain."""

    def count(self, tenant_id: UUID | None) -> dict[str, int]:
        """Return the number of rows in each table, the tables in the order of deletion."""

    def delete(self, tenant_id: UUID | None) -> dict[str, int]:
        """Delete the rows in batches, each in its own transaction, and return how many went from each table.

        Must be safe to repeat and to run beside itself. Leaves the tenant's own row alone; with None that goes too.
        """
