"""Settings of Signalbox, from the environment only; `.env.example` explains each variable.

Importing this module starts nothing and connects to nothing. Problems with the environment are collected in
`CONFIGURATION_PROBLEMS` and stop the start in one place (`config.startup`, and a system check for `manage.py`).
"""

import re
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import environ

from config import rest_api
from config.beat_schedule import BEAT_SCHEDULE
from config.environment import Environment
from config.logging import logging_configuration, register_secret
from config.redis_address import redis_py_url

BASE_DIR = Path(__file__).resolve().parent.parent
VAR_DIR = BASE_DIR / "var"
environ.Env.read_env(BASE_DIR / ".env")
env = Environment()

# --- Where this runs ------------------------------------------------------------------------------------------

ENVIRONMENT = env.text("ENVIRONMENT", default="development")
if ENVIRONMENT not in {"development", "production"}:
    env.problems.append("ENVIRONMENT must be development or production.")
IS_PRODUCTION = ENVIRONMENT != "development"
DEBUG = False  # never: a debug page shows settings and local variables
PORT = env.integer("PORT", 8000)
APP_URL = env.text("APP_URL", default=f"http://127.0.0.1:{PORT}").rstrip("/")
_app = urlsplit(APP_URL)
if _app.scheme not in {"http", "https"} or not _app.hostname:
    env.problems.append("APP_URL must be an http or https address such as https://signalbox.example.com.")
ALLOWED_HOSTS = [_app.hostname or "invalid", *([] if IS_PRODUCTION else ["127.0.0.1", "localhost", "[::1]"])]
CSRF_FAILURE_VIEW = "config.error_pages.csrf_failure"
CSRF_TRUSTED_ORIGINS = [f"{_app.scheme}://{_app.netloc}"]
# Where the pages of docs/ are published; links to them start with it.
DOCUMENTATION_URL = env.text("DOCUMENTATION_URL", default="").rstrip("/")
if DOCUMENTATION_URL and not DOCUMENTATION_URL.startswith(("https://", "http://")):
    env.problems.append(
        "DOCUMENTATION_URL must be an http or https address such as https://docs.example.com/signalbox."
    )
TRUSTED_PROXIES = env.networks("TRUSTED_PROXIES", default=[])

# --- Keys -----------------------------------------------------------------------------------------------------


def _made_once(name: str) -> str:
    """Return a key that the embedded run made for itself under `var/`; production never reads those."""
    path = VAR_DIR / name
    return path.read_text(encoding="ascii").strip() if not IS_PRODUCTION and path.is_file() else ""


SECRET_KEY = env.text("SECRET_KEY", "SESSION_SECRET") or _made_once("secret_key")
ENCRYPTION_KEY = env.text("ENCRYPTION_KEY", "INTEGRATION_ENCRYPTION_KEY") or _made_once("encryption_key")
ENCRYPTION_KEYS_PREVIOUS = env.items("ENCRYPTION_KEYS_PREVIOUS")
if not SECRET_KEY:
    env.problems.append("SECRET_KEY is not set: give it at least 50 random characters.")
# Without it the hashes of API keys in the database are of no use to whoever can write there.
API_KEY_PEPPER = env.text("API_KEY_PEPPER") or _made_once("api_key_pepper")
API_KEY_PEPPER_PREVIOUS = env.items("API_KEY_PEPPER_PREVIOUS")
if not API_KEY_PEPPER:
    env.problems.append("API_KEY_PEPPER is not set: `manage.py generate_api_key_pepper` prints a new one.")
if not all(re.fullmatch(r"(?:[0-9a-fA-F]{64})?", _pepper) for _pepper in (API_KEY_PEPPER, *API_KEY_PEPPER_PREVIOUS)):
    env.problems.append(
        "API_KEY_PEPPER and each of API_KEY_PEPPER_PREVIOUS must be 64 hexadecimal characters (32 bytes)."
    )

# --- Servers --------------------------------------------------------------------------------------------------

DATABASE_URL = env.text("DATABASE_URL")
DATABASE_IS_EMBEDDED = not IS_PRODUCTION and not DATABASE_URL
REDIS_URL = env.text("REDIS_URL")
if IS_PRODUCTION:
    for _name, _value in (("DATABASE_URL", DATABASE_URL), ("REDIS_URL", REDIS_URL)):
        if not _value:
            env.problems.append(f"{_name} is not set: production never runs on the embedded servers.")
