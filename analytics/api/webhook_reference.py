"""Which webhook a request of this room is about: the one that its path names, or its query."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from drf_spectacular.utils import OpenApiParameter

from analytics.queries import find_webhook
from integrations.api.tenancy import TenantMixin
from integrations.errors import InvalidInputError, NotFoundError
from integrations.isolation.scope import tenant_scope

IN_PATH: Final = OpenApiParameter(
    "webhook",
    str,
    OpenApiParameter.PATH,
    description="Id or workflow name. A deleted webhook is found by its id as long as anything is known of it.",
)
_UNKNOWN: Final = "There is no such webhook."


class WebhookReferenceMixin(TenantMixin):
    """Finds webhooks of the tenant, deleted ones by their id."""

    def webhook_of_path(self) -> UUID:
        """Return the id of the webhook that the path names; NotFoundError (404) for none."""
        found = self._find(self.kwargs["webhook"])
        if found is None:
            raise NotFoundError(_UNKNOWN)
        return found

    def webhook_of_query(self, parameters: Mapping[str, Any]) -> UUID | None:
        """Return the id of the webhook that the query names, None where it names none; InvalidInputError (422)."""
        if "webhook" not in parameters:
            return None
        found = self._find(parameters["webhook"])
        if found is None:
            raise InvalidInputError({"webhook": [_UNKNOWN]})
        return found

    def _find(self, reference: str) -> UUID | None:
        with tenant_scope(self.tenant):
            return find_webhook(tenant_id=self.tenant.id, reference=reference)
