"""Plugins by entry point, protocols from TOML, and the application's own resources."""

from annotator.registry.plugins import (
    measurements,
    network,
    networks,
    picture_formats,
    readers,
    simulator,
    writer,
    writers,
)
from annotator.registry.protocols import protocol, protocols, read_protocol
from annotator.registry.resources import resource

__all__ = [
    "measurements",
    "network",
    "networks",
    "picture_formats",
    "protocol",
    "protocols",
    "read_protocol",
    "readers",
    "resource",
    "simulator",
    "writer",
    "writers",
]