if not IS_PRODUCTION and not (DATABASE_URL and REDIS_URL):
    from config.embedded import database_url, redis_url

    DATABASE_URL = DATABASE_URL or database_url(VAR_DIR)
    REDIS_URL = REDIS_URL or redis_url(VAR_DIR)

REDIS_PY_URL = redis_py_url(REDIS_URL or "redis://unset")
CACHES = {
    "default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"},
    # Counts that all processes share. Whoever uses it must do without it while Redis is away.
    "shared": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_PY_URL,
        "KEY_PREFIX": "signalbox",
        "OPTIONS": {"socket_connect_timeout": 0.5, "socket_timeout": 0.5},
    },
}
DATABASES = {
    "default": {
        **environ.Env.db_url_config(DATABASE_URL or "postgresql:///unset"),
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
        "ATOMIC_REQUESTS": False,
        "DISABLE_SERVER_SIDE_CURSORS": True,  # pgbouncer in transaction pooling
    }
}
if DATABASES["default"]["ENGINE"] != "django.db.backends.postgresql":
    env.problems.append("DATABASE_URL must name a PostgreSQL server (postgresql://…).")
else:
    DATABASES["default"]["ENGINE"] = "integrations.postgresql"
DATABASES["default"]["OPTIONS"] = {
    "connect_timeout": 5,  # seconds; a host that swallows packets must not hang a health check
    # No request, task or command may hold a transaction open for longer than a minute.
    "options": "-c idle_in_transaction_session_timeout=60000",
    **DATABASES["default"].get("OPTIONS", {}),
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
AUTH_USER_MODEL = "integrations.User"

# --- Django ---------------------------------------------------------------------------------------------------

INSTALLED_APPS = [
    "config.apps.ConfigConfig",
    "config.apps.SignalboxAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.forms",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "integrations",
    "integrations.messaging",
    "analytics",
    "analytics.alerts",
    "webhooks",
]
MIDDLEWARE = [
    "config.request_context.RequestContextMiddleware",
    "integrations.isolation.middleware.TenantGuardMiddleware",  # before all that may query
    "config.health.ProbeMiddleware",
    "config.length_required.LengthRequiredMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "config.content_security_policy.ContentSecurityPolicyMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django.middleware.common.CommonMiddleware",
    "integrations.api.answer_headers.AnswerHeadersMiddleware",
    "config.tenants_chain.TenantsChainMiddleware",  # requests at /api/v1 go no further
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "integrations.authentication.session_expiry.SessionExpiryMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
APPEND_SLASH = True  # the admin's addresses end in a slash, the API's do not
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]
FORM_RENDERER = "django.forms.renderers.TemplatesSetting"  # finds our widgets in templates/
LANGUAGE_CODE = "en"
FORMAT_MODULE_PATH = ["config.formats"]
TIME_ZONE = "UTC"
USE_TZ = True
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"
DATA_UPLOAD_MAX_MEMORY_SIZE = 9 * 1024 * 1024  # a batch of events may have 8 MiB

STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "staticfiles" if IS_PRODUCTION else None  # development serves from the sources
WHITENOISE_USE_FINDERS = not IS_PRODUCTION
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": (
            "whitenoise.storage.CompressedManifestStaticFilesStorage"
            if IS_PRODUCTION
            else "django.contrib.staticfiles.storage.StaticFilesStorage"
        )
    },
}

# --- Security -------------------------------------------------------------------------------------------------

_HTTPS = _app.scheme == "https"
if IS_PRODUCTION and not _HTTPS:
    env.problems.append("APP_URL must start with https:// in production.")
