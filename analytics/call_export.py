"""A tenant's calls as a file that is written while it is sent: CSV for spreadsheets, JSON lines for programs."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, timedelta
from typing import Any, Final
from uuid import UUID

from django.utils import timezone

from analytics.call_filter import SEARCHED, CallFilter
from analytics.models import WebhookCall
from analytics.queries import DescribedCalls, calls_of_tenant, calls_of_webhook, described
from integrations.errors import InvalidInputError
from integrations.isolation.scope import tenant_scope
from integrations.isolation.streaming import pages_in_scope
from integrations.models import Tenant
from integrations.spreadsheets import harmless_cell

MAX_ROWS: Final = 100_000
LONGEST_EXPORT: Final = timedelta(days=31)
# Rows of one unit of work: with their payloads they have to fit into memory.
PAGE_ROWS: Final = 100
COLUMNS: Final = (
    *("timestamp", "id", "webhook", "workflow_name", "delivery", "run", "attempt", "attempts", "is_final"),
    *("event_type", "triggered_by", "status_code", "response_time_ms", "success", "error_kind", "error_message"),
    "metadata",
)

Writer = Callable[[DescribedCalls], Iterable[str]]


@dataclass(frozen=True, slots=True)
class FileFormat:
    """How calls are written: what stands before the first, and the text of each page."""

    content_type: str
    header: str
    write: Writer
    has_contents: bool
    """Whether headers, payload and response body are written; they are not even read otherwise."""


def export_calls(
    *, tenant: Tenant, webhook_id: UUID | None, wanted: CallFilter, file_format: FileFormat
) -> Iterator[str]:
    """Return the file piece by piece, newest calls first.

    Of the last seven days unless `wanted` says otherwise. Pages of 100 rows are read by key, each in a scope of its own:
    no transaction is open while a page is sent, however slowly. Calls that are recorded meanwhile are not in it.

    Raises InvalidInputError, naming `from` or `to`, for more than 31 days or 100,000 rows, since a file that was cut
    would look whole, and for what `CallFilter.bounded` refuses.
    """
    wanted = _bounded(wanted)
    with tenant_scope(tenant):
        calls = _calls(tenant, webhook_id, wanted)
        if calls.values_list("id", flat=True)[MAX_ROWS : MAX_ROWS + 1]:
            raise InvalidInputError({"from": [f"These are more than {MAX_ROWS:,} calls: choose a shorter period."]})
    if not file_format.has_contents:
        calls = calls.defer("request_headers", "response_body")

    def page_after(mark: UUID | None) -> tuple[Sequence[str], UUID | None]:
        rows = list((calls if mark is None else calls.filter(id__lt=mark))[:PAGE_ROWS])
        known = described(tenant_id=tenant.id, calls=rows, with_payloads=file_format.has_contents)
        return list(file_format.write(known)), rows[-1].id if len(rows) == PAGE_ROWS else None

    return _pieces(file_format.header, pages_in_scope(tenant, page_after))


def csv_rows(page: DescribedCalls) -> Iterator[str]:
    """Yield the lines (RFC 4180) of a page; no cell begins like a formula."""
    yield _csv_lines(_cells(call, page.requests.get((call.delivery_id, call.run), 1)) for call in page.calls)


def _csv_lines(lines: Iterable[Iterable[Any]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows(lines)
    return text.getvalue()


CSV_HEADER: Final = _csv_lines([COLUMNS])


def _cells(call: WebhookCall, requests: int) -> Iterator[str]:
    values: tuple[Any, ...] = (
        call.timestamp.astimezone(UTC).isoformat().replace("+00:00", "Z"),
        *(call.id, call.target_id, call.workflow_name, call.delivery_id, call.run, call.attempt, requests),
        *(call.is_final, call.event_type, call.triggered_by, call.status_code, call.response_time_ms, call.success),
        *(call.error_kind, call.error_message),
        json.dumps(call.metadata, ensure_ascii=False, separators=(",", ":")) if call.metadata else "",
    )
    for value in values:
        if value is None:
            yield ""
        else:
            yield str(value).lower() if isinstance(value, bool) else harmless_cell(str(value))


def _bounded(wanted: CallFilter) -> CallFilter:
    now = timezone.now()
    end = wanted.end or now
    start = wanted.start or end - SEARCHED
    bounded = replace(wanted, start=start).bounded()
    if start >= end:
        raise InvalidInputError({"from": ["This must lie in the past."]})
    if min(end, now) - start > LONGEST_EXPORT:
        raise InvalidInputError({"from": [f"An export has at most {LONGEST_EXPORT.days} days: begin later."]})
    return bounded


def _calls(tenant: Tenant, webhook_id: UUID | None, wanted: CallFilter) -> Any:
    if webhook_id is None:
        return calls_of_tenant(tenant_id=tenant.id, wanted=wanted)
    return calls_of_webhook(tenant_id=tenant.id, webhook_id=webhook_id, wanted=wanted)


def _pieces(header: str, pages: Iterator[Sequence[str]]) -> Iterator[str]:
    if header:
        yield header
    for page in pages:
        yield "".join(page)
