"""What the views share through which something is sent: waiting, idempotency keys, and the answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any, Final

from drf_spectacular.utils import OpenApiParameter
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from integrations.api.idempotency import REPLAY_HEADER, with_key
from integrations.api.tenancy import TenantMixin
from integrations.errors import InvalidInputError
from webhooks.services.audience import Choose
from webhooks.services.payloads import new_event
from webhooks.services.sending import Sent, send

WAIT_PARAMETERS: Final = [
    OpenApiParameter("wait", bool, description="`true`: wait for the results instead of answering at once."),
    OpenApiParameter("wait_seconds", float, description="For how long at most: above 0, at most 60, 10 unless given."),
]


class SendingMixin(TenantMixin):
    """For views whose body is a call's."""

    safe_to_repeat = True

    def sent(self, request: Request, body: Mapping[str, Any], *, choose: Choose) -> Sent:
        """Send what the body says, by the rules that body and query give."""
        given = with_key(request, body)
        rules = {name: given.pop(name) for name in ("max_retries", "timeout") if name in given}
        return send(tenant=self.tenant, choose=choose, event=new_event(**given), **rules, **waiting(request))


def is_waiting(request: Request) -> bool:
    """Tell whether the query asks for the results."""
    wait = request.query_params.get("wait", "false")
    if wait not in {"true", "false"}:
        raise InvalidInputError({"wait": ["Give true or false."]})
    return wait == "true"


def waiting(request: Request) -> dict[str, Any]:
    """Return the options of waiting that the query gives."""
    options: dict[str, Any] = {"wait": is_waiting(request)}
    if (seconds := request.query_params.get("wait_seconds")) is not None:
        try:
            options["wait_seconds"] = float(seconds)
        except ValueError:
            raise InvalidInputError({"wait_seconds": ["Give a number."]}) from None
    return options


def answered(request: Request, sent: Sent, results: Callable[[Sent], Mapping[str, Any]]) -> Response:
    """Answer 202 while something is under way, 200 when the end of all was waited for; with results only then."""
    waited = is_waiting(request)
    is_over = waited and all(result.success is not None for result in sent.results.values())
    return Response(
        {"id": sent.event_id, "deliveries": sent.delivery_ids, **(results(sent) if waited else {})},
        status=status.HTTP_200_OK if is_over else status.HTTP_202_ACCEPTED,
        headers={REPLAY_HEADER: "true"} if sent.is_replay else None,
    )


def results_by_name(sent: Sent) -> dict[str, Any]:
    """Return the results of an event that may have had several deliveries."""
    return {"results": {name: asdict(result) for name, result in sent.results.items()}}


def only_result(sent: Sent) -> dict[str, Any]:
    """Return the result of an event that had one delivery."""
    (result,) = sent.results.values()
    return asdict(result)
