"""What can be set about the flows, from the environment; every field has a safe default."""

from __future__ import annotations

import difflib
import os

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict
from pydantic_settings.exceptions import SettingsError

from flows.errors import SettingInvalid

PREFIX = "FLOWS_"


class Settings(BaseSettings):
    """The settings of the flows, read from `FLOWS_*`."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True)

    document_modules: tuple[str, ...] = Field(
        default=("agents", "flows"),
        description="top-level packages whose document classes the examiner may import, as a JSON list",
    )
    wake_seconds: float = Field(
        default=1.0, gt=0, le=60, description="seconds between two looks for runs to wake and deadlines to keep"
    )
    reconcile_seconds: float = Field(
        default=10.0, gt=0, le=3_600, description="seconds between two looks for requests whose run is gone"
    )
    lease_seconds: float = Field(
        default=15.0,
        ge=3,
        le=300,
        description="seconds without a sign of life after which another queue process takes over that loop",
    )
    prefect_port: int = Field(
        default=4200, ge=0, le=65_535, description="port of the Prefect server that `up` starts; 0 takes a free one"
    )
    show_documents: bool = Field(
        default=True, description="whether Prefect's pages show what drafts say; else only how they were decided"
    )
    linger_places: int = Field(
        default=8, ge=0, le=500, description="run processes of one home that may stay in a gate at once; 0: none does"
    )
    linger_spare_mb: int = Field(
        default=500, ge=0, description="megabytes of memory the machine must have free, or no process stays in a gate"
    )
    runs_at_once: int = Field(default=4, ge=1, le=500, description="run processes that `up` lets its worker start")


def read_settings() -> Settings:
    """The settings as the environment has them now.

    Raises:
        SettingInvalid: a value is wrong, or a variable is misspelt; the message names it.
    """
    known = {f"{PREFIX}{field.upper()}" for field in Settings.model_fields}
    for name in os.environ:
        if name.upper().startswith(PREFIX) and name.upper() not in known:
            near = difflib.get_close_matches(name.upper(), known, n=1)
            hint = f"Did you mean {near[0]}?" if near else f"Known are: {', '.join(sorted(known))}."
            raise SettingInvalid(f"{name} is not a setting. {hint}")
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors()[0]
        name = f"{PREFIX}{str(first['loc'][0]).upper()}"
        raise SettingInvalid(f"{name} is wrong: {first['msg']} (given was {first['input']!r}).") from error
    except SettingsError as error:
        raise SettingInvalid(f"A {PREFIX}… variable is not JSON where a list is wanted: {error}.") from error
