"""What is kept of actions: what they remember from run to run, and who is running one at this moment."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from uuid import UUID, uuid4

from django.db import connection

from integrations.errors import ConflictError, NotFoundError
from integrations.ids import uuid7
from integrations.isolation.scope import tenant_scope
from integrations.models import Integration, ProviderActionLease, ProviderActionState
from integrations.services.integrations import work_of

LEASE: Final = timedelta(seconds=60)
"""Longer than a run takes, so that only a worker that died keeps others waiting."""
MAX_VALUE_BYTES: Final = 16 * 1024
_RETRY_AFTER_SECONDS: Final = 5

# Waits for a transaction that is just claiming the same one. One whose time is over is free.
_CLAIM: Final = """
    INSERT INTO integrations_provideractionlease AS known
        (id, tenant_id, integration_id, provider, name, owner, until)
    VALUES (%(id)s, %(tenant)s, %(integration)s, %(provider)s, %(name)s, %(owner)s, now() + %(lease)s)
    ON CONFLICT (tenant_id, integration_id, provider, name) DO UPDATE
    SET owner = excluded.owner, until = excluded.until
    WHERE known.until <= now()
    RETURNING id
"""


@dataclass(frozen=True, slots=True)
class ActionPlace:
    """With whose credentials actions run: an integration's, or, without one, the platform's own for a tenant."""

    tenant_id: UUID
    provider: str
    integration_id: UUID | None = None

    def _filter(self) -> dict[str, Any]:
        return {"tenant_id": self.tenant_id, "provider": self.provider, "integration_id": self.integration_id}

    def state(self) -> dict[str, object]:
        """Return everything that was remembered here, by name."""
        with work_of(self.tenant_id):
            rows = ProviderActionState.objects.filter(**self._filter())
            return dict(rows.order_by("name").values_list("name", "value"))

    def remember(self, name: str, value: object) -> None:
        """Keep a value under a name, or forget it when it is None; at once, in a transaction of its own.

        Raises NotFoundError when the integration is gone by now, ValueError for what is too large or no plain JSON.
        """
        if len(json.dumps(value, allow_nan=False)) > MAX_VALUE_BYTES:
            raise ValueError(f"{name}: an action remembers at most {MAX_VALUE_BYTES} bytes under a name")
        with work_of(self.tenant_id):
            if value is None:
                ProviderActionState.objects.filter(**self._filter(), name=name).delete()
                return
            if self.integration_id is not None and not self._is_there(self.integration_id):
                raise NotFoundError("The integration does not exist any more.")
            ProviderActionState.objects.update_or_create(**self._filter(), name=name, defaults={"value": value})

    def _is_there(self, integration_id: UUID) -> bool:
        rows = Integration.objects.filter(tenant_id=self.tenant_id, id=integration_id)
        # Whoever deletes it comes before this, or finds what is written here.
        return rows.select_for_update(no_key=True).order_by("id").first() is not None

    @contextmanager
    def lease(self, name: str, *, label: str) -> Iterator[None]:
        """Hold the right to run something here for the length of the block, and give it back however that ends.

        Raises ConflictError, with the seconds to wait, while somebody else has it. It runs out by itself after `LEASE`.
        """
        owner = uuid4()
        wanted: dict[str, Any] = {
            "id": uuid7(),
            "tenant": self.tenant_id,
            "integration": self.integration_id,
            "provider": self.provider,
            "name": name,
            "owner": owner,
            "lease": LEASE,
        }
        with work_of(self.tenant_id), connection.cursor() as cursor:
            cursor.execute(_CLAIM, wanted)
            is_ours = cursor.fetchone() is not None
        if not is_ours:
            raise ConflictError(
                f"{label} is running at this moment: wait for its end, or try again in a minute at most.",
                retry_after=_RETRY_AFTER_SECONDS,
            )
        try:
            yield
        finally:
            with tenant_scope(self.tenant_id):
                ProviderActionLease.objects.filter(**self._filter(), name=name, owner=owner).delete()
