"""`/invitations/{token}`: the page behind the link of an invitation, for everybody who holds it.

A new person chooses a password; somebody who has an account proves that it is theirs. The address of this page is a
secret until it was used: nothing keeps the page, and no other site learns its address.
"""

from __future__ import annotations

from typing import Any, Final

from django import forms
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables

from integrations.authentication.lockout import LimitUnavailableError, LockedOutError
from integrations.authentication.log_in import CodeNeededError, WrongCredentialsError, identify
from integrations.authentication.two_step import TooSoonError, WrongCodeError
from integrations.errors import ConflictError, InvalidInputError, NotAllowedError, NotFoundError, ServiceError
from integrations.models import User
from integrations.services.accepting_invitations import (
    Accepted,
    OpenInvitation,
    accept_as,
    accept_as_new_person,
    open_invitation,
)

_LONGEST_PASSWORD: Final = 4096
# `no-referrer` would make browsers send `Origin: null` with the form, which the protection against forged requests
# refuses. This one tells the origin to other pages and the address to none.
_HEADERS: Final = {"Cache-Control": "no-store", "Referrer-Policy": "strict-origin"}
_STATUS: Final[dict[type[ServiceError], int]] = {NotFoundError: 404, ConflictError: 410, NotAllowedError: 403}


def _password_field(label: str, *, autocomplete: str, help_text: str = "") -> forms.CharField:
    widget = forms.PasswordInput(attrs={"autocomplete": autocomplete})
    return forms.CharField(label=label, max_length=_LONGEST_PASSWORD, strip=False, widget=widget, help_text=help_text)


class NewPersonForm(forms.Form):
    """A password, twice. The site's rules for passwords are the service's to check."""

    password = _password_field("Password", autocomplete="new-password")
    again = _password_field("Password again", autocomplete="new-password")

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if "password" in data and "again" in data and data["password"] != data["again"]:
            self.add_error("again", "The two passwords are not the same.")
        return data


class KnownPersonForm(forms.Form):
    """The password of the account, and where it has two-step log-in a code."""

    password = _password_field("Your password", autocomplete="current-password")
    code = forms.CharField(
        label="Authenticator code, if you use one",
        max_length=50,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "one-time-code", "inputmode": "numeric"}),
    )


class LoggedInForm(forms.Form):
    """Nothing to fill in: the browser's session says who it is."""


class InvitationPage(View):
    """GET shows who invites to what, and changes nothing, as programs that look at mails follow links; POST accepts."""

    @method_decorator(sensitive_post_parameters())
    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        try:
            self.opened = open_invitation(token=kwargs["token"])
            return super().dispatch(request, *args, **kwargs)
        except (NotFoundError, ConflictError, NotAllowedError) as error:
            status = next(status for kind, status in _STATUS.items() if isinstance(error, kind))
            return self._page("ended", status=status, title="Invitation", reason=error.detail)

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return self._form_page(self._form(None))

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        form = self._form(request.POST)
        if form.is_valid() and (accepted := self._accepted(form)):
            return self._page("accepted", title=f"Welcome to {accepted.tenant}", accepted=accepted)
        return self._form_page(form)

    def _form(self, data: Any) -> forms.Form:
        if self.opened.person is None:
            return NewPersonForm(data)
        return LoggedInForm(data) if self._is_logged_in(self.opened.person) else KnownPersonForm(data)

    def _is_logged_in(self, person: User) -> bool:
        return self.request.user.is_authenticated and self.request.user.pk == person.pk

    @sensitive_variables()
    def _accepted(self, form: forms.Form) -> Accepted | None:
        """Accept, or put the reason why not at the form."""
        try:
            return _accept(self.request, self.opened, form)
        except InvalidInputError as error:
            for field, reasons in error.errors.items():
                form.add_error(field, list(reasons))
        except WrongCredentialsError:
            form.add_error("password", "The password is wrong, or the account is not active.")
        except CodeNeededError:
            form.add_error("code", "Your account has two-step log-in: give a code, and the password once more.")
        except WrongCodeError:
            form.add_error("code", "The code is wrong, or was used already.")
        except (TooSoonError, LockedOutError) as error:
            form.add_error(None, f"Too many tries have failed: wait {error.seconds} seconds.")
        except LimitUnavailableError:
            form.add_error(None, "Logging in is not possible at the moment. Try again later.")
        return None

    def _form_page(self, form: forms.Form) -> HttpResponse:
        invitation, tenant = self.opened.invitation, self.opened.tenant
        return self._page("accept", title=f"Join {tenant}", form=form, invitation=invitation, tenant=tenant)

    def _page(self, name: str, *, status: int = 200, **context: Any) -> TemplateResponse:
        template = f"integrations/invitations/{name}.html"
        return TemplateResponse(self.request, template, context, status=status, headers=_HEADERS)


@sensitive_variables()
def _accept(request: HttpRequest, opened: OpenInvitation, form: forms.Form) -> Accepted:
    address = getattr(request, "client_address", None)
    if opened.person is None:
        return accept_as_new_person(opened=opened, password=form.cleaned_data["password"], actor_address=address)
    if isinstance(form, LoggedInForm):
        return accept_as(opened=opened, user=opened.person, actor_address=address)
    user = identify(
        request=request,
        username=opened.person.get_username(),
        password=form.cleaned_data["password"],
        code=form.cleaned_data["code"],
    )
    return accept_as(opened=opened, user=user, actor_address=address)
