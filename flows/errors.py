"""What can go wrong between a flow and its gates. The docstring is the message; attributes carry the facts.

FlowError
├── GateMisplaced        in a subflow, a task, a thread, a bare gather, or outside a flow of ours
├── GateNotDeclared      the flow does not name this gate
├── GateReused           the same gate and key twice in one execution
├── GateKeyMissing       no key can be made of these inputs
├── GateInvalid          a gate that contradicts itself
├── Ended                the flow ends here as it should, in a state that says why
│   └── Unapproved       the answer was not an approval
├── SettingInvalid       a FLOWS_ variable is wrong or misspelt
├── ProspectsInvalid     the prospects file cannot be used
├── ChildrenFailed       the worker has no process for a run
└── ServerError          Prefect or the queue cannot be reached or started
"""

from __future__ import annotations

from typing import Any


class FlowError(Exception):
    """Something is wrong between a flow and its gates."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or (type(self).__doc__ or "").strip())


class GateMisplaced(FlowError):
    """A gate cannot stand here, and it is never skipped."""


class GateNotDeclared(FlowError):
    """The flow does not name this gate in `gates=[…]`."""


class GateReused(FlowError):
    """The same gate was opened twice with the same key in one execution."""


class GateKeyMissing(FlowError):
    """A gate needs a key."""


class GateInvalid(FlowError):
    """This gate contradicts itself."""


ENDS = ("Completed", "Rejected", "Returned", "Expired", "Withdrawn", "Suppressed", "Nothing to revert")
"""Final states that a run may end in as it should."""


class Ended(FlowError):
    """The flow ends here as it should; its run is Completed under a name of its own."""

    def __init__(self, outcome: str, sentence: str) -> None:
        self.outcome = outcome
        super().__init__(sentence)


class Unapproved(Ended):
    """The answer was not an approval, so the flow ends here."""

    def __init__(self, decision: Any, gate: str, done: Any = None) -> None:
        self.decision = decision
        self.gate = gate
        self.done = done
        outcome = type(decision).__name__
        by = f" by {', '.join(decision.by)}" if decision.by else ""
        said = getattr(decision, "reason", None) or getattr(decision, "feedback", "")
        super().__init__(outcome, f"{gate}: {outcome.lower()}{by}: {said}")


class SettingInvalid(FlowError):
    """A setting of the flows is wrong."""


class ProspectsInvalid(FlowError):
    """The prospects file cannot be used."""


class ChildrenFailed(FlowError):
    """The worker has no process for a run."""


class ServerError(FlowError):
    """Prefect or the queue cannot be reached or started."""
