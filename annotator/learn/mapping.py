"""Weights of one protocol read by the structures of another: classes find each other by structure id.

Where the other protocol lacks a structure, what was predicted of it is background there; where the weights lack one,
it is never predicted, and its row of a network that is to be trained stays as it was drawn.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from annotator.core.errors import IncompatibleWeights
from annotator.core.protocols import LabelProtocol
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

    def state_for(self, network: torch.nn.Module) -> dict[str, torch.Tensor]:
        """The weights as a state of a network of the new protocol, whose unknown structures keep its own rows.

        Raises
        ------
        IncompatibleWeights
            Where the network does not declare its head.
        """
        fresh, known = network.state_dict(), self.network.state_dict()
        head = next(
            (name for name, module in network.named_modules() if module is getattr(network, "head", None)), None
        )
        if head is None:
            raise IncompatibleWeights("The network declares no head, so weights of another protocol do not fit.")
        state = dict(known)
        for name in (n for n in known if n.startswith(f"{head}.")):
            rows = fresh[name].clone()
            for ours, theirs in {0: 0, **self._shared}.items():
                rows[ours] = known[name][theirs]
            state[name] = rows
        return state


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
