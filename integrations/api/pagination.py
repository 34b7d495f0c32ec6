"""Two ways through a list: numbered pages where a count is cheap, cursors where rows grow without end."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Any
from uuid import UUID

from rest_framework.exceptions import ValidationError
from rest_framework.pagination import BasePagination, PageNumberPagination
from rest_framework.response import Response
from rest_framework.utils.urls import remove_query_param, replace_query_param

if TYPE_CHECKING:  # REST framework's views import this module, through its settings
    from rest_framework.request import Request
    from rest_framework.views import APIView

DEFAULT_PAGE_SIZE = 50
MAX_PAGE_SIZE = 200
_PAGE_SIZE_PARAMETER: dict[str, Any] = {
    "name": "page_size",
    "in": "query",
    "required": False,
    "description": f"Rows on a page, {DEFAULT_PAGE_SIZE} unless given.",
    "schema": {"type": "integer", "minimum": 1, "maximum": MAX_PAGE_SIZE},
}


def requested_page_size(request: Request) -> int:
    """Return `page_size`, or the default; 422 for anything but a number from 1 to 200."""
    raw = request.query_params.get("page_size")
    if raw is None:
        return DEFAULT_PAGE_SIZE
    if not (raw.isascii() and raw.isdigit() and len(raw) <= 9 and 1 <= int(raw) <= MAX_PAGE_SIZE):
        raise ValidationError({"page_size": [f"Must be a number from 1 to {MAX_PAGE_SIZE}."]})
    return int(raw)


def _answer_schema(
    first: dict[str, Any], results: dict[str, Any], next_query: str, previous_query: str
) -> dict[str, Any]:
    """Return the OpenAPI schema of a list's answer; its examples complete those of the rows."""

    def link(query: str) -> dict[str, Any]:
        example = f"https://signalbox.example.com/api/…?{query}"
        return {"type": "string", "format": "uri", "nullable": True, "example": example}

    members = {**first, "next": link(next_query), "previous": link(previous_query), "results": results}
    return {"type": "object", "required": list(members), "properties": members}


class PageNumbers(PageNumberPagination):
    """`?page=2&page_size=50`, answered as `{count, next, previous, results}`; a page beyond the last is a 404."""

    page_size = DEFAULT_PAGE_SIZE
    max_page_size = MAX_PAGE_SIZE
    page_size_query_param = "page_size"

    def get_page_size(self, request: Request) -> int:
        return requested_page_size(request)

    def get_schema_operation_parameters(self, view: APIView) -> list[dict[str, Any]]:
        page = {
            "name": "page",
            "in": "query",
            "required": False,
            "description": "Counted from 1; 404 beyond the last.",
            "schema": {"type": "integer", "minimum": 1},
        }
        return [page, _PAGE_SIZE_PARAMETER]

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        return _answer_schema({"count": {"type": "integer", "example": 123}}, schema, "page=4", "page=2")


class CursorByID(BasePagination):
    """`?cursor=…`, newest first by id, answered as `{next, previous, results}`.

    Ids are UUIDv7, so this is nearly the order of time and costs the same on every page. A cursor names the id at
    an edge of a page: rows that arrive meanwhile neither repeat nor hide others.
    """

    _OLDER, _NEWER = b"o", b"n"

    def paginate_queryset(self, queryset: Any, request: Request, view: APIView | None = None) -> list[Any]:
        self._request = request
        size = requested_page_size(request)
        direction, edge = self._read_cursor(request)
        if direction == self._NEWER:
            rows = list(queryset.filter(id__gt=edge).order_by("id")[: size + 1])
            more = len(rows) > size
            rows = rows[:size][::-1]
            self._has_newer, self._has_older = more, True
        else:
            if edge is not None:
                queryset = queryset.filter(id__lt=edge)
            rows = list(queryset.order_by("-id")[: size + 1])
            self._has_newer, self._has_older = edge is not None, len(rows) > size
            rows = rows[:size]
        self._first: UUID | None = rows[0].pk if rows else None
        self._last: UUID | None = rows[-1].pk if rows else None
        return rows

    def get_paginated_response(self, data: Any) -> Response:
        return Response({"next": self.get_next_link(), "previous": self.get_previous_link(), "results": data})

    def get_next_link(self) -> str | None:
        """Return the address of the next, older page."""
        return self._link(self._OLDER, self._last) if self._has_older and self._last else None

    def get_previous_link(self) -> str | None:
        """Return the address of the page before, with newer rows; from an empty page, that of the newest rows."""
        if not self._has_newer:
            return None
        if self._first is None:
            return str(remove_query_param(self._request.build_absolute_uri(), "cursor"))
        return self._link(self._NEWER, self._first)

    def get_schema_operation_parameters(self, view: APIView) -> list[dict[str, Any]]:
        cursor = {
            "name": "cursor",
            "in": "query",
            "required": False,
            "description": "Where to go on; take it from `next` or `previous` of an answer.",
            "schema": {"type": "string"},
        }
        return [cursor, _PAGE_SIZE_PARAMETER]

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        return _answer_schema({}, schema, "cursor=bwGh-J9LBXZdvxo9W3FN7RA", "cursor=bgGh-J9LBXZdvxo9W3FN7RA")

    def _link(self, direction: bytes, edge: UUID) -> str:
        cursor = base64.urlsafe_b64encode(direction + edge.bytes).decode("ascii").rstrip("=")
        return str(replace_query_param(self._request.build_absolute_uri(), "cursor", cursor))

    def _read_cursor(self, request: Request) -> tuple[bytes, UUID | None]:
        raw = request.query_params.get("cursor")
        if not raw:
            return self._OLDER, None
        try:
            decoded = base64.urlsafe_b64decode(raw.encode("ascii") + b"==")
        except (UnicodeEncodeError, binascii.Error):
            decoded = b""
        if len(decoded) != 17 or decoded[:1] not in {self._OLDER, self._NEWER}:
            raise ValidationError({"cursor": ["Is none that a list answered."]})
        return decoded[:1], UUID(bytes=decoded[1:])
