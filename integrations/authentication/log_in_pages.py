"""The admin's log-in: username and password, then a code on a page of its own where the account has a second step."""

from __future__ import annotations

import time
from typing import Any, Final

from django import forms
from django.contrib.admin.forms import AdminAuthenticationForm
from django.contrib.auth import login
from django.contrib.auth.views import LoginView, RedirectURLMixin
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, resolve_url
from django.urls import reverse
from django.utils.crypto import constant_time_compare
from django.utils.decorators import method_decorator
from django.utils.http import urlencode
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.generic import FormView

from integrations.authentication.lockout import LimitUnavailableError, LockedOutError
from integrations.authentication.log_in import (
    CodeNeededError,
    WrongCredentialsError,
    identify,
    prove_second_step,
)
from integrations.authentication.two_step import TooSoonError, WrongCodeError
from integrations.models.user import User
from integrations.platform_roles import may_view

_PENDING: Final = "pending_log_in"
_PENDING_SECONDS: Final = 300
_BACKEND: Final = "django.contrib.auth.backends.ModelBackend"


def why_refused(error: LockedOutError | LimitUnavailableError | TooSoonError | WrongCodeError) -> str:
    """Return the sentence for a person about a log-in, or a delicate deed, that is refused."""
    if isinstance(error, LockedOutError):
        return f"Too many attempts failed. Try again in {_minutes(error.seconds)}."
    if isinstance(error, LimitUnavailableError):
        return "Logging in is not possible at the moment. Try again later."
    if isinstance(error, TooSoonError):
        return f"A wrong code was given a moment ago. Try again in {error.seconds} s."
    return "The code is wrong, or was used already."


class LogInForm(AdminAuthenticationForm):
    """Username and password. `user_cache` is set when both are right, `needs_code` when they are not enough."""

    needs_code = False

    @sensitive_variables()
    def clean(self) -> dict[str, Any]:
        username, password = self.cleaned_data.get("username"), self.cleaned_data.get("password")
        if not username or not password or self.request is None:
            return self.cleaned_data
        try:
            user = identify(request=self.request, username=username, password=password)
        except WrongCredentialsError:
            raise self.get_invalid_login_error() from None
        except CodeNeededError as error:
            user, self.needs_code = error.user, True
        except (LockedOutError, LimitUnavailableError) as error:
            raise ValidationError(why_refused(error)) from None
        self.confirm_login_allowed(user)
        self.user_cache = user
        return self.cleaned_data

    def confirm_login_allowed(self, user: Any) -> None:
        """Refuse those without a platform role, with the same words as a wrong password."""
        if not may_view(user):
            raise self.get_invalid_login_error()


class LogInView(LoginView):
    authentication_form = LogInForm
    template_name = "admin/login.html"
    next_page = "admin:index"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context = super().get_context_data(**kwargs)
        request = self.request
        return {
            **context,
            "app_path": request.get_full_path(),
            "username": request.user.get_username(),
            "next": self.get_redirect_url(),
        }

    def form_valid(self, form: Any) -> HttpResponse:
        if not form.needs_code:
            return super().form_valid(form)
        user: User = form.get_user()
        self.request.session[_PENDING] = {
            "user": str(user.pk),
            "standing": user.get_session_auth_hash(),
            "at": int(time.time()),
        }
        onwards = self.get_redirect_url()
        query = f"?{urlencode({self.redirect_field_name: onwards})}" if onwards else ""
        return HttpResponseRedirect(reverse("admin:log_in_code") + query)


class CodeForm(forms.Form):
    """One code; what the browser and the telephone can do to fill it in is told by its attributes."""

    code = forms.CharField(
        label="Code",
        max_length=50,
        widget=forms.TextInput(
            attrs={"autocomplete": "one-time-code", "autofocus": True, "spellcheck": "false", "class": "vTextField"}
        ),
    )


@method_decorator([sensitive_post_parameters(), csrf_protect, never_cache], name="dispatch")
class LogInCodeView(RedirectURLMixin, FormView):
    """The second step, within five minutes after the first. The password's holder alone is not logged in yet."""

    form_class = CodeForm
    template_name = "registration/log_in_code.html"
    next_page = "admin:index"

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        self.pending_user = _pending_user(request)
        if self.pending_user is None:
            request.session.pop(_PENDING, None)
            return redirect("admin:login")
        return super().dispatch(request, *args, **kwargs)

    def get_default_redirect_url(self) -> str:
        return str(resolve_url(self.next_page))

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return {**super().get_context_data(**kwargs), "next": self.get_redirect_url()}

    def form_valid(self, form: Any) -> HttpResponse:
        user = self.pending_user
        assert user is not None  # noqa: S101  (dispatch)
        try:
            prove_second_step(request=self.request, user=user, code=form.cleaned_data["code"])
        except (WrongCodeError, TooSoonError, LockedOutError, LimitUnavailableError) as error:
            form.add_error(None, why_refused(error))
            return self.form_invalid(form)
        self.request.session.pop(_PENDING, None)
        login(self.request, user, backend=_BACKEND)
        return HttpResponseRedirect(self.get_success_url())


def _pending_user(request: HttpRequest) -> User | None:
    """Return who gave the right password a moment ago in this session, unless that is no longer worth anything."""
    pending = request.session.get(_PENDING)
    if not pending or time.time() - pending["at"] > _PENDING_SECONDS:
        return None
    user = User.objects.filter(pk=pending["user"]).first()
    if user is None or not may_view(user):
        return None
    return user if constant_time_compare(pending["standing"], user.get_session_auth_hash()) else None


def _minutes(seconds: int) -> str:
    return f"{seconds} s" if seconds < 60 else f"{-(-seconds // 60)} min"
