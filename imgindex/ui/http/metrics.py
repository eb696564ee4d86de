"""Numbers for Prometheus. Each service has its own, so that several in one process do not add up."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from starlette.types import Scope

BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)


class Metrics:
    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        of = self._registry
        self._requests = Counter("imgindex_requests", "Requests answered.", ("route", "method", "status"), registry=of)
        self._seconds = Histogram(
            "imgindex_request_seconds", "Time to answer.", ("route", "method"), buckets=BUCKETS_S, registry=of
        )
        self.in_work = Gauge("imgindex_requests_in_work", "Requests in work or in line.", registry=of)
        self.refused = Counter("imgindex_requests_refused", "Requests told to come back later.", registry=of)
        self.jobs = Gauge("imgindex_jobs", "Jobs that run or wait.", ("state",), registry=of)
        self.images = Gauge("imgindex_images", "Distinct images in the store.", registry=of)
        self.files = Gauge("imgindex_files", "Indexed files that are present.", registry=of)
        self.skipped = Gauge("imgindex_skipped_files", "Files that were seen and not indexed.", registry=of)
        self.groups = Gauge("imgindex_groups", "Duplicate groups.", registry=of)
        self.redundant = Gauge("imgindex_redundant_files", "Files without which nothing would be lost.", registry=of)
        self.reclaimable = Gauge("imgindex_reclaimable_bytes", "What the redundant files take.", registry=of)
        self.report_age = Gauge("imgindex_report_age_seconds", "Age of the report that lists are from.", registry=of)
        self.report_seconds = Gauge("imgindex_report_seconds", "Time that the last report took.", registry=of)

    def observe(self, scope: Scope, status: int, seconds: float) -> None:
        """Count one request, under the route's pattern: a client must not be able to make new series."""
        route = getattr(scope.get("route"), "path", "other")
        if route != "other" and scope["path"].startswith("/api/v1/"):
            route = f"/api/v1{route}"
        method = scope["method"] if scope["method"] in ("GET", "HEAD", "POST", "DELETE", "PUT") else "other"
        self._requests.labels(route, method, str(status)).inc()
        self._seconds.labels(route, method).observe(seconds)

    def text(self) -> bytes:
        """All of it, as Prometheus reads it."""
        return generate_latest(self._registry)
