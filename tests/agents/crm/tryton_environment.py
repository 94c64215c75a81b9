"""A real Tryton server for the tests: its environment, a database with a company in it, and the process.

Tryton is GPL. It stands in an environment of its own and is spoken to over HTTP alone; nothing of it is imported here.
`python tryton_environment.py` makes environment and database in the cache folder, once, and prints where.
"""

from __future__ import annotations

import base64
import os
import shutil
import socket
import subprocess
import sys
import time
import venv
from pathlib import Path
from typing import Any

import httpx

VERSION = "8.2"
PACKAGES = ["trytond", "trytond_sale_opportunity", "trytond_party_relationship"]
MODULES = ["sale_opportunity", "party_relationship"]
DATABASE = "crm"
PASSWORD = "only-on-this-machine-1"
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "countersign" / f"tryton-{VERSION}"
_INSTALLED, _READY, _KEY = CACHE / "venv" / "installed", CACHE / "ready", CACHE / "key"


def is_built() -> bool:
    """Whether environment and database are there."""
    return _READY.exists()


def build() -> None:
    """Make both, unless they are there; takes about a minute."""
    if is_built():
        return
    CACHE.mkdir(parents=True, exist_ok=True)
    if not _INSTALLED.exists():
        _install()
    shutil.rmtree(CACHE / "template", ignore_errors=True)
    template = CACHE / "template"
    template.mkdir()
    (template / f"{DATABASE}.sqlite").touch()  # Tryton makes tables, and no database
    (CACHE / "password").write_text(PASSWORD)
    configuration = _configure(template, 0)
    subprocess.run(
        [
            *(_bin("trytond-admin"), "-c", str(configuration), "-d", DATABASE, "--all", "--activate-dependencies"),
            *("--email", "a@example.test", "-u", *MODULES),
        ],
        check=True,
        env={**os.environ, "TRYTONPASSFILE": str(CACHE / "password")},
    )
    server = Tryton(template)
    try:
        _KEY.write_text(server.found_a_company())
    finally:
        server.stop()
    _READY.touch()


def _install() -> None:
    """Tryton's packages, in an environment of their own."""
    shutil.rmtree(CACHE / "venv", ignore_errors=True)
    venv.create(CACHE / "venv", with_pip=not _uv().exists())
    wanted = [f"{name}~={VERSION}.0" for name in PACKAGES]
    if _uv().exists():
        command = [str(_uv()), "pip", "install", "--quiet", "--system-certs", "--python", _bin("python"), *wanted]
    else:
        command = [_bin("python"), "-m", "pip", "install", "--quiet", *wanted]
    subprocess.run(command, check=True)
    _INSTALLED.touch()


def start(folder: Path) -> Tryton:
    """A server on a copy of the database, in this folder."""
    shutil.copytree(CACHE / "template", folder, dirs_exist_ok=True)
    return Tryton(folder)


class Tryton:
    """A server process on one folder of databases."""

    def __init__(self, folder: Path) -> None:
        port = _free_port()
        configuration = _configure(folder, port)
        self.host = f"127.0.0.1:{port}"
        self.url = f"http://{self.host}/{DATABASE}"
        self.address = f"tryton://{self.host}/{DATABASE}"
        with (folder / "log").open("w") as log:
            command = [_bin("trytond"), "-c", str(configuration), "-d", DATABASE]
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        give_up = time.monotonic() + 60
        while time.monotonic() < give_up:
            try:
                httpx.get(f"{self.url}/rest/model/party.party", timeout=10)
                return
            except httpx.TransportError:
                time.sleep(0.1)
        self.stop()
        raise AssertionError(f"Tryton did not start: {(folder / 'log').read_text()[-2000:]}")

    @property
    def key(self) -> str:
        """The key of the application that the user validated."""
        return _KEY.read_text()

    def stop(self) -> None:
        """End it and leave nothing behind."""
        self._process.terminate()
        self._process.communicate()

    def found_a_company(self) -> str:
        """A currency, a company and its employee, which Tryton wants before it sells; the key of its REST API."""
        rpc = _Rpc(self.url)
        currency = rpc.create("currency.currency", name="Euro", symbol="€", code="EUR", numeric_code="978")
        party = rpc.create("party.party", name="Brightwater")
        company = rpc.create("company.company", party=party, currency=currency)
        person = rpc.create("party.party", name="Rita")
        employee = rpc.create("company.employee", party=person, company=company)
        user = rpc.user
        # Without these its own rules hide the company from the user.
        rpc.write("res.user", user, companies=[["add", [company]]], company=company)
        rpc.write("res.user", user, employees=[["add", [employee]]], employee=employee)
        key = "k" * 8 + os.urandom(24).hex()
        rpc.create("res.user.application", key=key, user=user, application="rest")
        return key


class _Rpc:
    """The few calls that make the company, in the way of Tryton's own clients."""

    def __init__(self, url: str) -> None:
        self._url = f"{url}/"
        self._headers: dict[str, str] = {}
        found = self._call("common.db.login", "admin", {"password": PASSWORD}, "en")
        self.user, session = int(found[0]), str(found[1])
        token = base64.b64encode(f"admin:{self.user}:{session}".encode()).decode()
        self._headers = {"Authorization": f"Session {token}"}

    def create(self, model: str, **values: Any) -> int:
        return int(self._call(f"model.{model}.create", [values], {})[0])

    def write(self, model: str, id_: int, **values: Any) -> None:
        self._call(f"model.{model}.write", [id_], values, {})

    def _call(self, method: str, *parameters: Any) -> Any:
        body = {"id": 1, "method": method, "params": list(parameters)}
        for path in ("rpc/", ""):
            response = httpx.post(self._url + path, json=body, headers=self._headers, timeout=60)
            if response.status_code != httpx.codes.NOT_FOUND:
                break
        response.raise_for_status()
        answer = response.json()
        if isinstance(answer, dict):
            assert "error" not in answer, answer
            return answer["result"]
        return answer


def _configure(folder: Path, port: int) -> Path:
    path = folder / "trytond.conf"
    path.write_text(f"[database]\nuri = sqlite://\npath = {folder}\n[web]\nlisten = 127.0.0.1:{port}\n")
    return path


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _bin(name: str) -> str:
    return str(CACHE / "venv" / "bin" / name)


def _uv() -> Path:
    """The installer of our own environment, or the machine's."""
    beside = Path(sys.executable).with_name("uv")
    return beside if beside.exists() else Path(shutil.which("uv") or beside)


if __name__ == "__main__":
    build()
    print(CACHE)
