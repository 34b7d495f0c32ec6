"""What workers do for this room."""

from __future__ import annotations

from celery import shared_task

from integrations.services.tenants import sweep_deleted_tenants


@shared_task(name="integrations.sweep_deleted_tenants")
def sweep_deleted_tenants_task() -> None:
    """Remove the rows of deleted tenants; scheduled every minute and asked for after each deletion."""
    sweep_deleted_tenants()
