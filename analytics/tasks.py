"""What workers do for this room."""

from __future__ import annotations

import structlog
from celery import shared_task

from analytics.minutes import forget_minutes
from integrations.partitioning.partitions import count_default_rows, make_partitions, partitioned_models

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
