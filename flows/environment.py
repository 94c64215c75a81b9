"""What a run's process finds in its environment, beside what somebody set: it spares it questions."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import certifi
import httpx
from prefect.settings import get_current_settings

from flows.busy import RETRIES

if TYPE_CHECKING:
    from prefect.client.orchestration import PrefectClient


def of_python(environment: Any) -> dict[str, str]:
    """What decides which code a Python finds, and how it runs it."""
    return {name: value for name, value in environment.items() if name.startswith("PYTHON") and value is not None}


def lighter(csrf: bool, certificate: Path | None) -> dict[str, str]:
    """What spares each process a question that the worker has had answered, unless somebody set it otherwise."""
    spared = {"PREFECT_CLIENT_SERVER_VERSION_CHECK_ENABLED": "false", "PREFECT_CLIENT_MAX_RETRIES": str(RETRIES)}
    if not csrf:
        spared["PREFECT_CLIENT_CSRF_SUPPORT_ENABLED"] = "false"
    if certificate is not None and str(get_current_settings().api.url or "").startswith("http://"):
        # There is nothing to verify, yet every client reads all the authorities there are, which takes it 25 ms.
        spared["PREFECT_API_SSL_CERT_FILE"] = str(certificate)
    return spared


def one_certificate(home: Path) -> Path | None:
    """A file with one of the authorities that there are."""
    path = home / "run" / "one-certificate.pem"
    try:
        if not path.exists():
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            begin, end = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
            first = Path(certifi.where()).read_text(encoding="utf-8").partition(begin)[2].partition(end)[0]
            path.write_text(f"{begin}{first}{end}\n", encoding="utf-8")
    except OSError:
        return None
    return path


async def wants_csrf_tokens(client: PrefectClient) -> bool:
    """Whether the server has clients fetch a token before they write."""
    try:
        await client.request("GET", "/csrf-token", params={"client": "countersign"})
    except httpx.HTTPStatusError as error:
        return error.response.status_code != httpx.codes.UNPROCESSABLE_ENTITY  # which says that it has none
    return True
