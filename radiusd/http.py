"""The small HTTP port for machines: metrics, liveness, readiness."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from prometheus_client import CollectorRegistry
from prometheus_client.twisted import MetricsResource
from twisted.web.resource import Resource
from twisted.web.server import Site


class Health(Resource):
    """Answers 200 while *is_well* says so, else 503."""

    isLeaf = True

    def __init__(self, is_well: Callable[[], bool]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # twisted.web has no types
        self._is_well = is_well

    def render_GET(self, request: Any) -> bytes:
        request.setHeader(b"content-type", b"text/plain; charset=utf-8")
        if self._is_well():
            return b"ok\n"
        request.setResponseCode(503)
        return b"the database does not take records\n"


def site(registry: CollectorRegistry, is_ready: Callable[[], bool]) -> Site:
    """Return ``/metrics``, ``/healthz`` (the reactor turns) and ``/readyz`` (records are kept)."""
    root = Resource()  # type: ignore[no-untyped-call]
    root.putChild(b"metrics", MetricsResource(registry=registry))  # type: ignore[no-untyped-call]
    root.putChild(b"healthz", Health(lambda: True))
    root.putChild(b"readyz", Health(is_ready))
    return Site(root)  # type: ignore[no-untyped-call]
