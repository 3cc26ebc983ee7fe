"""Log lines: one per call event with everything bound to it, as JSON for a collector or text for eyes."""

from __future__ import annotations

import logging
import sys
from typing import Any

import msgspec
import structlog
from twisted.logger import LogLevel, globalLogPublisher
from twisted.logger import eventAsText as event_as_text

from radiusd.settings import Log

_LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}
_SECRET_WORDS = ("secret", "password", "passwd", "token")
_encode = msgspec.json.Encoder(enc_hook=str).encode


def configure(settings: Log) -> Any:
    """Send log lines to standard output and return the root logger."""
    processors: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        mask_secrets,
        structlog.processors.format_exc_info,
    ]
    factory: Any
    if settings.format == "json":
        processors.append(structlog.processors.JSONRenderer(serializer=_serialize))
        factory = structlog.BytesLoggerFactory(sys.stdout.buffer)
    else:
        processors.append(structlog.dev.ConsoleRenderer(colors=sys.stdout.isatty()))
        factory = structlog.WriteLoggerFactory(sys.stdout)
    structlog.configure(
        processors=processors,
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[settings.level]),
        logger_factory=factory,
        cache_logger_on_first_use=True,
    )
    log = structlog.get_logger()
    globalLogPublisher.addObserver(_bridge(log))
    return log


def mask_secrets(_logger: Any, _method: str, fields: Any) -> Any:
    """Hide the value of every field whose name says that it is a secret (T2 of our threats)."""
    for name in fields:
        if any(word in name for word in _SECRET_WORDS):
            fields[name] = "***"
    return fields


def _serialize(fields: Any, **_: Any) -> bytes:
    return _encode(fields)


def _bridge(log: Any) -> Any:
    """Return an observer that passes on what Twisted itself has to say, from warnings up."""

    def observe(event: Any) -> None:
        if event.get("log_level", LogLevel.info) >= LogLevel.warn:
            log.error("twisted", text=event_as_text(event), namespace=event.get("log_namespace"))

    return observe


def set_level(settings: Log) -> None:
    """Change how much is logged, while running."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[settings.level]))
