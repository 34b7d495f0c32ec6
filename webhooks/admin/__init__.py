from webhooks.admin import deliveries, webhooks

__all__ = ["deliveries", "webhooks"]
