"""Everything that can go wrong while agents work. The docstring is the message; attributes carry the facts.

AgentError
├── TargetError
│   ├── TargetNotFound        the path does not exist
│   ├── TargetEmpty           nothing readable in it
│   ├── TargetTooLarge        over the size that is read
│   └── TargetUnreadable      not a page: a PDF named .html, binary data
├── FetchError
│   ├── AddressRefused        private, local, metadata or disguised address
│   ├── FetchFailed           no answer, or an answer that is not a page
│   └── RobotsDisallow        the site asks not to be read there
├── CatalogueError            the offer catalogue is missing or does not read
├── FieldsError               which fact fills which field: the file is missing or does not read
├── DraftingError             a template or a model gave no usable draft
│   ├── ModelUnavailable      the model does not answer, or not us
│   ├── ModelRefused          the model declines to write this
│   ├── ModelNonsense         what the model writes cannot be read
│   └── BudgetSpent           asking the model could cost more than is allowed
├── Suppressed                asked not to be approached
├── SuppressionError
│   ├── SuppressionInvalid    neither an e-mail address nor a domain
│   └── SuppressionUnavailable  the list cannot be read or written
├── NothingToRevert           an update cannot be taken back, or there is nothing left of it
├── CrmError
│   ├── UnknownObject         no such object or field in this CRM
│   └── CrmUnavailable        the CRM does not answer
└── UnknownScheme             no plug is registered for this address
"""

from __future__ import annotations

from typing import ClassVar


class AgentError(Exception):
    """Something went wrong while an agent worked."""

    state: ClassVar[str] = "Not done"
    """How a run is called that ends for this reason."""

    def __init__(self, message: str | None = None, **facts: object) -> None:
        super().__init__(message or (type(self).__doc__ or "").strip())
        self.facts = facts


class TargetError(AgentError):
    """The research target cannot be read."""

    state: ClassVar[str] = "Not readable"


class TargetNotFound(TargetError):
    """The research target does not exist."""


class TargetEmpty(TargetError):
    """The research target holds nothing that can be read."""


class TargetTooLarge(TargetError):
    """The research target is larger than what is read."""


class TargetUnreadable(TargetError):
    """The research target is not a web page or text."""


class FetchError(AgentError):
    """A page could not be fetched."""

    state: ClassVar[str] = "Not fetched"


class AddressRefused(FetchError):
    """The address points to a private, local or disguised host and is not fetched."""


class FetchFailed(FetchError):
    """The site gave no page."""


class RobotsDisallow(FetchError):
    """The site's robots.txt asks not to be read there."""


class CatalogueError(AgentError):
    """The offer catalogue cannot be used."""

    state: ClassVar[str] = "Catalogue unusable"


class FieldsError(AgentError):
    """The file that says which fact fills which field cannot be used."""

    state: ClassVar[str] = "Fields unusable"


class DraftingError(AgentError):
    """No usable draft could be written."""

    state: ClassVar[str] = "Not drafted"


class ModelUnavailable(DraftingError):
    """The model does not answer."""

    # `passing` among the facts says that it may answer in some minutes.

    state: ClassVar[str] = "Model unavailable"


class ModelRefused(DraftingError):
    """The model declines to write this."""

    state: ClassVar[str] = "Model refused"


class ModelNonsense(DraftingError):
    """What the model writes cannot be read."""

    state: ClassVar[str] = "Model nonsense"


class BudgetSpent(DraftingError):
    """Asking the model could cost more than is allowed."""

    state: ClassVar[str] = "Budget spent"


class Suppressed(AgentError):
    """This company or person is on the suppression list."""


class SuppressionError(AgentError):
    """The suppression list cannot be used so."""

    state: ClassVar[str] = "Suppression list unusable"


class SuppressionInvalid(SuppressionError):
    """This is neither an e-mail address nor a domain."""


class SuppressionUnavailable(SuppressionError):
    """The suppression list cannot be read or written."""


class NothingToRevert(AgentError):
    """There is nothing to take back."""


class CrmError(AgentError):
    """The CRM refused or failed."""

    state: ClassVar[str] = "CRM refused"


class UnknownObject(CrmError):
    """The CRM has no such object or field."""


class CrmUnavailable(CrmError):
    """The CRM does not answer."""

    state: ClassVar[str] = "CRM unavailable"


class UnknownScheme(AgentError):
    """No plug is registered for this address."""

    state: ClassVar[str] = "Not set up"
