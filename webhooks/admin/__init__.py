from webhooks.admin import deliveries, receivers, recoveries, redaction_rules, webhooks

__all__ = ["deliveries", "receivers", "recoveries", "redaction_rules", "webhooks"]
