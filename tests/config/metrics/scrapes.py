"""Scrapes, parsed by Prometheus' own client."""

from __future__ import annotations

from typing import Any

from django.test import Client
from prometheus_client.parser import text_string_to_metric_families

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def scrape(**headers: Any) -> Samples:
    """Return every sample of a real scrape by its name and labels."""
    response = Client().get("/metrics", **headers)
    assert response.status_code == 200, response.content
    return samples_of(response.content.decode())


def samples_of(text: str) -> Samples:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def value(samples: Samples, name: str, **labels: str) -> float:
    return samples[name, tuple(sorted(labels.items()))]
