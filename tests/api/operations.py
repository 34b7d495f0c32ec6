"""Every operation that tenants reach, read from the addresses of the site: a new one is tested as soon as it is there."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.urls import URLPattern, URLResolver, get_resolver

from integrations.api.tenancy import TenantMixin
from integrations.scopes import ANY_CREDENTIAL, AnyOf, Needed, Scope

TENANTS: Final = "/api/v1/"
PLATFORM: Final = "/api/platform/tenants/<str:tenant>/"
_PARAMETER: Final = re.compile(r"<(?:\w+:)?(\w+)>")
_METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE")


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one address. `platform_route` is the same view's below a tenant's path, if it has one there."""

    method: str
    route: str
    needed: Needed | None
    """What the view asks for; None where it lets no tenant use the method."""
    platform_route: str | None

    def __str__(self) -> str:
        return f"{self.method} " + _PARAMETER.sub(r"{\1}", self.route.removeprefix(TENANTS))

    @property
    def parameters(self) -> list[str]:
        """The names of the path's parameters, in their order."""
        return _PARAMETER.findall(self.route)

    @property
    def scopes(self) -> frozenset[Scope]:
        """The scopes of which one is needed; empty where any credential will do, or none."""
        if isinstance(self.needed, AnyOf):
            return frozenset(self.needed)
        return frozenset() if self.needed in {None, ANY_CREDENTIAL} else frozenset({Scope(str(self.needed))})

    def path(self, values: Mapping[str, str], *, below: str | None = None) -> str:
        """Return the address with a value for each parameter: the tenant's, or the platform's `below` a tenant."""
        route = self.route if below is None else str(self.platform_route)
        return _PARAMETER.sub(lambda found: {**values, "tenant": str(below)}[found[1]], route)


def tenant_views() -> Iterator[tuple[str, type[Any]]]:
    """Yield route and view of every address below `/api/v1/`."""
    return _views(TENANTS)


def tenant_operations() -> list[Operation]:
    """Return every operation of the views that know a tenant."""
    below_a_tenant = {view: route for route, view in _views(PLATFORM)}
    return [
        Operation(method, route, view.scopes.get(method), below_a_tenant.get(view))
        for route, view in tenant_views()
        if issubclass(view, TenantMixin)
        for method in _METHODS
        if hasattr(view, method.lower())
    ]


def _views(prefix: str) -> Iterator[tuple[str, type[Any]]]:
    for route, callback in _routes(get_resolver("config.urls").url_patterns, "/"):
        if route.startswith(prefix):
            yield route, getattr(callback, "cls", None) or getattr(callback, "view_class", None) or type(callback)


def _routes(patterns: list[URLPattern | URLResolver], prefix: str) -> Iterator[tuple[str, Any]]:
    for pattern in patterns:
        route = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from _routes(pattern.url_patterns, route)
        else:
            yield route, pattern.callback
