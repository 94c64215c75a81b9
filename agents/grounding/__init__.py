"""Checks every sentence of a proposal against what it cites, and looks up what is cited, whoever wrote it."""

from __future__ import annotations

from agents.grounding.changes import looked_up_update
from agents.grounding.checking import check
from agents.grounding.standing import Citation, Library, LookedUp, looked_up, looked_up_brief

__all__ = ["Citation", "Library", "LookedUp", "check", "looked_up", "looked_up_brief", "looked_up_update"]
