from analytics.admin import calls, retention

__all__ = ["calls", "retention"]
