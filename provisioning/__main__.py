"""Run the console and the API in a process of their own; here the global reactor is taken."""

from __future__ import annotations

from twisted.internet import reactor

from provisioning.api.site import api_resource
from provisioning.console.site import add_console
from provisioning.web import Root, Web, run_console
from radiusd.settings import Settings


def console(settings: Settings) -> None:
    """Serve until we are told to end."""
    run_console(reactor, settings, add_parts)


def add_parts(web: Web, root: Root) -> None:
    """Put all that the process serves below its root: a line for each part."""
    root.putChild(b"api", api_resource(web))
    add_console(web, root)
