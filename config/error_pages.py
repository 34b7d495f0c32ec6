"""What is answered to requests that no view answers: problem details below `/api/`, a plain page elsewhere."""

from __future__ import annotations

from http import HTTPStatus

from django.http import HttpRequest, HttpResponse
from django.utils.html import escape

from integrations.api.problems import problem_http_response


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _answer(request, 400, "The request cannot be read.")


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _answer(request, 403, "You are not allowed to do this.")


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _answer(request, 404, "There is nothing at this address.")


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Answer a form that was sent without its token (`CSRF_FAILURE_VIEW`)."""
    return _answer(request, 403, "The form has expired or cookies are blocked. Go back, reload the page and try again.")


def server_error(request: HttpRequest) -> HttpResponse:
    return _answer(request, 500, "Something went wrong here. It was logged under the request's id.")


def _answer(request: HttpRequest, status: int, detail: str) -> HttpResponse:
    if request.path.startswith("/api/"):
        return problem_http_response(request, status=status, detail=detail)
    title = HTTPStatus(status).phrase
    request_id = escape(getattr(request, "request_id", ""))
    # No template and no style: this must work when those are what fails.
    page = (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title></head><body>'
        f"<h1>{title}</h1><p>{detail}</p><p>Request {request_id}</p></body></html>"
    )
    return HttpResponse(page, status=status)
