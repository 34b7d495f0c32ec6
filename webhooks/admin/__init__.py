from webhooks.admin import webhooks

__all__ = ["webhooks"]
