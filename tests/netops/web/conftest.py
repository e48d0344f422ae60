"""A small application with one page of each kind."""

from __future__ import annotations

import pytest
from flask import Blueprint, request

from netops.config import City, Settings
from netops.errors import AccessError, SpoolError, StoreError, UsageError
from netops.web import create_app


def made(*, rehearsal=False, **more):
    pages = Blueprint("pages", __name__)

    @pages.get("/")
    def home():
        return "<!doctype html><html><body class='x'><p>hello</p></body></html>"

    @pages.post("/change")
    def change():
        return f"changed {len(request.get_data())}"

    @pages.post("/upload")
    def upload():
        with request.files["file"].stream as sent:
            return f"{len(sent.read())} {len(request.form['field'])}"

    @pages.get("/broken")
    def broken():
        raise ZeroDivisionError("secret of the machine")

    @pages.get("/ours/<kind>")
    def ours(kind):
        if kind == "spool":
            raise SpoolError("spool /var/lib/x/portal.db: secret of the machine")
        raise {"usage": UsageError, "access": AccessError, "store": StoreError}[kind](f"said plainly: {kind}")

    app = create_app("test", Settings(city=City(rehearsal=rehearsal)), blueprints=[pages], **more)
    app.logger.disabled = True
    return app


@pytest.fixture
def client():
    return made().test_client()


@pytest.fixture
def rehearsal():
    return made(rehearsal=True).test_client()
