"""Fixtures shared by all rooms. The servers behind them are started by `tests.servers`."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from django.conf import settings
from django.db import connection
from django.test import override_settings
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from rest_framework.test import APIClient

from integrations.activity.actor import Actor
from integrations.models import Tenant, User
from integrations.services.tenants import create_tenant
from tests.receiver import Receiver
from tests.template_database import migrated_template

pytest_plugins = ["tests.emptying", "tests.secret_hunt"]
# How long an example takes says more about what else the machine does than about the code.
hypothesis_settings.register_profile("signalbox", deadline=None, suppress_health_check=[HealthCheck.too_slow])
hypothesis_settings.load_profile("signalbox")
ADMIN_PASSWORD = "correct horse battery staple"


@pytest.fixture(scope="session", autouse=True)
def _quick_passwords() -> Iterator[None]:
    """Hash passwords cheaply: the real hasher takes half a second for each account, on purpose."""
    with override_settings(PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"]):
        yield


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix: None) -> None:
    """Make this process's test database of the run's migrated one."""
    connection.settings_dict["TEST"]["TEMPLATE"] = migrated_template(settings.DATABASE_URL)


@pytest.fixture
def platform_admin(db: None) -> User:
    return User.objects.create_superuser("ada", "ada@example.com", ADMIN_PASSWORD)


@pytest.fixture
def admin_actor(platform_admin: User) -> Actor:
    return Actor.of(platform_admin)


@pytest.fixture
def make_tenant(admin_actor: Actor) -> Callable[..., Tenant]:
    """Make tenants through the service, so that they have their data key."""

    def make(name: str = "Acme", slug: str = "acme") -> Tenant:
        return create_tenant(actor=admin_actor, name=name, slug=slug)

    return make


@pytest.fixture
def tenant(make_tenant: Callable[..., Tenant]) -> Tenant:
    return make_tenant()


@pytest.fixture
def other_tenant(make_tenant: Callable[..., Tenant]) -> Tenant:
    return make_tenant("Other", "other")


@pytest.fixture
def anonymous_api() -> APIClient:
    return APIClient()


@pytest.fixture
def api(platform_admin: User) -> APIClient:
    """An API client that carries a platform admin's access token."""
    from integrations.authentication.tokens import issue_tokens

    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {issue_tokens(user=platform_admin).access}")
    return client


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A real HTTP receiver on the loopback address."""
    with Receiver() as running:
        yield running
