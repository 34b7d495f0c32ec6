from integrations.messaging.admin import messages

__all__ = ["messages"]
