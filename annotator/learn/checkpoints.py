"""Checkpoints as bytes, read back without executing anything that they hold."""

from __future__ import annotations

import io
import pickle
from collections.abc import Mapping, Sequence
from typing import Any

import torch

from annotator.core.errors import IncompatibleWeights

_FORMAT = "annotator checkpoint"
_VERSION = 1


def pack(state: Mapping[str, Any]) -> bytes:
    """Tensors and plain data as bytes, with format and version."""
    buffer = io.BytesIO()
    torch.save({"format": _FORMAT, "version": _VERSION, **state}, buffer)
    return buffer.getvalue()


def unpack(data: bytes, *, structures: Sequence[str], network: str) -> dict[str, Any]:
    """Inverse of :func:`pack`.

    Parameters
    ----------
    data
        From :func:`pack`.
    structures, network
        What the checkpoint must belong to.

    Raises
    ------
    IncompatibleWeights
        Where the bytes are damaged, or of another version, protocol or network.
    """
    try:
        state = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    except (RuntimeError, EOFError, ValueError, KeyError, OSError, pickle.UnpicklingError):
        raise IncompatibleWeights("The training checkpoint is damaged; training starts anew.") from None
    if not isinstance(state, dict) or state.get("format") != _FORMAT or state.get("version") != _VERSION:
        raise IncompatibleWeights("The training checkpoint has another format; training starts anew.")
    if state["structures"] != list(structures):
        raise IncompatibleWeights("The training checkpoint belongs to another protocol; training starts anew.")
    if state["network"] != network:
        raise IncompatibleWeights(
            f"The training checkpoint belongs to the network '{state['network']}' and the recipe names "
            f"'{network}'; training starts anew."
        )
    return state


def load_matching(network: torch.nn.Module, state: Mapping[str, Any]) -> None:
    """Load a state into a network of the same make; a network of another make is left as it was.

    Raises
    ------
    IncompatibleWeights
        Where names or shapes differ.
    """
    shapes = {name: tensor.shape for name, tensor in network.state_dict().items()}
    if {name: tensor.shape for name, tensor in state.items()} != shapes:
        raise IncompatibleWeights(
            "The weights were made by a network of another make (name, width or classes); train anew."
        )
    network.load_state_dict(state)
