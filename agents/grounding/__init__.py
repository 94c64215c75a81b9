"""Checks every sentence of a proposal against what it cites, whoever wrote it."""

from __future__ import annotations

from agents.grounding.checking import check

__all__ = ["check"]
