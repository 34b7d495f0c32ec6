from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from integrations.ids import uuid7
from webhooks.models import IdempotencyKey
from webhooks.services import idempotency
from webhooks.tasks import forget_idempotency_keys


@pytest.mark.django_db
def test_expired_keys_are_forgotten_in_batches_and_others_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(idempotency, "BATCH", 2)
    tenant_id = uuid7()
    for number in range(5):
        IdempotencyKey.objects.create(
            tenant_id=tenant_id, key=f"old-{number}", fingerprint="f", expires_at=timezone.now() - timedelta(seconds=1)
        )
    IdempotencyKey.objects.create(
        tenant_id=tenant_id, key="new", fingerprint="f", expires_at=timezone.now() + timedelta(hours=1)
    )

    forget_idempotency_keys()

    assert [row.key for row in IdempotencyKey.objects.all()] == ["new"]
