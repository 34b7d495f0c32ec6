"""People. Django's own pages, over the services: who may do what is a platform role, not Django's permissions."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.forms import AdminUserCreationForm, UserChangeForm
from django.contrib.auth.models import Group
from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest, HttpResponse

from integrations.admin.permissions import StaffModelAdmin
from integrations.admin.service_admin import ServiceErrorForm, ServiceModelAdmin
from integrations.authentication.lockout import LimitUnavailableError, unlock_by
from integrations.counting import counted
from integrations.models import StaffDevice, User
from integrations.platform_roles import PlatformRole, role_of
from integrations.services.staff import add_person, change_person, delete_person, note_password, reset_two_step

# Roles belong to tenants (memberships); groups would be a second, unused kind.
admin.site.unregister(Group)


class PersonCreationForm(ServiceErrorForm, AdminUserCreationForm):
    class Meta:
        model = User
        fields = ("username", "email", "platform_role")


class PersonForm(ServiceErrorForm, UserChangeForm):
    class Meta:
        model = User
        fields = ("username", "first_name", "last_name", "email", "is_active", "platform_role")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.is_superuser:  # made by a command, which gives no role
            self.initial["platform_role"] = PlatformRole.OWNER.value


@admin.register(User)
class UserAdmin(StaffModelAdmin, ServiceModelAdmin, DjangoUserAdmin):
    add_form = PersonCreationForm
    form = PersonForm
    add_fieldsets = (
        (
            None,
            {
                "classes": ["wide"],
                "fields": ["username", "email", "platform_role", "usable_password", "password1", "password2"],
            },
        ),
    )
    list_display = ("username", "email", "first_name", "last_name", "is_active", "role", "two_step", "last_login")
    list_filter = ("is_active", "platform_role")
    filter_horizontal = ()
    actions = ("reset_two_step_log_in", "unlock_log_in")

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        devices = StaffDevice.objects.filter(user=OuterRef("pk"), confirmed_at__isnull=False)
        return super().get_queryset(request).annotate(two_step_=Exists(devices))

    def get_fieldsets(self, request: HttpRequest, obj: User | None = None) -> Any:
        if obj is None:
            return self.add_fieldsets
        # A password's hash is a secret as well, if a well-protected one.
        password = ["password"] if self.has_change_permission(request, obj) else []
        role = "role" if obj.pk == request.user.pk else "platform_role"
        return [
            (None, {"fields": ["username", *password]}),
            ("Person", {"fields": ["first_name", "last_name", "email"]}),
            ("Platform", {"fields": ["is_active", role, "two_step"]}),
            ("Dates", {"fields": ["last_login", "date_joined"]}),
        ]

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> Any:
        own = ["is_active", "role"] if obj is not None and obj.pk == request.user.pk else []
        return ["two_step", "last_login", "date_joined", *own] if obj else []

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        if change:
            changed = change_person(actor=self.actor(request), user_id=obj.pk, changes=form.cleaned_data)
            obj.session_version = changed.session_version
        else:
            add_person(actor=self.actor(request), user=obj)

    def delete_model(self, request: HttpRequest, obj: User) -> None:
        delete_person(actor=self.actor(request), user_id=obj.pk)

    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> HttpResponse:
        with transaction.atomic():
            response = super().user_change_password(request, id, form_url)
            if request.method == "POST" and response.status_code == 302:
                note_password(actor=self.actor(request), user=User.objects.get(pk=id))
        return response

    @admin.action(description="Reset two-step log-in of selected people", permissions=["change"])
    def reset_two_step_log_in(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        done = sum(reset_two_step(actor=self.actor(request), user_id=user.pk) for user in queryset)
        self.message_user(
            request,
            f"{counted(done, 'person logs', 'people log')} in with a password alone until two steps are set up again.",
        )

    @admin.action(description="Unlock log-in of selected people", permissions=["change"])
    def unlock_log_in(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        try:
            done = sum(unlock_by(actor=self.actor(request), username=user.username) for user in queryset)
        except LimitUnavailableError:
            self.message_user(request, "Redis does not answer: try again later.", messages.ERROR)
        else:
            self.message_user(request, f"{counted(done, 'person', 'people')} had failed log-ins, which are forgotten.")

    @admin.display(description="Platform role", ordering="platform_role", empty_value="–")
    def role(self, user: User) -> str | None:
        role = role_of(user)
        return str(role.label) if role else None

    @admin.display(description="Two-step log-in", boolean=True)
    def two_step(self, user: Any) -> bool:
        return bool(user.two_step_)
