"""Looking at what the site runs on: its settings, PostgreSQL, its tables, its keys, and Redis."""

from __future__ import annotations

from typing import Final

import redis
from django.conf import settings
from django.core import checks
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from config.deployment.findings import Report
from config.encryption_canary import canary_problems
from config.redis_address import redis_py_url
from integrations.encryption.startup import encryption_problems
from integrations.partitioning.reporting import report_tables

OLDEST_POSTGRESQL: Final = 16
OLDEST_REDIS: Final = (6, 2)
MOST_CONNECTIONS_USED: Final = 0.8
LONGEST_TRANSACTION_SECONDS: Final = 300
_REDIS_SECONDS: Final = 2.0
_ADMINISTRATOR: Final = "Ask the administrator of the database server."

_SIZES: Final = """
    SELECT coalesce(parent.relname, own.relname), sum(pg_total_relation_size(own.oid))::bigint, count(parent.oid)
    FROM pg_class AS own
    LEFT JOIN pg_inherits ON inhrelid = own.oid
    LEFT JOIN pg_class AS parent ON parent.oid = inhparent
    WHERE own.relkind = 'r' AND own.relnamespace = current_schema()::regnamespace
    GROUP BY 1 ORDER BY 2 DESC
"""
_CONNECTIONS: Final = """
    SELECT count(*), current_setting('max_connections')::int,
        coalesce(extract(epoch FROM max(now() - xact_start)
            FILTER (WHERE backend_type = 'client backend' AND datname = current_database() AND pid <> pg_backend_pid())), 0)::int
    FROM pg_stat_activity
"""


def look_at_settings(report: Report) -> None:
    report.facts["environment"] = settings.ENVIRONMENT
    for problem in settings.CONFIGURATION_PROBLEMS:
        report.find(problem, "Correct the environment (docs/reference/settings.md) and restart every process.")


def look_at_database(report: Report) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT version(), current_setting('server_version_num')::int, current_setting('server_encoding')"
        )
        version, number, encoding = cursor.fetchone()
        report.facts["version"] = " ".join(version.split()[:2])
        if number // 10_000 < OLDEST_POSTGRESQL:
            report.find(
                f"{report.facts['version']} is too old.", f"Upgrade to PostgreSQL {OLDEST_POSTGRESQL} or later."
            )
        if encoding != "UTF8":
            report.find(f"The database is encoded in {encoding}.", "Make one with ENCODING 'UTF8' and move the data.")
        wanted = [
            "autovacuum",
            *(("fsync", "full_page_writes", "synchronous_commit") if settings.IS_PRODUCTION else ()),
        ]
        for name in wanted:
            cursor.execute("SELECT current_setting(%s)", [name])
            if cursor.fetchone()[0] == "off":
                report.find(f"PostgreSQL runs with {name} = off.", f"Switch it on. {_ADMINISTRATOR}")
        cursor.execute(_CONNECTIONS)
        used, most, oldest = cursor.fetchone()
    report.facts |= {"connections": used, "max_connections": most}
    if used > MOST_CONNECTIONS_USED * most:
        report.find(f"{used} of {most} connections are in use.", "Raise max_connections, or put pgbouncer before it.")
    if oldest > LONGEST_TRANSACTION_SECONDS:
        report.find(
            f"A transaction has been open for {oldest} s.",
            "Find it in pg_stat_activity (ORDER BY xact_start) and end it: it keeps dead rows from being removed.",
        )


def look_at_migrations(report: Report) -> None:
    executor = MigrationExecutor(connection)
    missing = [f"{migration.app_label}.{migration.name}" for migration, _ in executor.migration_plan(
        executor.loader.graph.leaf_nodes()
    )]  # fmt: skip
    if missing:
        report.find(f"Migrations are not applied: {', '.join(missing)}.", "Run `python manage.py migrate`.")


def look_at_keys(report: Report) -> None:
    for problem in encryption_problems():
        report.find(problem, "Give this host the keys of the others (docs/how-to/rotate-keys.md).")
    if not report.findings:
        for problem in canary_problems():
            report.find(
                problem, "Compare ENCRYPTION_KEY with the key of the last working release; change nothing before."
            )


def look_at_broker(report: Report) -> None:
    client = redis.Redis.from_url(
        redis_py_url(settings.CELERY_BROKER_URL), socket_connect_timeout=_REDIS_SECONDS, socket_timeout=_REDIS_SECONDS
    )
    try:
        with client:
            version = str(client.info("server")["redis_version"])
    except redis.RedisError as error:
        report.find(f"Redis does not answer: {error}", "Start it, or correct REDIS_URL; deliveries go on meanwhile.")
        return
    report.facts["version"] = f"Redis {version}"
    if tuple(int(part) for part in version.split(".")[:2]) < OLDEST_REDIS:
        report.find(f"Redis {version} is too old.", f"Upgrade to Redis {'.'.join(map(str, OLDEST_REDIS))} or later.")


def look_at_partitions(report: Report) -> None:
    for table in report_tables():
        report.facts[table.table] = f"{len(table.partitions)} days, until {table.last_day}"
        for finding in table.findings():
            report.find(
                finding,
                "Run `python manage.py manage_partitions`. If it comes back: beat does not run, or a host's clock is wrong.",
            )


def look_at_system_checks(report: Report) -> None:
    found = checks.run_checks(databases=["default"], include_deployment_checks=settings.IS_PRODUCTION)
    for message in found:
        if message.level >= checks.WARNING and not message.is_silenced():
            report.find(f"{message.id}: {message.msg}", message.hint or "See docs/reference/checks.md.")


def look_at_sizes(report: Report) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_SIZES)
        rows = cursor.fetchall()
    report.facts["bytes"] = sum(size for _, size, _ in rows)
    report.facts["tables"] = {table: {"bytes": size, "partitions": count} for table, size, count in rows}
