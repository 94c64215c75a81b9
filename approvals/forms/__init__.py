"""Forms for any document: from its JSON Schema to a tree that a page draws, and back from what a browser sends."""

from approvals.forms.marks import Mark
from approvals.forms.nodes import Node
from approvals.forms.ordering import ordered
from approvals.forms.parsing import Typed, parse
from approvals.forms.tree import nodes

__all__ = ["Mark", "Node", "Typed", "nodes", "ordered", "parse"]
