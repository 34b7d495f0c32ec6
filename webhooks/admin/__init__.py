from webhooks.admin import deliveries, receivers, recoveries, webhooks

__all__ = ["deliveries", "receivers", "recoveries", "webhooks"]
