"""People. Django's own pages, with the e-mail address asked for at once."""

from __future__ import annotations

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.forms import AdminUserCreationForm
from django.contrib.auth.models import Group

from integrations.admin.permissions import PlatformModelAdmin
from integrations.models import User

# Roles belong to tenants (memberships); groups would be a second, unused kind.
admin.site.unregister(Group)


class UserCreationForm(AdminUserCreationForm):
    class Meta(AdminUserCreationForm.Meta):
        model = User
        fields = ("username", "email")


@admin.register(User)
class UserAdmin(PlatformModelAdmin, DjangoUserAdmin):
    add_form = UserCreationForm
    add_fieldsets = (
        (None, {"classes": ["wide"], "fields": ["username", "email", "usable_password", "password1", "password2"]}),
    )
    fieldsets = (
        (None, {"fields": ["username", "password"]}),
        ("Person", {"fields": ["first_name", "last_name", "email"]}),
        (
            "Platform",
            {
                "fields": ["is_active", "is_staff", "is_superuser", "user_permissions"],
                "description": "Platform admins are superusers, or staff with “Can administer the whole platform”.",
            },
        ),
        ("Dates", {"fields": ["last_login", "date_joined"]}),
    )
    list_display = ("username", "email", "first_name", "last_name", "is_active", "platform_admin", "last_login")
    list_filter = ("is_active", "is_superuser", "is_staff")
    filter_horizontal = ("user_permissions",)

    @admin.display(description="Platform admin", boolean=True)
    def platform_admin(self, user: User) -> bool:
        return user.is_platform_admin
