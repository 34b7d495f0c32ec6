from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.test import APIRequestFactory

from integrations.activity.models import ActorKind
from integrations.api.pagination import CursorByID
from integrations.ids import uuid7
from integrations.models import ActivityLog


@pytest.fixture
def ids(db: None) -> list[UUID]:
    """Return the ids of seven rows, newest first."""
    rows = ActivityLog.objects.bulk_create(entry() for _ in range(7))
    return sorted((row.id for row in rows), reverse=True)


def entry() -> ActivityLog:
    return ActivityLog(id=uuid7(), actor_kind=ActorKind.SYSTEM, actor_name="test", verb="test.done", object_kind="test")


def page(address: str) -> dict[str, Any]:
    paginator = CursorByID()
    request = Request(APIRequestFactory().get(address))
    rows = paginator.paginate_queryset(ActivityLog.objects.all(), request)
    response: dict[str, Any] = paginator.get_paginated_response([row.id for row in rows]).data
    return response


def test_walks_to_the_end_and_back(ids: list[UUID]) -> None:
    first = page("/list?page_size=3&verb=x")
    second = page(first["next"])
    third = page(second["next"])

    assert [first["results"], second["results"], third["results"]] == [ids[:3], ids[3:6], ids[6:]]
    assert (first["previous"], third["next"]) == (None, None)
    assert first["next"].startswith("http://testserver/list?cursor=")
    assert "verb=x" in first["next"]
    assert "page_size=3" in first["next"]

    back = page(third["previous"])
    assert back["results"] == ids[3:6]
    start = page(back["previous"])
    assert (start["results"], start["previous"]) == (ids[:3], None)
    assert page(start["next"])["results"] == ids[3:6]


def test_neither_repeats_nor_hides_rows_when_new_ones_arrive(ids: list[UUID]) -> None:
    first = page("/list?page_size=3")
    newer = entry()
    newer.save()

    second = page(first["next"])

    assert second["results"] == ids[3:6]
    assert page(second["previous"])["results"] == ids[:3]
    assert page(page(second["previous"])["previous"])["results"] == [newer.id]


def test_finds_the_way_back_from_an_empty_page(ids: list[UUID]) -> None:
    last = page(page("/list?page_size=6")["next"])
    cursor_behind_the_end = CursorByID()
    cursor_behind_the_end._request = Request(APIRequestFactory().get("/list"))
    beyond = page(str(cursor_behind_the_end._link(b"o", ids[-1])))

    assert (last["results"], beyond["results"], beyond["next"]) == (ids[6:], [], None)
    assert page(beyond["previous"])["results"] == ids


def test_answers_an_empty_list(db: None) -> None:
    assert page("/list") == {"next": None, "previous": None, "results": []}


def test_ends_exactly_at_a_full_page(ids: list[UUID]) -> None:
    assert page("/list?page_size=7")["next"] is None


@pytest.mark.parametrize("cursor", ["x", "é", "%00", "A" * 22, "A" * 23, "b" * 5000, "===", "%20"])
def test_refuses_a_cursor_of_its_callers_making(db: None, cursor: str) -> None:
    with pytest.raises(ValidationError) as caught:
        page(f"/list?cursor={cursor}")

    assert caught.value.detail == {"cursor": ["Is none that a list answered."]}


def test_reads_one_page_with_one_query(ids: list[UUID]) -> None:
    with CaptureQueriesContext(connection) as captured:
        page(page("/list?page_size=2")["next"])

    assert len(captured) == 2
    assert all("COUNT" not in query["sql"] for query in captured)
