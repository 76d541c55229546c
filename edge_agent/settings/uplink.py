"""The settings of the way to the central system.

Owns: which of them exist, their defaults, bounds and meaning. Must not know: TOML, files, MQTT.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from edge_agent.settings.strict import Strict
from edge_agent.settings.values import HOST, TOPIC_ROOT, AbsolutePath, ShownText, rule


class Tls(Strict):
    """Encryption of the uplink, and how both ends prove who they are."""

    ca: AbsolutePath = Field(description="File of the certificate authority that the broker is checked by.")
    cert: AbsolutePath | None = Field(default=None, description="File of this booth's certificate.")
    key: AbsolutePath | None = Field(default=None, description="File of this booth's private key.")

    @model_validator(mode="after")
    def _certificate_has_its_key(self) -> Self:
        if (self.cert is None) != (self.key is None):
            absent, other = ("key", "cert") if self.key is None else ("cert", "key")
            raise rule(absent, "missing", f"a file, because {other} is given")
        return self


class Uplink(Strict):
    """The way to the central system, an MQTT broker."""

    enabled: bool = Field(
        default=True, description="Whether there is a centre; with false all stays in the booth."
    )
    host: Annotated[str, Field(max_length=253)] = Field(
        default="", pattern=HOST, description="Name or address of the broker; needed if enabled."
    )
    port: int = Field(
        default=8883,
        ge=1,
        le=65535,
        description="TCP port of the broker; if not given 8883 with tls, 1883 without.",
    )
    root: Annotated[str, Field(max_length=64)] = Field(
        default="booth/v1", pattern=TOPIC_ROOT, description="First part of every topic."
    )
    protocol: Literal["auto", "5", "3.1.1"] = Field(
        default="auto", description="Version of MQTT; auto tries 5 and falls back."
    )
    ack: Literal["central", "broker"] = Field(
        default="central", description="Who must have an event before it leaves the ledger."
    )
    window: int = Field(default=32, ge=1, le=100, description="Messages on the way at one time.")
    live_per_s: int = Field(
        default=0, ge=0, le=10, description="Live weights sent to the centre each second; 0 for none."
    )
    metrics_s: int = Field(
        default=300,
        ge=0,
        le=86400,
        description="Seconds between two sets of figures for the centre; 0: none.",
    )
    daily_mib: int = Field(
        default=0, ge=0, le=65536, description="MiB a day that a metered link may carry; 0 for no limit."
    )
    keepalive_s: int = Field(
        default=30, ge=5, le=1200, description="Seconds of silence after which the link is probed."
    )
    username: ShownText = Field(
        default="", description="Name to log in with; empty where the certificate says it."
    )
    password_file: AbsolutePath | None = Field(
        default=None, description="File whose first line is the password; only the agent may read it."
    )
    tls: Tls | None = Field(
        default=None, description="Encryption; without this table the link is plain text."
    )

    @model_validator(mode="after")
    def _enabled_has_a_host(self) -> Self:
        if self.enabled and not self.host:
            raise rule("host", "missing", "the broker's name or address, or enabled = false")
        if self.ack == "broker" and self.protocol == "3.1.1":
            raise rule("protocol", "cannot be used", "5 or auto: MQTT 3.1.1 does not tell delivery to nobody")
        return self
