"""The one Flask door: application factory, headers, languages, forms, health, server.

Whoever shows pages makes a blueprint and hands it to `create_app`; whoever listens hands the application to `Server`.
"""

from netops.web.app import create_app
from netops.web.pages import Context, Link, Pages
from netops.web.server import Server

__all__ = ["Context", "Link", "Pages", "Server", "create_app"]
