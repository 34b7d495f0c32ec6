"""`POST|GET /api/webhooks/in/{receiver}`: where external systems deliver. Open to all; the signature lets in.

The provider decides the answer; refusals are problem details like everywhere.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import UUID

from django.conf import settings
from django.http import HttpResponse
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import APIException, MethodNotAllowed
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.views import APIView

from integrations.errors import NotFoundError
from integrations.providers.receiving import Incoming
from integrations.providers.registry import get_receiving
from webhooks.models import InboundOutcome
from webhooks.services.receiving import NotLetInError, check_size, find_receiver, receive

_STATUSES = {
    InboundOutcome.SIGNATURE: 401,
    InboundOutcome.STALE: 401,
    InboundOutcome.NETWORK: 403,
    InboundOutcome.RATE: 429,
    InboundOutcome.TOO_LARGE: 413,
    InboundOutcome.MALFORMED: 400,
}


class _Refusal(APIException):
    def __init__(self, refusal: NotLetInError) -> None:
        super().__init__(refusal.detail)
        self.status_code = _STATUSES[refusal.outcome]
        self.wait = refusal.wait


@extend_schema(exclude=True)  # its users are external systems, which know what they send
class InboundView(APIView):
    authentication_classes = ()
    permission_classes = (AllowAny,)
    http_method_names = ["get", "post"]  # no HEAD, no OPTIONS: nobody genuine asks

    def perform_content_negotiation(self, request: Request, force: bool = False) -> Any:
        """Whatever the sender says it accepts: the provider decides what it is told."""
        renderer = self.get_renderers()[0]
        return renderer, renderer.media_type

    def get(self, request: Request, receiver: str) -> HttpResponse:
        """Answer the providers that ask whether we are there, and take in what some send as a query; nobody reads here."""
        return self._receive(request, receiver)

    def post(self, request: Request, receiver: str) -> HttpResponse:
        return self._receive(request, receiver)

    def _receive(self, request: Request, reference: str) -> HttpResponse:
        try:
            receiver = find_receiver(UUID(reference))
        except ValueError:
            raise NotFoundError("There is no such receiver.") from None
        receiving = get_receiving(receiver.provider)
        as_query = request.method == "GET" and receiving.takes_queries and bool(request.query_params)
        if request.method == "GET" and not (receiving.has_verify_token or as_query):
            raise MethodNotAllowed("GET")  # and scanners do not count as wrong signatures
        try:
            check_size(receiver, _declared_size(request))  # before the body is read
            incoming = _of_query(_incoming(request)) if as_query else _incoming(request)
            answer = receive(receiver, incoming, address=request._request.client_address)  # type: ignore[attr-defined]
        except NotLetInError as refusal:
            raise _Refusal(refusal) from None
        return HttpResponse(answer.body, status=answer.status, content_type=answer.content_type)


def _incoming(request: Request) -> Incoming:
    """Return the request as it came in, its address as the sender was given it: proxies change what we see."""
    raw = request._request
    query = raw.META.get("QUERY_STRING", "")
    return Incoming(
        method=raw.method or "",
        url=f"{settings.APP_URL}{raw.path}" + (f"?{query}" if query else ""),
        headers={name.lower(): value for name, value in raw.headers.items()},
        query=raw.GET.dict(),
        body=raw.body,
        received_at=timezone.now(),
    )


def _of_query(incoming: Incoming) -> Incoming:
    """Return the request as the form that its query is."""
    headers = {**incoming.headers, "content-type": "application/x-www-form-urlencoded"}
    return replace(incoming, body=incoming.url.partition("?")[2].encode(), headers=headers)


def _declared_size(request: Request) -> int:
    text = request.META.get("CONTENT_LENGTH") or ""
    return int(text) if text.isascii() and text.isdigit() else 0
