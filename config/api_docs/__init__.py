"""The pages of `docs/api/{platform,v1}`, written from the OpenAPI documents by `manage.py write_api_docs`."""
