"""`/oauth/{provider}/callback`: where a provider sends people back. The state alone decides what is connected.

Its address holds the code and the state: nothing keeps the page, and no other site learns where it was.
"""

from __future__ import annotations

from typing import Any, Final

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.views import View

from integrations.errors import ConflictError, NotAllowedError, NotFoundError, ServiceError
from integrations.services.oauth_connecting import DeniedError, ExchangeError, finish_connection

_HEADERS: Final = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
_STATUS: Final[dict[type[ServiceError], int]] = {
    NotFoundError: 400,
    ConflictError: 409,
    NotAllowedError: 403,
    DeniedError: 403,
    ExchangeError: 502,
}


class OAuthCallback(View):
    """GET finishes a connection, once; whatever goes wrong is a page that says so, and nothing is stored."""

    http_method_names = ["get"]

    def get(self, request: HttpRequest, provider: str) -> HttpResponse:
        try:
            connected = finish_connection(
                provider=provider,
                state=request.GET.get("state", ""),
                code=request.GET.get("code", ""),
                error=request.GET.get("error", ""),
                session_key=request.session.session_key or "",
                address=getattr(request, "client_address", None),
            )
        except ServiceError as error:
            status = next((code for kind, code in _STATUS.items() if isinstance(error, kind)), 400)
            return self._page("failed", status=status, title="Not connected", reason=error.detail)
        if connected.return_to:
            if connected.return_to.startswith("/admin/"):
                messages.success(request, f"{connected.integration} is connected.")
                if connected.warning:
                    messages.warning(request, connected.warning)
            return HttpResponseRedirect(connected.return_to, headers=_HEADERS)
        return self._page("connected", title="Connected", connected=connected)

    def _page(self, name: str, *, status: int = 200, **context: Any) -> TemplateResponse:
        template = f"integrations/oauth/{name}.html"
        return TemplateResponse(self.request, template, context, status=status, headers=_HEADERS)
