"""The short way answers as REST framework's own does, for every pair of headers."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
from django.test import RequestFactory
from rest_framework.exceptions import NotAcceptable
from rest_framework.negotiation import BaseContentNegotiation, DefaultContentNegotiation
from rest_framework.parsers import JSONParser
from rest_framework.renderers import BaseRenderer, JSONRenderer, StaticHTMLRenderer
from rest_framework.request import Request

from integrations.api.negotiation import UsualJSONNegotiation
from integrations.api.parsers import StrictJSONParser

TYPES = [
    *(None, "", "*/*", "application/json", "application/*", "application/json; charset=utf-8", "APPLICATION/JSON"),
    *("application/json; indent=4", "text/html", "text/html, */*;q=0.1", "nonsense", "application/jsonp"),
]


def request(query: str = "", **headers: str | None) -> Request:
    meta = {name: value for name, value in headers.items() if value is not None}
    made = RequestFactory().get(f"/api/v1/x{query}")
    made.META.pop("CONTENT_TYPE", None)
    made.META.update(meta)
    return Request(made)


def rendered(negotiation: Any, asked: Request, renderers: list[BaseRenderer]) -> tuple[BaseRenderer, str] | None:
    try:
        return negotiation.select_renderer(asked, renderers)  # type: ignore[no-any-return]
    except NotAcceptable:
        return None


@pytest.mark.parametrize("query", ["", "?format=", "?format=json", "?format=json&format="])
@pytest.mark.parametrize("accept", TYPES)
def test_chooses_the_renderer_that_rest_framework_chooses(accept: str | None, query: str) -> None:
    for renderers in ([JSONRenderer()], [StaticHTMLRenderer(), JSONRenderer()], [JSONRenderer(), StaticHTMLRenderer()]):
        ours = rendered(UsualJSONNegotiation(), request(query, HTTP_ACCEPT=accept), renderers)

        assert ours == rendered(DefaultContentNegotiation(), request(query, HTTP_ACCEPT=accept), renderers)


@pytest.mark.parametrize("content_type", TYPES)
def test_chooses_the_parser_that_rest_framework_chooses(content_type: str | None) -> None:
    parsers = [StrictJSONParser(), JSONParser()]
    kinds: list[type[BaseContentNegotiation]] = [UsualJSONNegotiation, DefaultContentNegotiation]
    for given in (parsers, parsers[:1], []):
        ours, theirs = (kind().select_parser(request(CONTENT_TYPE=content_type), given) for kind in kinds)

        assert ours is theirs


def test_the_usual_headers_are_not_taken_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("select_parser", "select_renderer"):
        monkeypatch.setattr(DefaultContentNegotiation, name, lambda *_: pytest.fail("the long way was taken"))
    negotiation, renderer, parser = UsualJSONNegotiation(), JSONRenderer(), StrictJSONParser()

    for accept, content_type in product([None, "*/*", "application/json"], ["application/json"]):
        asked = request(HTTP_ACCEPT=accept, CONTENT_TYPE=content_type)
        assert negotiation.select_renderer(asked, [renderer]) == (renderer, "application/json")
        assert negotiation.select_parser(asked, [parser]) is parser
