"""`Idempotency-Key` on every POST: a request that is sent again with the same key is answered, and not done again."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Final

from django.urls import Resolver404, resolve
from django.utils.crypto import salted_hmac
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request
from rest_framework.response import Response

from integrations.errors import InvalidInputError, NotFoundError
from integrations.services.idempotency import Remembered, claim, release, remember

if TYPE_CHECKING:
    from rest_framework.views import APIView

    _Base = APIView
else:
    _Base = object

KEY_HEADER: Final = "Idempotency-Key"
_KEY_IN_META: Final = "HTTP_IDEMPOTENCY_KEY"
REPLAY_HEADER: Final = "Idempotency-Replayed"
PARAMETER: Final = OpenApiParameter(
    KEY_HEADER,
    str,
    OpenApiParameter.HEADER,
    description=(
        "Sent again with the same key within 24 hours, the request is answered and not done again: the status is the "
        "first one's, the object as it is then, what is shown once null. 1 to 255 characters of printable ASCII."
    ),
)

BODY_KEY_PARAMETER: Final = OpenApiParameter(
    KEY_HEADER,
    str,
    OpenApiParameter.HEADER,
    description="The same as `idempotency_key` in the body: 1 to 255 characters of printable ASCII.",
)


class IdempotentPosts(_Base):
    """Gives every POST of a view its `Idempotency-Key`: the view need not know of it.

    What is kept of an answer is its status, the id of its object and the names of its members, unless the view says that
    the answer itself is kept. A repeated request is
    answered with the object as GET shows it then; a member that GET does not show, such as a secret, is null.
    """

    # True where the view remembers keys itself, in its own transaction, or where a repetition changes nothing.
    safe_to_repeat: ClassVar[bool] = False
    # True where no GET shows again what a POST answered, and no secret is in it: the answer itself is kept.
    keeps_answers: ClassVar[bool] = False
    # The member of an answer that names what was made.
    answer_id: ClassVar[str] = "id"

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        # After this, REST framework looks for the method's handler: only what it does is done once. Who may not do it,
        # or asks for what is not there, uses up no key.
        view: Any = self
        if given_key(request) is not None and remembers(self, request.method or "") and hasattr(self, "post"):
            view.post = partial(self._once, view.post)

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        final = super().finalize_response(request, response, *args, **kwargs)
        if request.method == "POST" and final.status_code == 201 and (made := self._made(final)):
            address = self.address_of(made)
            if address is not None:
                final.headers.setdefault("Location", address)
        return final

    def address_of(self, object_id: str) -> str | None:
        """Return the address that shows what a POST made or changed; None where there is none.

        `…/things` makes `…/things/{id}`, and `…/things/{id}/deed` changes it. A view of another shape overrides this.
        """
        above, is_in_path, _ = self.request.path.partition(f"/{object_id}/")
        address = f"{above if is_in_path else self.request.path}/{object_id}"
        return address if _view_at(address) is not None else None

    def recalled(self, object_id: str) -> dict[str, Any]:
        """Return what an earlier POST made or changed as it is now. Raises NotFoundError when it is gone."""
        address = self.address_of(object_id)
        return {} if address is None else self._shown_at(address)

    def _once(self, post: Callable[..., Response], request: Request, *args: Any, **kwargs: Any) -> Response:
        tenant = getattr(self, "tenant", None)
        claimed = claim(
            tenant_id=tenant.id if tenant else None,
            audience=str(getattr(self, "audience", "")),
            key=given_key(request) or "",
            fingerprint=_fingerprint(request),
        )
        if isinstance(claimed, Remembered):
            return self._replayed(claimed)
        is_done = False
        try:
            response = post(request, *args, **kwargs)
            is_done = response.status_code < 400
        finally:
            if not is_done:
                release(claim=claimed)
        if is_done:
            remember(
                claim=claimed,
                status_code=response.status_code,
                object_id=self._made(response) or "",
                members=list(response.data) if isinstance(response.data, dict) else [],
                answer=response.data if self.keeps_answers else None,
            )
        return response

    def _made(self, response: Any) -> str | None:
        body = getattr(response, "data", None)
        made = body.get(self.answer_id) if isinstance(body, dict) else None
        return None if made is None else str(made)

    def _replayed(self, known: Remembered) -> Response:
        if known.answer is not None:
            kept = {name: known.answer.get(name) for name in known.members}  # in the order of the first time
            return Response(kept, status=known.status_code, headers={REPLAY_HEADER: "true"})
        body: dict[str, Any] = dict.fromkeys(known.members)
        if known.object_id:
            try:
                now = self.recalled(known.object_id)
            except NotFoundError:
                raise NotFoundError("What was made with this idempotency key does not exist any more.") from None
            body |= {name: now[name] for name in known.members if name in now} | {self.answer_id: known.object_id}
        return Response(body or None, status=known.status_code, headers={REPLAY_HEADER: "true"})

    def _shown_at(self, address: str) -> dict[str, Any]:
        """Return what GET answers at another address of this API to whoever makes this request."""
        found = _view_at(address)
        assert found is not None  # noqa: S101  (`address_of` returns no other)
        view, kwargs = found
        view.setup(self.request._request, **kwargs)
        view.request, view.format_kwarg, view.headers = self.request, None, {}
        if hasattr(view, "get_tenant"):
            view.tenant = view.get_tenant()
        shown: dict[str, Any] = view.get(self.request, **kwargs).data
        return shown


def given_key(request: Request) -> str | None:
    """Return what the header holds, read without making `request.headers`, for which all headers are renamed."""
    key: str | None = request.META.get(_KEY_IN_META)
    return key


def with_key(request: Request, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return the body with the idempotency key that it or the header gives; InvalidInputError when they differ."""
    given = dict(request.data if body is None else body)
    in_body, in_header = given.get("idempotency_key"), given_key(request)
    if in_header is not None:
        if in_body is not None and in_body != in_header:
            raise InvalidInputError(
                {"idempotency_key": [f"The header {KEY_HEADER} says something else: give one of the two."]}
            )
        given["idempotency_key"] = in_header
    return given


def remembers(view: object, method: str) -> bool:
    """Tell whether this operation's idempotency keys are kept here."""
    return method == "POST" and isinstance(view, IdempotentPosts) and not view.safe_to_repeat


def _view_at(address: str) -> tuple[Any, dict[str, Any]] | None:
    """Return a view of the API that shows something at an address, with what the address gives it."""
    try:
        match = resolve(address)
    except Resolver404:
        return None
    view: Any = getattr(match.func, "cls", None)
    if view is None or not hasattr(view, "get"):
        return None
    return view(**match.func.initkwargs), match.kwargs  # type: ignore[attr-defined]


def _fingerprint(request: Request) -> str:
    """Return a digest of address and body. Keyed, since a body may hold a secret that could be guessed from a digest.

    With another SECRET_KEY a key that was used before belongs to another request: 409, for a day at most.
    """
    body = json.dumps(request.data, sort_keys=True, separators=(",", ":"), default=str)
    asked = f"{request.get_full_path()}\n{body}"
    return salted_hmac("integrations.idempotency", asked, algorithm="sha256").hexdigest()
