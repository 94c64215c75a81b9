"""The approval queue over HTTP: the REST API, as `create_app` makes it."""

from __future__ import annotations

from approvals.web.app import create_app, serve

__all__ = ["create_app", "serve"]
