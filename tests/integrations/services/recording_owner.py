"""An owner of tenant data that only remembers what it was asked."""

from __future__ import annotations

from uuid import UUID

from django.db import connection


class RecordingOwner:
    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        self.calls: list[tuple[str, UUID | None]] = []
        self.error: Exception | None = None
        self.was_in_transaction = False

    def stop(self, tenant_id: UUID) -> None:
        self.calls.append(("stop", tenant_id))
        self.was_in_transaction = connection.in_atomic_block
        self._fail()

    def count(self, tenant_id: UUID | None) -> dict[str, int]:
        return {"recorded": 2}

    def delete(self, tenant_id: UUID | None) -> dict[str, int]:
        self.calls.append(("delete", tenant_id))
        self._fail()
        return {"recorded": 2}

    def _fail(self) -> None:
        if self.error is not None:
            raise self.error


owner = RecordingOwner()
