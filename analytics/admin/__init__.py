from analytics.admin import calls

__all__ = ["calls"]
