"""Model files: safetensors with everything in the metadata that prediction needs, and nothing to execute."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as save_tensors

from annotator.core.allowed import conditioned, possible_classes
from annotator.core.clip_json import DAMAGE, protocol_of
from annotator.core.errors import AnnotatorError, IncompatibleWeights
from annotator.core.identity import Spacing
from annotator.core.indexed import complete_values
from annotator.core.plugin_types import NetworkFactory
from annotator.core.protocols import LabelProtocol
from annotator.learn.augment import normalise
from annotator.learn.calibration import apply_temperatures
from annotator.learn.components import classes_of
from annotator.learn.familiarity import FACT, Familiar
from annotator.learn.losses import mask_inactive
from annotator.learn.preprocess import INPUT_MEAN, INPUT_STD, Fit
from annotator.learn.recipe_sections import LARGEST_IMAGE, SMALLEST_IMAGE

FORMAT_VERSION = 1
_KEY = "annotator"

PREDICTION_BATCH: Final = 16
"""Frames that are predicted at a time, which bounds the memory that it takes."""


@dataclass(frozen=True, slots=True)
class WeightsHeader:
    """What a model file says of itself.

    Parameters
    ----------
    protocol
        Structures in class order, with views and derived structures.
    values
        Structure id to its value in an indexed mask.
    image_size
        Side of the square input, in pixels.
    network, options
        Factory name and the options it was called with.
    active
        Structures that ever had a positive label; the others are never predicted.
    recipe
        The whole recipe, as plain data.
    step
        Training steps behind these weights.
    facts
        Further plain data for a model card (data revision, metrics).
    """

    protocol: LabelProtocol
    values: Mapping[str, int]
    image_size: int
    network: str
    options: Mapping[str, Any]
    active: tuple[str, ...]
    recipe: Mapping[str, Any] = field(default_factory=dict)
    step: int = 0
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class Prediction:
    """Probabilities of one frame at native size, (K+1, H, W) float32, of a protocol's classes."""

    probabilities: NDArray[np.float32]
    protocol: LabelProtocol

    @property
    def classes(self) -> NDArray[np.uint8]:
        """(H, W) uint8, the most probable class, without scraps."""
        return classes_of(self.probabilities, self.protocol)


