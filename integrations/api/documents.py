"""The OpenAPI documents, one for each audience, and the pages to try them.

A document depends on the code alone. It is made once in a process, on the first request: that takes half a second.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from threading import Lock
from typing import Any, Final

from django.http import HttpResponse
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import (
    OpenApiJsonRenderer,
    OpenApiJsonRenderer2,
    OpenApiYamlRenderer,
    OpenApiYamlRenderer2,
)
from drf_spectacular.settings import patched_settings
from drf_spectacular.utils import extend_schema
from rest_framework.permissions import AllowAny
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.views import APIView

from integrations.api.audience import Audience

Endpoint = tuple[str, str, str, Callable[..., Any]]

_TENANTS: Final = "/api/v1/"
_CACHED_FOR: Final = "public, max-age=300"


def platform_endpoints(endpoints: Sequence[Endpoint]) -> list[Endpoint]:
    """Leave out what is for tenants: a preprocessing hook of drf-spectacular."""
    return [endpoint for endpoint in endpoints if not endpoint[0].startswith(_TENANTS)]


def tenant_endpoints(endpoints: Sequence[Endpoint]) -> list[Endpoint]:
    """Leave out everything but what is for tenants: a preprocessing hook of drf-spectacular."""
    return [endpoint for endpoint in endpoints if endpoint[0].startswith(_TENANTS)]


# What differs from SPECTACULAR_SETTINGS, which describe the platform's document.
TENANT_DOCUMENT: Final[dict[str, Any]] = {
    "TITLE": "Signalbox for tenants",
    "DESCRIPTION": (
        "What a tenant's own backend and its members can do. The tenant comes from the credential; each operation says "
        "which scope it needs."
    ),
    "PREPROCESSING_HOOKS": ["integrations.api.documents.tenant_endpoints"],
}
_SETTINGS: Final[dict[Audience, dict[str, Any]]] = {Audience.PLATFORM: {}, Audience.TENANT: TENANT_DOCUMENT}
# The generator's settings are changed for the whole process while it works.
_generating = Lock()


def document(audience: Audience) -> dict[str, Any]:
    """Return the OpenAPI document of an audience. Callers share it: do not change it."""
    with _generating:
        return _document(audience)


@cache
def _document(audience: Audience) -> dict[str, Any]:
    with patched_settings(_SETTINGS[audience]):
        made: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)
        return made


@cache
def _written(audience: Audience, *, as_yaml: bool) -> bytes:
    renderer = OpenApiYamlRenderer() if as_yaml else OpenApiJsonRenderer()
    made = renderer.render(document(audience), renderer_context={})
    return made.encode() if isinstance(made, str) else made


class DocumentView(APIView):
    """Open: a document describes the API and holds nothing of an installation. YAML unless JSON is asked for."""

    authentication_classes = ()
    permission_classes = (AllowAny,)
    renderer_classes: Sequence[type[BaseRenderer]] = (
        OpenApiYamlRenderer,
        OpenApiYamlRenderer2,
        OpenApiJsonRenderer,
        OpenApiJsonRenderer2,
    )
    audience = Audience.PLATFORM

    @extend_schema(exclude=True)
    def get(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponse:
        chosen: Any = request.accepted_renderer
        return HttpResponse(
            _written(self.audience, as_yaml=isinstance(chosen, OpenApiYamlRenderer)),
            content_type=chosen.media_type,
            headers={"Cache-Control": _CACHED_FOR},
        )


class JSONDocumentView(DocumentView):
    """The same, always JSON."""

    renderer_classes = (OpenApiJsonRenderer2, OpenApiJsonRenderer)
