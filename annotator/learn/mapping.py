"""Weights of one protocol read by the structures of another: classes find each other by structure id.

Where the other protocol lacks a structure, what was predicted of it is background there; where the weights lack one,
it is never predicted, and its row of a network that is to be trained begins empty. Where they share none, nothing can
be predicted, but training still begins at everything below the head: what echoes look like.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from annotator.core.errors import IncompatibleWeights
from annotator.core.protocols import LabelProtocol
from annotator.learn.networks import has_head, head_of
from annotator.learn.weights import Predictor, WeightsHeader


def shared_structures(header: WeightsHeader, protocol: LabelProtocol) -> tuple[str, ...]:
    """Structures of a protocol that weights can predict; none where the two are of different views."""
    theirs, ours = set(header.protocol.views), set(protocol.views)
    if theirs and ours and not theirs & ours:
        return ()
    return tuple(s for s in protocol.ids if s in header.active)


class MappedPredictor(Predictor):
    """A model that speaks another protocol than it was trained on.

    Parameters
    ----------
    predictor
        The loaded model.
    protocol
        Whose structures are predicted, in its order.
    values
        Structure id to mask value.

    Raises
    ------
    IncompatibleWeights
        Where the two share no structure, or no view.
    """

    def __init__(self, predictor: Predictor, protocol: LabelProtocol, values: Mapping[str, int]) -> None:
        shared = shared_structures(predictor.header, protocol)
        if not shared:
            theirs = predictor.header.protocol
            raise IncompatibleWeights(
                f"The weights know {', '.join(theirs.ids)} in views of '{theirs.name}', and the protocol "
                f"'{protocol.name}' has none of them; train without them."
            )
        super().__init__(
            replace(predictor.header, protocol=protocol, values=dict(values), active=shared), predictor.network
        )
        self._source = predictor
        self._shared = {protocol.index(s): predictor.header.protocol.index(s) for s in shared}

    def predict_any_view(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """(B, S, S) uint8 to probabilities (B, K+1, S, S) float32 of the new protocol's classes."""
        found = self._source.predict_any_view(images)
        batch, _, height, width = found.shape
        mapped = np.zeros((batch, self.header.protocol.n_classes, height, width), dtype=np.float32)
        for ours, theirs in self._shared.items():
            mapped[:, ours] = found[:, theirs]
        mapped[:, 0] = found[:, sorted(set(range(found.shape[1])) - set(self._shared.values()))].sum(axis=1)
        return mapped


def adapted(predictor: Predictor, protocol: LabelProtocol, values: Mapping[str, int]) -> Predictor:
    """The model as it is where it has the protocol's structures in its order, else mapped onto them.

    Raises
    ------
    IncompatibleWeights
        Where the two share no structure.
    """
    if predictor.structures == protocol.ids:
        return Predictor(replace(predictor.header, protocol=protocol), predictor.network)
    return MappedPredictor(predictor, protocol, values)


@dataclass(frozen=True, slots=True, eq=False)
class Beginning:
    """Where the training of a network begins.

    Parameters
    ----------
    state
        For the network.
    known
        Structures that it can predict from then on.
    new_rows
        Classes whose rows of the head are empty: they learn what the rest knows already.
    """

    state: Mapping[str, torch.Tensor]
    known: tuple[str, ...]
    new_rows: tuple[int, ...] = ()


def beginning(predictor: Predictor, network: torch.nn.Module, protocol: LabelProtocol) -> Beginning:
    """Weights as the start of a network of another protocol.

    Parameters
    ----------
    predictor
        The loaded model.
    network
        Of the protocol. Its head's rows of structures that the model does not know, or never learnt, are emptied,
        background's with them where it knows none: what they say, drawn as they were, would only disturb the features.
    protocol
        Of the network.

    Raises
    ------
    IncompatibleWeights
        Where the protocols differ and the networks are of another make, or declare no head.
    """
    shared = shared_structures(predictor.header, protocol)
    known, fresh = predictor.network.state_dict(), network.state_dict()
    is_same = predictor.structures == protocol.ids
    if is_same and (len(shared) == len(protocol.ids) or not has_head(network)):
        return Beginning(known, shared)
    rows = {protocol.index(s): predictor.header.protocol.index(s) for s in shared}
    if rows:
        rows[0] = 0
    if {n: t.shape[1:] for n, t in known.items()} != {n: t.shape[1:] for n, t in fresh.items()}:
        raise IncompatibleWeights("The weights were made by a network of another make (name or width); train anew.")
    state = dict(known)
    for name in _head_names(network):
        state[name] = torch.zeros_like(fresh[name])
        for ours, theirs in rows.items():
            state[name][ours] = known[name][theirs]
    return Beginning(state, shared, tuple(c for c in range(protocol.n_classes) if c not in rows))


def _head_names(network: torch.nn.Module) -> list[str]:
    if not has_head(network):
        raise IncompatibleWeights("The network declares no head, so weights of another protocol do not fit.")
    head = head_of(network)
    prefix = next(name for name, module in network.named_modules() if module is head)
    return [f"{prefix}.{name}" for name in head.state_dict()]
