"""What workers do for this room."""

from __future__ import annotations

from pathlib import Path

import structlog
from celery import shared_task
from django.conf import settings

from analytics.archive import Archive
from analytics.minutes import forget_minutes
from analytics.retention import Purged, purge_expired
from integrations.partitioning.partitions import (
    count_default_rows,
    drop_removed_partitions,
    make_partitions,
    partitioned_models,
)

logger = structlog.get_logger(__name__)


@shared_task(name="analytics.make_partitions")
def make_partitions_task() -> None:
    """Make the partitions of the days ahead, of every partitioned table; scheduled every hour.

    Rows in a default partition are logged: this task did not run in time, or a host's clock is wrong. Those of days
    up to the last one made ahead move to their own partition.
    """
    strays = {model: count_default_rows(model) for model in partitioned_models()}
    if made := make_partitions():
        logger.info("partitions_made", partitions=made)
    for model, found in strays.items():
        if found:
            logger.warning(
                "rows_in_default_partition", table=model._meta.db_table, found=found, left=count_default_rows(model)
            )


@shared_task(name="analytics.forget_minutes")
def forget_minutes_task() -> None:
    """Forget sums of minutes that are older than 48 hours; scheduled every ten minutes."""
    forget_minutes()


@shared_task(name="analytics.purge")
def purge_task() -> None:
    """Remove what has passed its retention, archived first where `ANALYTICS_ARCHIVE_DIR` says so; scheduled daily.

    What fails is logged with how far it came, and the task fails: the next run goes on.
    """
    purged: Purged = {}
    try:
        purge_expired(
            archive=Archive(Path(settings.ANALYTICS_ARCHIVE_DIR)) if settings.ANALYTICS_ARCHIVE_DIR else None,
            purged=purged,
        )
    finally:
        for table, rows in purged.items():
            if rows.partitions or rows.rows:
                logger.info("history_purged", table=table, partitions=rows.partitions, rows=rows.rows)
        drop_removed_partitions()


@shared_task(name="analytics.drop_removed_partitions")
def drop_removed_partitions_task() -> None:
    """Give the files of partitions that were taken out back to the system; scheduled every five minutes."""
    if dropped := drop_removed_partitions():
        logger.info("removed_partitions_dropped", partitions=dropped)