SECURE_SSL_REDIRECT = IS_PRODUCTION
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$", r"^metrics$"]
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if TRUSTED_PROXIES else None
SECURE_HSTS_SECONDS = 31_536_000 if IS_PRODUCTION else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = IS_PRODUCTION
# HSTS preload binds a whole domain for years: the operator's decision, not a default.
SILENCED_SYSTEM_CHECKS = ["security.W021"]
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = IS_PRODUCTION
# Browsers take a `__Host-` cookie only over https, for this very host: no subdomain can plant one.
_COOKIE_PREFIX = "__Host-" if IS_PRODUCTION else ""
SESSION_COOKIE_NAME, CSRF_COOKIE_NAME = f"{_COOKIE_PREFIX}sessionid", f"{_COOKIE_PREFIX}csrftoken"
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"  # not Strict: links in mails lead into the admin
SESSION_COOKIE_HTTPONLY = True
X_FRAME_OPTIONS = "DENY"
# The names and the shape of Django 6.0's own setting: an upgrade deletes our middleware.
SECURE_CSP = {
    "default-src": ["'self'"],
    "img-src": ["'self'", "data:"],
    "object-src": ["'none'"],
    "base-uri": ["'none'"],
    "form-action": ["'self'"],
    "frame-ancestors": ["'none'"],
}

# --- API ------------------------------------------------------------------------------------------------------

# Of all of a tenant's credentials together at /api/v1; 0: no limit beside those of the keys.
TENANT_REQUESTS_PER_HOUR = env.integer("TENANT_REQUESTS_PER_HOUR", 100_000)
if TENANT_REQUESTS_PER_HOUR < 0:
    env.problems.append("TENANT_REQUESTS_PER_HOUR must be a whole number above 0, or 0 for no limit.")
REST_FRAMEWORK = rest_api.REST_FRAMEWORK
SPECTACULAR_SETTINGS = rest_api.SPECTACULAR_SETTINGS

# --- People ---------------------------------------------------------------------------------------------------

SESSION_IDLE_SECONDS = 60 * env.integer("SESSION_IDLE_MINUTES", 30)
SESSION_COOKIE_AGE = 3600 * env.integer("SESSION_HOURS", 12)  # from the log-in on, however busy the session is
if not 0 < SESSION_IDLE_SECONDS <= SESSION_COOKIE_AGE:
    env.problems.append("SESSION_IDLE_MINUTES must be above 0 and at most SESSION_HOURS.")
# Platform staff who have not set up two-step log-in reach nothing but the page where they do.
REQUIRE_STAFF_TOTP = env.boolean("REQUIRE_STAFF_TOTP", default=False)
LOGIN_FAILURES_PER_USER = env.integer("LOGIN_FAILURES_PER_USER", 10)
LOGIN_FAILURES_PER_ADDRESS = env.integer("LOGIN_FAILURES_PER_ADDRESS", 50)
LOGIN_FAILURE_SECONDS = 60 * env.integer("LOGIN_FAILURE_MINUTES", 15)
if min(LOGIN_FAILURES_PER_USER, LOGIN_FAILURES_PER_ADDRESS, LOGIN_FAILURE_SECONDS) < 1:
    env.problems.append("LOGIN_FAILURES_PER_USER, _PER_ADDRESS and LOGIN_FAILURE_MINUTES must be at least 1.")
JWT_ACCESS_LIFETIME = timedelta(minutes=env.integer("JWT_ACCESS_MINUTES", 15))
JWT_REFRESH_LIFETIME = timedelta(hours=env.integer("JWT_REFRESH_HOURS", 24))

# --- Mail -----------------------------------------------------------------------------------------------------

EMAIL_HOST = env.text("SMTP_HOST")
EMAIL_PORT = env.integer("SMTP_PORT", 587)
EMAIL_HOST_USER = env.text("SMTP_USER")
EMAIL_HOST_PASSWORD = env.text("SMTP_PASS")
EMAIL_USE_TLS = bool(EMAIL_HOST)
EMAIL_TIMEOUT = 20  # seconds for each step of the conversation; without it a silent server would hold a worker for ever
EMAIL_BACKEND = f"django.core.mail.backends.{'smtp' if EMAIL_HOST else 'console'}.EmailBackend"
DEFAULT_FROM_EMAIL = env.text("DEFAULT_FROM_EMAIL", default=f"signalbox@{_app.hostname}")

# --- Credentials ------------------------------------------------------------------------------------------------

