"""What can be set about the flows, from the environment; every field has a safe default."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """The settings of the flows, read from `FLOWS_*`."""

    model_config = SettingsConfigDict(env_prefix="FLOWS_", frozen=True)

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
    prefect_port: int = Field(
        default=4200, ge=0, le=65_535, description="port of the Prefect server that `up` starts; 0 takes a free one"
    )
    runs_at_once: int = Field(default=4, ge=1, le=500, description="run processes that `up` lets its worker start")
