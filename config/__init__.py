"""What runs Signalbox: settings, addresses, processes, and the commands that span the rooms."""

from config.celery import app as celery_app

__all__ = ["celery_app"]