# How many earlier credentials of an integration are kept, encrypted, to be put back.
CREDENTIAL_VERSIONS_KEPT = env.integer("CREDENTIAL_VERSIONS_KEPT", 5)
# Lists and reminders call older ones overdue; 0: never.
CREDENTIAL_MAX_AGE_DAYS = env.integer("CREDENTIAL_MAX_AGE_DAYS", 0)
if not 0 <= CREDENTIAL_VERSIONS_KEPT <= 100 or CREDENTIAL_MAX_AGE_DAYS < 0:
    env.problems.append("CREDENTIAL_VERSIONS_KEPT must be from 0 to 100, CREDENTIAL_MAX_AGE_DAYS a whole number or 0.")

# --- Outgoing requests ----------------------------------------------------------------------------------------

OUTBOUND_ALLOWED_NETWORKS = env.networks(
    "OUTBOUND_ALLOWED_NETWORKS", default=[] if IS_PRODUCTION else ["127.0.0.0/8", "::1/128"]
)
OUTBOUND_REQUIRE_HTTPS = IS_PRODUCTION

# Minutes between two tests of an integration's connection; 0: only people test. Made-up credentials, which development is full
# of, are not sent to real providers again and again.
CONNECTION_TEST_MINUTES = env.integer("CONNECTION_TEST_MINUTES", 60 if IS_PRODUCTION else 0)
if CONNECTION_TEST_MINUTES < 0:
    env.problems.append("CONNECTION_TEST_MINUTES must be a whole number of minutes, or 0 for no tests by itself.")

# --- Celery ---------------------------------------------------------------------------------------------------

CELERY_BROKER_URL = REDIS_URL
CELERY_TASK_IGNORE_RESULT = True
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None  # a broker that is away for hours must find its workers again
CELERY_TASK_ACKS_LATE = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULE = BEAT_SCHEDULE
# What a webhook that does not say its own retries on (`webhooks.policy.SCHEDULES`).
WEBHOOK_DEFAULT_RETRY_SCHEDULE = env.text("WEBHOOK_DEFAULT_RETRY_SCHEDULE", default="durable")
if WEBHOOK_DEFAULT_RETRY_SCHEDULE not in {"durable", "quick"}:
    env.problems.append("WEBHOOK_DEFAULT_RETRY_SCHEDULE must be durable or quick.")
# None: no limit beside those of the webhooks.
TENANT_DELIVERIES_PER_MINUTE = env.integer("TENANT_DELIVERIES_PER_MINUTE", 0) or None
if TENANT_DELIVERIES_PER_MINUTE is not None and TENANT_DELIVERIES_PER_MINUTE < 0:
    env.problems.append("TENANT_DELIVERIES_PER_MINUTE must be a whole number above 0, or empty for no limit.")
# How long alerts are kept after they recovered.
ALERT_RETENTION_DAYS = env.integer("ALERT_RETENTION_DAYS", 90)
if ALERT_RETENTION_DAYS < 1:
    env.problems.append("ALERT_RETENTION_DAYS must be a whole number above 0.")
ENGINE_SHUTDOWN_GRACE_SECONDS = env.integer("ENGINE_SHUTDOWN_GRACE", 20)

# --- Watching -------------------------------------------------------------------------------------------------

METRICS_TOKEN = env.text("METRICS_TOKEN")
if METRICS_TOKEN and len(METRICS_TOKEN) < 16:
    env.problems.append("METRICS_TOKEN must have at least 16 characters: whoever guesses it reads the site's figures.")
# `/readyz` fails when a delivery that could be sent waits for longer; 0: it does not look.
READY_MAX_DELIVERY_LAG_SECONDS = env.integer("READY_MAX_DELIVERY_LAG", 300)
if READY_MAX_DELIVERY_LAG_SECONDS < 0:
    env.problems.append("READY_MAX_DELIVERY_LAG must be a number of seconds, or 0 for no limit.")

# --- Retention ------------------------------------------------------------------------------------------------

ANALYTICS_RETENTION_DAYS = env.integer("ANALYTICS_RETENTION_DAYS", 90)
ANALYTICS_PAYLOAD_RETENTION_DAYS = env.integer("ANALYTICS_PAYLOAD_RETENTION_DAYS", ANALYTICS_RETENTION_DAYS)
if not 8 <= ANALYTICS_RETENTION_DAYS <= 3_650:
    env.problems.append("ANALYTICS_RETENTION_DAYS must be between 8 (what is held lives for a week) and 3650.")
