# Production image: web server, worker, beat and commands are the same image with another command (see compose.yaml).
FROM python:3.11-slim

ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PIP_NO_CACHE_DIR=1 ENVIRONMENT=production

WORKDIR /app
RUN useradd --system --uid 10001 --home-dir /app --shell /usr/sbin/nologin signalbox

COPY requirements.lock .
RUN pip install -r requirements.lock

COPY manage.py LICENSE ./
COPY config config
COPY integrations integrations
COPY webhooks webhooks
COPY analytics analytics
COPY templates templates

# Throw-away values: collecting static files reads the settings, connects to nothing and stores none of them.
RUN APP_URL=https://build.invalid DATABASE_URL=postgresql://build@build.invalid/build REDIS_URL=redis://build.invalid/0 \
    SECRET_KEY=build ENCRYPTION_KEY=0000000000000000000000000000000000000000000000000000000000000000 \
    API_KEY_PEPPER=0000000000000000000000000000000000000000000000000000000000000000 \
    python manage.py collectstatic --no-input --verbosity 0

USER signalbox
EXPOSE 8000
CMD ["gunicorn", "--config", "config/gunicorn_conf.py", "--bind", "0.0.0.0:8000"]
