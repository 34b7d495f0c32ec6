"""The page on which platform staff set up, renew and turn off the second step of their own log-in."""

from __future__ import annotations

from typing import Any

import segno
from django import forms
from django.contrib.auth import update_session_auth_hash
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.utils.decorators import method_decorator
from django.utils.safestring import SafeString, mark_safe
from django.views.decorators.debug import sensitive_post_parameters
from django.views.generic import TemplateView

from integrations.activity.actor import Actor
from integrations.authentication import two_step
from integrations.authentication.lockout import LimitUnavailableError, LockedOutError
from integrations.authentication.log_in import WrongCredentialsError, prove_password, prove_second_step
from integrations.authentication.log_in_pages import CodeForm, why_refused
from integrations.authentication.models import StaffDevice
from integrations.authentication.two_step import SetUp, TooSoonError, WrongCodeError
from integrations.errors import ConflictError
from integrations.models.user import User


class PasswordForm(forms.Form):
    """The password once more, so that a screen left unlocked is not enough."""

    password = forms.CharField(
        label="Password",
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password", "class": "vTextField"}),
    )


@method_decorator(sensitive_post_parameters(), name="dispatch")
class TwoStepView(TemplateView):
    """`action` says what a form is for. The key is shown on the answer to `start` (and to a wrong first code) only."""

    template_name = "registration/two_step.html"

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        steps = {"start": self._start, "confirm": self._confirm, "codes": self._new_codes, "off": self._turn_off}
        step = steps.get(request.POST.get("action", ""))
        if step is None:
            return HttpResponseNotAllowed(["GET"])
        try:
            context = step()
        except (LockedOutError, LimitUnavailableError, TooSoonError, WrongCodeError) as error:
            context = {"refusal": why_refused(error)}
        except ConflictError as error:
            context = {"refusal": error.detail}
        return self.render_to_response(self.get_context_data(**context))

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        device = StaffDevice.objects.filter(user=self.person, confirmed_at__isnull=False).first()
        is_missing = two_step.second_step_is_missing(self.person)
        return {
            "device": device,
            "unused_codes": device.recovery_codes.filter(used_at=None).count() if device else 0,
            "is_required": is_missing,
            "password_form": PasswordForm(),
            "code_form": CodeForm(),
            **super().get_context_data(**kwargs),
            # Nothing else is open to them yet.
            **({"available_apps": [], "is_nav_sidebar_enabled": False} if is_missing else {}),
        }

    @property
    def person(self) -> User:
        assert isinstance(self.request.user, User)  # noqa: S101  (the site lets nobody else in)
        return self.request.user

    @property
    def _actor(self) -> Actor:
        return Actor.of(self.person, self.request)

    def _start(self) -> dict[str, Any]:
        form = PasswordForm(self.request.POST)
        if not form.is_valid():
            return {"password_form": form}
        try:
            prove_password(request=self.request, user=self.person, password=form.cleaned_data["password"])
        except WrongCredentialsError:
            form.add_error("password", "This is not your password.")
            return {"password_form": form}
        return _shown(two_step.begin_set_up(user=self.person))

    def _confirm(self) -> dict[str, Any]:
        form = CodeForm(self.request.POST)
        try:
            if form.is_valid():
                codes = two_step.confirm_set_up(actor=self._actor, user=self.person, code=form.cleaned_data["code"])
                update_session_auth_hash(self.request, self.person)  # this session goes on, the others end
                return {"new_codes": codes}
        except WrongCodeError:
            form.add_error("code", "This is not the code that the app shows now. Check the telephone's clock.")
        pending = two_step.pending_set_up(user=self.person)
        return {"code_form": form, **(_shown(pending) if pending else {})}

    def _new_codes(self) -> dict[str, Any]:
        self._prove_code()
        return {"new_codes": two_step.replace_recovery_codes(actor=self._actor, user=self.person)}

    def _turn_off(self) -> dict[str, Any]:
        self._prove_code()
        two_step.remove_device(actor=self._actor, user=self.person)
        update_session_auth_hash(self.request, self.person)
        return {}

    def _prove_code(self) -> None:
        prove_second_step(request=self.request, user=self.person, code=self.request.POST.get("code", "")[:50])


def _shown(set_up: SetUp) -> dict[str, Any]:
    key = " ".join(set_up.key[start : start + 4] for start in range(0, len(set_up.key), 4))
    return {"key": key, "picture": _qr_code(set_up.address)}


def _qr_code(text: str) -> SafeString:
    """Draw a QR code as SVG without styles or scripts, with the light margin that cameras need on a dark page too."""
    drawn: str = segno.make(text, error="m", micro=False).svg_inline(
        scale=4, border=4, dark="#000", light="#fff", svgclass="qr-code", lineclass=None, title="The key as a QR code"
    )
    return mark_safe(drawn)  # noqa: S308  (drawn from modules, not from the text's characters)