if not 3 <= ANALYTICS_PAYLOAD_RETENTION_DAYS <= max(3, ANALYTICS_RETENTION_DAYS):
    env.problems.append("ANALYTICS_PAYLOAD_RETENTION_DAYS must be between 3 and ANALYTICS_RETENTION_DAYS.")
# What a message said is removed after so many days, the message itself after so many.
MESSAGE_CONTENT_DAYS = env.integer("MESSAGE_CONTENT_DAYS", 30)
MESSAGE_RETENTION_DAYS = env.integer("MESSAGE_RETENTION_DAYS", 180)
# A message may wait two days for its last attempt, and needs its content until then.
if not 3 <= MESSAGE_CONTENT_DAYS <= MESSAGE_RETENTION_DAYS <= 3_650:
    env.problems.append(
        "MESSAGE_CONTENT_DAYS must be at least 3 and at most MESSAGE_RETENTION_DAYS, and that at most 3650."
    )
ANALYTICS_ARCHIVE_DIR = env.text("ANALYTICS_ARCHIVE_DIR")

# --- What crosses the rooms, by dotted path -------------------------------------------------------------------

TENANT_ROLE = env.text("TENANT_ROLE", default="signalbox_tenant")
# Who owns tenant data: counted, and deleted in this order, by tenant deletion and by the reset command.
TENANT_DATA_OWNERS = [
    "analytics.alerts.tenant_data.owner",
    "webhooks.tenant_data.owner",
    "analytics.tenant_data.owner",
    "integrations.messaging.tenant_data.owner",
    "integrations.tenant_data.owner",
]
# Tables in daily partitions on their UUIDv7 id.
PARTITIONED_MODELS = ["webhooks.Event", "webhooks.Payload", "webhooks.Delivery", "analytics.WebhookCall"]
# Of those, which retention empties: lists of `integrations.partitioning.retained.RetainedTable`, emptied in this order.
RETAINED_TABLES = ["analytics.retained.TABLES", "webhooks.retained.TABLES"]
# What the delivery engine can send, by `target_kind`.
DELIVERY_SENDERS = {
    "webhook": "webhooks.engine.webhook_sender.WebhookSender",
    "message": "webhooks.engine.message_sender.MessageSender",
}
# How messages get into its queue (a Protocol in `integrations.ports`).
MESSAGE_QUEUE = "webhooks.message_queue.queue"
# What provider actions need to know of receivers (a Protocol in `integrations.ports`).
RECEIVER_DIRECTORY = "webhooks.receiver_directory.directory"
# What analytics needs to know of webhooks (a Protocol in `analytics.ports`).
WEBHOOK_DIRECTORY = "webhooks.directory.directory"
# What alerts need to know (Protocols in `analytics.alerts.ports`).
ALERT_WEBHOOK_WATCH = "webhooks.watch.watch"
ALERT_CREDENTIAL_WATCH = "integrations.credential_watch.watch"
ALERT_SIGNING = "webhooks.message_signing.signing"
API_LATENCY = "config.metrics.api_latency.api_latency_p95"

# --- Logging --------------------------------------------------------------------------------------------------

LOG_LEVEL = env.text("LOG_LEVEL", default="INFO").upper()
if LOG_LEVEL not in {"DEBUG", "INFO", "WARNING", "ERROR"}:
    env.problems.append("LOG_LEVEL must be DEBUG, INFO, WARNING or ERROR.")
    LOG_LEVEL = "INFO"
for _secret in (
    SECRET_KEY,
    ENCRYPTION_KEY,
    *ENCRYPTION_KEYS_PREVIOUS,
    API_KEY_PEPPER,
    *API_KEY_PEPPER_PREVIOUS,
    EMAIL_HOST_PASSWORD,
    METRICS_TOKEN,
    str(DATABASES["default"].get("PASSWORD", "")),
    urlsplit(REDIS_URL).password or "",
):
    register_secret(_secret)
LOGGING = logging_configuration(level=LOG_LEVEL, as_json=IS_PRODUCTION)

CONFIGURATION_PROBLEMS = env.problems
