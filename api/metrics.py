"""`/metrics`: what Prometheus collects, over all web processes of this machine."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from ipaddress import ip_address

from flask import Response
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector

from api.resource import PlatformResource
from storage.store import Store
from utils import NotFound

_REQUESTS = Counter("diyml_requests", "Requests answered.", ["route", "method", "status"])
_SECONDS = Histogram(
    "diyml_request_seconds",
    "Time until the answer began.",
    ["route", "method"],
    buckets=(0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10),
)


def count_request(route: str, method: str, status: int, seconds: float) -> None:
    """Count one answered request."""
    _REQUESTS.labels(route, method, str(status)).inc()
    _SECONDS.labels(route, method).observe(seconds)


class Metrics(PlatformResource):
    """Counters, latency histograms, and how many jobs there are."""

    def get(self) -> Response:
        """In the text format of Prometheus; for this machine, or with the operator's token for metrics."""
        if not self._may_see():
            raise NotFound("there is nothing here for you")
        registry = CollectorRegistry()
        if folder := self.metrics_folder():
            MultiProcessCollector(registry, str(folder))
        else:
            registry.register(REGISTRY)
        registry.register(_Jobs(self.services.store))
        return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)

    def _may_see(self) -> bool:
        wanted, given = self.services.settings.metrics_token, self.token() or ""
        if wanted:
            return secrets.compare_digest(given.encode(), wanted.encode())
        try:
            return ip_address(self.client_address()).is_loopback
        except ValueError:  # whatever a proxy in front wrote there, it is not this machine
            return False


class _Jobs:
    """Jobs by state, as the database has them now."""

    def __init__(self, store: Store):
        self._store = store

    def collect(self) -> Iterator[GaugeMetricFamily]:
        family = GaugeMetricFamily("diyml_jobs", "Jobs by state, over all machines.", labels=["state"])
        for state, count in self._store.jobs.count_by_state().items():
            family.add_metric([state.value], count)
        yield family
