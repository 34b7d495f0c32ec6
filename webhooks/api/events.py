"""Events: `POST …/events` and `POST …/events/batch`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import IO, Any, Final

from django.core.exceptions import RequestDataTooBig
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from integrations.api.idempotency import BODY_KEY_PARAMETER, KEY_HEADER, given_key, with_key
from integrations.api.parsers import StrictJSONParser
from integrations.api.problems import problem_of
from integrations.api.tenancy import TenantMixin
from integrations.errors import InvalidInputError, ServiceError
from integrations.scopes import Scope
from webhooks.api.sending import WAIT_PARAMETERS, answered, is_waiting, results_by_name, waiting
from webhooks.api.sending_examples import (
    ACCEPTED,
    BATCH,
    BATCH_ACCEPTED,
    PUBLISH,
    PUBLISH_UNDER_WAY,
    PUBLISHED,
)
from webhooks.api.sending_serializers import (
    BatchSerializer,
    EventBatchBodySerializer,
    EventBodySerializer,
    PublishedSerializer,
)
from webhooks.services.accept import Accepted
from webhooks.services.audience import subscribers
from webhooks.services.events import event_of, publish_batch
from webhooks.services.sending import send

MAX_BATCH_BYTES: Final = 8 * 1024 * 1024


class EventsView(TenantMixin, APIView):
    scopes = {"POST": Scope.EVENTS_WRITE}
    safe_to_repeat = True

    @extend_schema(
        tags=["events"],
        operation_id="events_publish",
        summary="Publish an event",
        description=(
            "Stores the event with a delivery for each active webhook whose `event_types` match, and answers 202. An "
            "event that matches nothing is stored, too. With `wait=true` the answer holds the results by webhook: 200 "
            "when all are over, 202 when it takes longer. 403 for an inactive tenant."
        ),
        parameters=[*WAIT_PARAMETERS, BODY_KEY_PARAMETER],
        request=EventBodySerializer,
        responses={200: PublishedSerializer, 202: PublishedSerializer},
        examples=[PUBLISH, ACCEPTED, PUBLISHED, PUBLISH_UNDER_WAY],
    )
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        event = event_of(with_key(request))
        sent = send(tenant=self.tenant, choose=subscribers, event=event, **waiting(request))
        return answered(request, sent, results_by_name)


class EventBatchParser(StrictJSONParser):
    """Parse at most 8 MiB. What only spoils one event of the batch is left to that event's own answer."""

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        request: Request = (parser_context or {})["request"]
        if int(request.META.get("CONTENT_LENGTH") or 0) > MAX_BATCH_BYTES:
            raise RequestDataTooBig
        return super().parse(stream, media_type, parser_context)

    def refuse_what_cannot_be_stored(self, raw: bytes, value: dict[str, Any]) -> None:
        pass


class EventBatchView(TenantMixin, APIView):
    scopes = {"POST": Scope.EVENTS_WRITE}
    safe_to_repeat = True  # each event has its own key
    parser_classes = (EventBatchParser,)

    @extend_schema(
        tags=["events"],
        operation_id="events_publish_batch",
        summary="Publish many events",
        description=(
            "Up to 1,000 events and 8 MiB. Each has its own answer, in the order given: a bad one does not spoil the "
            "others. A batch does not wait for results, and each event brings its own `idempotency_key`: a batch that "
            "is sent again stores only what was not stored. 403 for an inactive tenant."
        ),
        request=EventBatchBodySerializer,
        responses={202: BatchSerializer},
        examples=[BATCH, BATCH_ACCEPTED],
    )
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        results = [_item(answer) for answer in publish_batch(self.tenant, _events(request))]
        accepted = sum(result["status"] == status.HTTP_202_ACCEPTED for result in results)
        return Response(
            {"accepted": accepted, "refused": len(results) - accepted, "results": results},
            status=status.HTTP_202_ACCEPTED,
        )


def _events(request: Request) -> list[Any]:
    """Return the batch's events; InvalidInputError for what concerns the batch as a whole."""
    errors: dict[str, list[str]] = {}
    body: Any = request.data
    events = body.get("events")
    if "events" not in body:
        errors["events"] = ["This field is required."]
    elif not isinstance(events, list):
        errors["events"] = ["Give a list of events."]
    if not body.keys() <= {"events"}:
        errors["non_field_errors"] = ["There is no field beside events."]
    if given_key(request) is not None:
        errors["idempotency_key"] = [f"A batch takes no header {KEY_HEADER}: give each event its own key."]
    if is_waiting(request):
        errors["wait"] = ["A batch does not wait."]
    if errors:
        raise InvalidInputError(errors)
    return list(events or ())


def _item(answer: Accepted | ServiceError) -> dict[str, Any]:
    if isinstance(answer, Accepted):
        return {"status": status.HTTP_202_ACCEPTED, "id": answer.event_id, "deliveries": answer.delivery_ids}
    problem = problem_of(answer)
    assert problem is not None  # noqa: S101  (every ServiceError has one)
    if not problem.errors:
        return {"status": problem.status, "detail": problem.detail}
    wrong = ", ".join(list(problem.errors)[:5])
    return {
        "status": problem.status,
        "detail": f"The event has wrong fields: {wrong}.",
        "errors": problem.errors,
    }