class Predictor:
    """A loaded model that segments native frames.

    Parameters
    ----------
    header
        What the file says.
    network
        On its device, in evaluation mode.
    """

    def __init__(self, header: WeightsHeader, network: torch.nn.Module) -> None:
        self.header = header
        self.network = network.eval()
        self._device = next(network.parameters()).device
        self.active = active_mask(header.protocol, header.active).to(self._device)
        self.temperatures = applied_temperatures(header)

    @property
    def structures(self) -> tuple[str, ...]:
        """Structure ids in class order."""
        return self.header.protocol.ids

    @property
    def values(self) -> Mapping[str, int]:
        """Value of each structure in an indexed mask."""
        return self.header.values

    def fit(self, frame: NDArray[np.uint8], spacing: Spacing | None = None) -> Fit:
        """How a native frame, (H, W) or (H, W, 3), fits the network's input."""
        height, width = frame.shape[:2]
        return Fit.of((height, width), self.header.image_size, spacing=spacing)

    def predict(self, frame: NDArray[np.uint8], spacing: Spacing | None = None, view: str | None = None) -> Prediction:
        """Segment one frame.

        Parameters
        ----------
        frame
            (H, W) or (H, W, 3) uint8.
        spacing
            mm/px, where known and trusted.
        view
            Where known; what the protocol says it cannot show is not found.

        Raises
        ------
        AnnotatorError
            Where the frame has another shape or type.
        """
        if frame.dtype != np.uint8 or not frame.size or frame.ndim not in (2, 3) or frame.shape[2:] not in ((), (3,)):
            raise AnnotatorError(
                f"A frame is (H, W) or (H, W, 3) of uint8, not {frame.shape} of {frame.dtype}; bring it to 0 to 255."
            )
        fit = self.fit(frame, spacing)
        found = fit.unfit_probabilities(self.predict_fitted(fit.fit_image(frame)[None], view)[0])
        return Prediction(found, self.header.protocol)

    def predict_fitted(self, images: NDArray[np.uint8], view: str | None = None) -> NDArray[np.float32]:
        """(B, S, S) uint8 of one view to probabilities (B, K+1, S, S) float32, tempered where the model asks for it."""
        return conditioned(self.predict_any_view(images), possible_classes(self.header.protocol, view))

    def predict_any_view(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """The same, whatever the view."""
        found = probabilities(self.network, torch.from_numpy(images).to(self._device), self.active)
        return apply_temperatures(found, self.temperatures) if self.temperatures else found


def applied_temperatures(header: WeightsHeader) -> dict[int, float]:
    """Class index to the temperature that predictions of this model get; empty where they get none."""
    calibration = header.facts.get("calibration", {})
    asked = bool(header.recipe.get("calibration", {}).get("apply", False))
    if not calibration.get("is_applied", asked):
        return {}
    found = calibration.get("structures", {})
    return {header.protocol.index(s): float(found[s]["temperature"]) for s in header.protocol.ids if s in found}


@torch.inference_mode()
def probabilities(network: torch.nn.Module, images: torch.Tensor, active: torch.Tensor) -> NDArray[np.float32]:
    """Softmax over the active classes.

    Parameters
    ----------
    network
        In evaluation mode.
    images
        (B, S, S) uint8 on the network's device.
    active
        (K+1,) bool.

    Returns
    -------
    (B, K+1, S, S) float32
    """
    logits = mask_inactive(network(normalise(images)), active)
    return np.asarray(torch.softmax(logits, dim=1).cpu().numpy(), dtype=np.float32)


def probabilities_of_many(
    network: torch.nn.Module, images: NDArray[np.uint8], active: torch.Tensor
) -> NDArray[np.float32]:
    """:func:`probabilities` of any number of images, some at a time: (B, S, S) uint8 to (B, K+1, S, S) float32."""
    parts = [np.empty((0, len(active), *images.shape[1:]), dtype=np.float32)]
    for i in range(0, len(images), PREDICTION_BATCH):
        part = torch.from_numpy(np.ascontiguousarray(images[i : i + PREDICTION_BATCH])).to(active.device)
        parts.append(probabilities(network, part, active))
    return np.concatenate(parts)


def active_mask(protocol: LabelProtocol, active: tuple[str, ...]) -> torch.Tensor:
    """(K+1,) bool with background always active."""
    return torch.tensor([True, *(s in active for s in protocol.ids)])


def save(header: WeightsHeader, network: torch.nn.Module) -> bytes:
    """A model as safetensors bytes.

    The metadata key ``annotator`` holds the header as JSON; ``format`` is ``"pt"`` for other tools.
    """
    tensors = {name: t.detach().cpu().contiguous() for name, t in network.state_dict().items()}
    document = {
        "format_version": FORMAT_VERSION,
        "preprocessing": {
            "image_size": header.image_size,
            "letterbox": "centred, square in mm where the pixel size is known, else square pixels",
            "padding": "0, or 255 where the mean of the frame's edge is above 127.5",
            "grey": "ITU-R BT.601 luminance",
            "mean": INPUT_MEAN,
            "std": INPUT_STD,
        },
        **asdict(header),
    }
    return _sorted_header(save_tensors(tensors, metadata={"format": "pt", _KEY: json.dumps(document, sort_keys=True)}))


def _sorted_header(data: bytes) -> bytes:
    """The same file with its header in alphabetical order: safetensors writes metadata in a random one.

    A file is the header's length (8 bytes, little endian), the header as JSON padded with spaces, and the tensors.
    """
    size = int.from_bytes(data[:8], "little")
    text = json.dumps(json.loads(data[8 : 8 + size]), sort_keys=True, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + data[8 + size :]


def read_header(path: Path) -> WeightsHeader:
    """The header of a model file.

    Raises
    ------
    IncompatibleWeights
        Where the file is missing or damaged, made by another program, or of a newer version.
    """
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
    except FileNotFoundError:
        raise IncompatibleWeights(f"{path}: there is no such file; check the path of the weights.") from None
    except (SafetensorError, OSError) as error:
        raise IncompatibleWeights(
            f"{path}: the weights cannot be read ({error}); give a '.safetensors' file, or export it again."
        ) from None
    if _KEY not in metadata:
        raise IncompatibleWeights(f"{path}: these weights were made by another program; give weights exported here.")
    try:
        document = json.loads(metadata[_KEY])
        version = document.get("format_version")
        if version == FORMAT_VERSION:
            return _header(document)
    except (*DAMAGE, RecursionError, AnnotatorError) as error:
        raise IncompatibleWeights(f"{path}: the header of the weights is damaged ({error}); export again.") from None
    raise IncompatibleWeights(
        f"{path}: the weights have format version {version} and this program reads {FORMAT_VERSION}; update it."
    )


def _header(document: dict[str, Any]) -> WeightsHeader:
    protocol = protocol_of(document["protocol"])
    names = ("values", "image_size", "network", "options", "recipe", "step", "facts")
    header = WeightsHeader(protocol, active=tuple(document["active"]), **{n: document[n] for n in names})
    _refuse_strange(header)
    return header


def _refuse_strange(header: WeightsHeader) -> None:
    """Refuse what prediction would stumble over; a header may come from anybody.

    Raises
    ------
    KeyError, TypeError, ValueError
        Where a value is missing, of another kind, or outside what this program writes.
    AnnotatorError
        Where two structures share a mask value.
    """
    kinds = {"image_size": int, "network": str, "options": dict, "recipe": dict, "step": int, "facts": dict}
    for name, kind in kinds.items():
        if type(getattr(header, name)) is not kind:
            raise ValueError(f"'{name}' is of another kind")
    if not SMALLEST_IMAGE <= header.image_size <= LARGEST_IMAGE or header.image_size % SMALLEST_IMAGE:
        raise ValueError(f"no image has a side of {header.image_size} pixels")
    if not set(header.active) <= set(header.protocol.ids):
        raise ValueError("it predicts what its protocol does not have")
    if complete_values(header.protocol, header.values) != header.values:
        raise ValueError("a structure has no mask value")
    if not all(math.isfinite(t) and t > 0 for t in applied_temperatures(header).values()):
        raise ValueError("a temperature is not above 0")
    if FACT in header.facts:
        Familiar.from_facts(header.facts[FACT])


def load(
    path: Path,
    factories: Mapping[str, NetworkFactory],
    *,
    protocol: LabelProtocol | None = None,
    device: torch.device | None = None,
) -> Predictor:
    """Read a model file and build its network.

    Parameters
    ----------
    path
        A file that :func:`save` wrote.
    factories
        Network name to factory.
    protocol
        Refuse weights whose structures differ from this one's.
    device
        The CPU where not given.

    Raises
    ------
    IncompatibleWeights
        Where the file is damaged, its network is not installed, or its structures are others.
    """
    header = read_header(path)
    if protocol is not None and header.protocol.ids != protocol.ids:
        raise IncompatibleWeights(
            f"{path}: the weights know {', '.join(header.protocol.ids)} and the project labels "
            f"{', '.join(protocol.ids)}; choose weights of protocol '{protocol.name}'."
        )
    if header.network not in factories:
        raise IncompatibleWeights(f"{path}: the weights need the network '{header.network}'; install its plugin.")
    try:
        network = factories[header.network].build(
            in_channels=1, n_classes=header.protocol.n_classes, options=header.options
        )
        with safe_open(path, framework="pt") as file:
            network.load_state_dict({name: file.get_tensor(name) for name in file.keys()})  # noqa: SIM118
    except (SafetensorError, RuntimeError, OSError, ValueError, TypeError):
        raise IncompatibleWeights(
            f"{path}: the weights do not fit the network '{header.network}' that is installed; export them again."
        ) from None
    if not all(bool(torch.isfinite(tensor).all()) for tensor in network.state_dict().values()):
        raise IncompatibleWeights(f"{path}: some of the weights are not numbers; export them again.")
    return Predictor(header, network.to(device or torch.device("cpu")))
