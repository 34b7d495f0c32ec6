"""A tenant's webhooks: `GET|POST …/webhooks`, `GET|PUT|PATCH|DELETE …/webhooks/{webhook}`, its secret, its breaker, a test call.

The tenant comes from `TenantMixin`, so that other addresses may serve the same views with another permission and
another source of the tenant. Every read, and the work of showing it, happens inside the tenant's scope.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any
from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import generics, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from integrations.api.preconditions import expected_version
from integrations.api.tenancy import TenantMixin
from integrations.isolation.scope import tenant_scope
from integrations.scopes import Scope
from webhooks.api.examples import (
    CREATE,
    CREATE_DERIVED,
    CREATED,
    DISABLE,
    REPLACE,
    RESULT,
    ROTATED_SECRET,
    SECRET,
    SHOWN,
    TEST,
    UNDER_WAY,
)
from webhooks.api.filters import WebhookFilter
from webhooks.api.serializers import (
    SigningSecretSerializer,
    WebhookChangeSerializer,
    WebhookCreatedSerializer,
    WebhookSerializer,
    WebhookTestResultSerializer,
    WebhookTestSerializer,
    WebhookWriteSerializer,
)
from webhooks.models import Webhook
from webhooks.queries import get_webhook, webhooks_of
from webhooks.services.breaker import reset_breaker
from webhooks.services.calls import test_webhook
from webhooks.services.signing_secrets import ReadSecret, read_signing_secret, rotate_signing_secret
from webhooks.services.waiting import wait_for
from webhooks.services.webhooks import create_webhook, delete_webhook, replace_webhook, update_webhook
from webhooks.signing import public_key_of
from webhooks.target_url import DerivedUrls

_WEBHOOK = OpenApiParameter("webhook", str, OpenApiParameter.PATH, description="The webhook's id or workflow_name.")
_NEVER_STORED = {"Cache-Control": "no-store"}


class WebhookTenantMixin(TenantMixin):
    """What the views of webhooks share: finding the one that the path names, and showing it."""

    versioned = True

    def webhook(self) -> Webhook:
        """Return the webhook of the path; NotFoundError (404) where there is none."""
        return get_webhook(self.tenant, self.kwargs["webhook"])

    def shown(self, webhook: Webhook) -> dict[str, Any]:
        """Return the answer for a webhook as it is stored now, with its totals."""
        with tenant_scope(self.tenant):
            stored = get_webhook(self.tenant, str(webhook.id))
            context = {"derived": DerivedUrls(self.tenant), "hide_secrets": self.hide_secrets}
            return dict(WebhookSerializer(stored, context=context).data)


@extend_schema(tags=["webhooks"])
@extend_schema_view(
    get=extend_schema(
        operation_id="webhooks_list",
        summary="List webhooks",
        description="By name unless `ordering` says other.",
        examples=[SHOWN],
    )
)
class WebhookList(WebhookTenantMixin, generics.ListAPIView[Webhook]):
    scopes = {"GET": Scope.WEBHOOKS_READ, "POST": Scope.WEBHOOKS_WRITE}
    queryset = Webhook.objects.none()
    serializer_class = WebhookSerializer
    filterset_class = WebhookFilter

    def get_queryset(self) -> Any:
        # The API's description is made without a request, and so without a tenant.
        return webhooks_of(self.tenant.id) if hasattr(self, "tenant") else self.queryset

    def get_serializer_context(self) -> dict[str, Any]:
        if not hasattr(self, "tenant"):
            return dict(super().get_serializer_context())
        shown = {"derived": DerivedUrls(self.tenant), "hide_secrets": self.hide_secrets}
        return {**super().get_serializer_context(), **shown}

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        with tenant_scope(self.tenant):
            return super().list(request, *args, **kwargs)

    @extend_schema(
        operation_id="webhooks_create",
        summary="Create a webhook",
        description=(
            "Without a `url` the address is derived: `{base_url}/{tenant slug}/{workflow_name with _ as -}`, from the "
            "n8n integration. The answer holds the signing secret. 409 for a name that is taken."
        ),
        request=WebhookWriteSerializer,
        responses={201: WebhookCreatedSerializer},
        examples=[CREATE, CREATE_DERIVED, CREATED],
    )
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        given = WebhookWriteSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        webhook = create_webhook(actor=self.actor, tenant=self.tenant, **given.validated_data)
        secret = webhook.signing_secret.reveal()
        answer = {**self.shown(webhook), "signing_secret": secret, "public_key": public_key_of(secret)}
        return Response(answer, status=status.HTTP_201_CREATED, headers=_NEVER_STORED)


@extend_schema(tags=["webhooks"], parameters=[_WEBHOOK])
class WebhookDetail(WebhookTenantMixin, APIView):
    scopes = {
        "GET": Scope.WEBHOOKS_READ,
        "PUT": Scope.WEBHOOKS_WRITE,
        "PATCH": Scope.WEBHOOKS_WRITE,
        "DELETE": Scope.WEBHOOKS_WRITE,
    }

    @extend_schema(
        operation_id="webhooks_retrieve",
        summary="Show a webhook",
        responses=WebhookSerializer,
        examples=[SHOWN],
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return Response(self.shown(self.webhook()))

    @extend_schema(
        operation_id="webhooks_replace",
        summary="Replace a webhook",
        description="Fields that are left out get their defaults; secrets that are left out or blank are kept.",
        request=WebhookChangeSerializer,
        responses=WebhookSerializer,
        examples=[REPLACE, SHOWN],
    )
    def put(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        webhook = self.webhook()
        replaced = replace_webhook(
            actor=self.actor,
            tenant=self.tenant,
            webhook_id=webhook.id,
            values=self._given(webhook, request),
            expected_version=expected_version(request),
        )
        return Response(self.shown(replaced))

    @extend_schema(
        operation_id="webhooks_change",
        summary="Change a webhook",
        description=(
            "What is left out stays as it is. Disabling holds the waiting deliveries; enabling brings them back, "
            "within 7 days: then they fail as expired. Another `signature_scheme` makes a new signing secret; the old "
            "one signs as well for 24 hours."
        ),
        request=WebhookChangeSerializer,
        responses=WebhookSerializer,
        examples=[DISABLE, SHOWN],
    )
    def patch(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        webhook = self.webhook()
        changed = update_webhook(
            actor=self.actor,
            tenant=self.tenant,
            webhook_id=webhook.id,
            changes=self._given(webhook, request),
            expected_version=expected_version(request),
        )
        return Response(self.shown(changed))

    @extend_schema(
        operation_id="webhooks_delete",
        summary="Delete a webhook",
        description="Waiting deliveries are cancelled. Calls stay until their retention ends.",
        request=None,
        responses={204: None},
    )
    def delete(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        delete_webhook(
            actor=self.actor,
            tenant=self.tenant,
            webhook_id=self.webhook().id,
            expected_version=expected_version(request),
        )
        return Response(status=status.HTTP_204_NO_CONTENT)

    @staticmethod
    def _given(webhook: Webhook, request: Request) -> Any:
        # Partial for PUT too: what a missing field means there is the service's to say.
        given = WebhookChangeSerializer(webhook, data=request.data, partial=True)
        given.is_valid(raise_exception=True)
        return given.validated_data


@extend_schema(tags=["webhooks"], parameters=[_WEBHOOK])
class WebhookSecret(WebhookTenantMixin, APIView):
    scopes = {"GET": Scope.WEBHOOKS_WRITE}  # who may change the webhook may read what signs for it
    shows_secrets = True

    @extend_schema(
        operation_id="webhooks_secret",
        summary="Read the signing secret",
        description=(
            "The one secret that may be read again. Leaves an entry in the activity log. With `ed25519` a receiver "
            "needs the public key only."
        ),
        responses=SigningSecretSerializer,
        examples=[SECRET],
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return _secret_answer(read_signing_secret(actor=self.actor, tenant=self.tenant, webhook_id=self.webhook().id))


@extend_schema(tags=["webhooks"], parameters=[_WEBHOOK])
class WebhookSecretRotation(WebhookTenantMixin, APIView):
    scopes = {"POST": Scope.WEBHOOKS_WRITE}

    @extend_schema(
        operation_id="webhooks_secret_rotate",
        summary="Rotate the signing secret",
        description=(
            "Answers the new secret. The old one signs as well for 24 hours, so that a receiver which accepts any "
            "matching signature misses nothing; rotating again within that time ends the oldest at once."
        ),
        request=None,
        responses=SigningSecretSerializer,
        examples=[ROTATED_SECRET],
    )
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return _secret_answer(rotate_signing_secret(actor=self.actor, tenant=self.tenant, webhook_id=self.webhook().id))


def _secret_answer(secret: ReadSecret) -> Response:
    body = {
        "signing_secret": secret.signing_secret,
        "public_key": secret.public_key,
        "previous_secret_expires_at": secret.previous_expires_at,
    }
    return Response(body, headers=_NEVER_STORED)


@extend_schema(tags=["webhooks"], parameters=[_WEBHOOK])
class WebhookBreakerReset(WebhookTenantMixin, APIView):
    scopes = {"POST": Scope.WEBHOOKS_WRITE}

    @extend_schema(
        operation_id="webhooks_breaker_reset",
        summary="Reset the circuit breaker",
        description="Closes it, so that what waits is sent now, and forgets since when there were only failures.",
        request=None,
        responses=WebhookSerializer,
        examples=[SHOWN],
    )
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        webhook = self.webhook()
        reset_breaker(actor=self.actor, tenant=self.tenant, webhook_id=webhook.id)
        return Response(self.shown(webhook))

    def address_of(self, object_id: str) -> str | None:
        return self.request.path.removesuffix("/breaker/reset")  # which may name it by its workflow_name


@extend_schema(tags=["webhooks"], parameters=[_WEBHOOK])
class WebhookTest(WebhookTenantMixin, APIView):
    scopes = {"POST": Scope.WEBHOOKS_WRITE}
    answer_id = "delivery_id"

    @extend_schema(
        operation_id="webhooks_test",
        summary="Send a test",
        description=(
            "Fires now and waits for the result; recorded and counted like any call, `triggered_by` is `test`. 202 with "
            "`success` null when it takes longer. 409 for a webhook that is disabled or has no address."
        ),
        request=WebhookTestSerializer,
        responses={200: WebhookTestResultSerializer, 202: WebhookTestResultSerializer},
        examples=[TEST, RESULT, UNDER_WAY],
    )
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        given = WebhookTestSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        result = test_webhook(self.webhook(), actor=self.actor, **given.validated_data)
        return Response(
            asdict(result), status=status.HTTP_202_ACCEPTED if result.success is None else status.HTTP_200_OK
        )

    def recalled(self, object_id: str) -> dict[str, Any]:
        (result,) = wait_for(tenant_id=self.tenant.id, delivery_ids=[UUID(object_id)], seconds=0)
        return asdict(result)
