"""Weights for other programs: safetensors, ONNX, torch.export and the MONAI bundle layout, each with its card.

Every format takes (B, C, S, S) float32, normalised as the metadata say, and gives logits (B, K + 1, S, S);
classes that no label ever showed get a logit far below all others, so that an argmax never picks them. Where the model
applies its calibration the graph does too: a softmax over its logits gives the probabilities that the model serves.
"""

from __future__ import annotations

import copy
import json
import logging
import os
import shutil
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

import torch
from safetensors import safe_open
from torch import Tensor, nn

from annotator.core.disk_errors import patiently, write_failure
from annotator.core.errors import AnnotatorError, BadInput, IncompatibleWeights, UnknownName
from annotator.core.names import passing_name
from annotator.core.plugin_types import NetworkFactory
from annotator.learn import monai_bundle
from annotator.learn.calibration import LEAST
from annotator.learn.losses import mask_inactive
from annotator.learn.weights import load

FORMATS: Final = ("safetensors", "onnx", "torch-export", "monai-bundle")
_FORMAT_OF: Final = {".safetensors": "safetensors", ".onnx": "onnx", ".pt2": "torch-export"}
INPUT: Final = "image"
OUTPUT: Final = "logits"
_METADATA: Final = "annotator"
_OPERATORS: Final = 20
_SMALLEST: Final = 1e-30


@dataclass(frozen=True, slots=True, eq=False)
class PortableModel:
    """A model to hand to other programs.

    Parameters
    ----------
    network
        (B, C, S, S) float32 to logits (B, K + 1, S, S).
    size
        S, in pixels.
    in_channels
        C.
    metadata
        Plain data that :mod:`json` takes: protocol, values, preprocessing, recipe, facts.
    card
        The model card, Markdown.
    weights
        The safetensors file as it was published; ``safetensors`` is a copy of it.
    """

    network: nn.Module
    size: int
    in_channels: int = 1
    metadata: Mapping[str, Any] = field(default_factory=dict)
    card: str = ""
    weights: bytes = b""


class _ActiveClasses(nn.Module):
    """A network whose inactive classes are masked; ``active`` is (K + 1,) bool."""

    def __init__(self, network: nn.Module, active: Tensor) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("active", active.detach().cpu().clone(), persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """(B, C, S, S) to logits (B, K + 1, S, S)."""
        active = self.get_buffer("active")
        return mask_inactive(self.network(images), active)


class _Tempered(nn.Module):
    """A network whose classes are tempered as :func:`~annotator.learn.calibration.apply_temperatures` does it.

    Parameters
    ----------
    network
        (B, C, S, S) to masked logits (B, K + 1, S, S).
    active
        (K + 1,) bool.
    temperatures
        Class index to temperature; the others share what is left.
    """

    def __init__(self, network: nn.Module, active: Tensor, temperatures: Mapping[int, float]) -> None:
        super().__init__()
        self.network = network
        factors = torch.ones(len(active))
        chosen = torch.zeros(len(active))
        for c, temperature in temperatures.items():
            factors[c], chosen[c] = temperature, float(active[c])
        self.register_buffer("temperatures", factors.view(1, -1, 1, 1), persistent=False)
        self.register_buffer("chosen", chosen.view(1, -1, 1, 1), persistent=False)
        self.register_buffer("active", active.detach().cpu().clone(), persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """(B, C, S, S) to logits (B, K + 1, S, S) whose softmax is the calibrated probability."""
        p = torch.softmax(self.network(images), dim=1)
        inside = p.clamp(LEAST, 1 - LEAST)
        chosen = self.get_buffer("chosen")
        q = chosen * (p > 0) * torch.sigmoid((inside.log() - (1 - inside).log()) / self.get_buffer("temperatures"))
        others = (1 - chosen) * p
        left = (1 - q.sum(dim=1, keepdim=True)).clamp(min=0)
        q = q + others * (left / others.sum(dim=1, keepdim=True).clamp(min=LEAST))
        return mask_inactive(q.clamp(min=_SMALLEST).log(), self.get_buffer("active"))


def portable_model(file: Path, factories: Mapping[str, NetworkFactory], *, card: str = "") -> PortableModel:
    """A published weights file, ready to be exported.

    Parameters
    ----------
    file
        What :func:`annotator.learn.weights.save` wrote.
    factories
        Network name to factory.
    card
        The model card, Markdown.

    Raises
    ------
    IncompatibleWeights
        Where the file is damaged or its network is not installed.
    """
    predictor = load(file, factories)
    try:
        with safe_open(file, framework="pt") as stream:
            metadata = json.loads(stream.metadata()[_METADATA])
        weights = file.read_bytes()
    except OSError as error:
        raise IncompatibleWeights(f"{file}: the weights cannot be read ({error}); export them again.") from None
    network: nn.Module = _ActiveClasses(predictor.network, predictor.active)
    if predictor.temperatures:
        network = _Tempered(network, predictor.active, predictor.temperatures)
    return PortableModel(network, predictor.header.image_size, 1, metadata, card, weights)


def export_weights(model: PortableModel, *, format: str, out: Path) -> tuple[Path, ...]:  # noqa: A002
    """Write a model in one of :data:`FORMATS`; the file appears whole or not at all.

    Parameters
    ----------
    model
        See :class:`PortableModel`.
    format
        ``"safetensors"``, ``"onnx"``, ``"torch-export"`` or ``"monai-bundle"``.
    out
        A file; for a MONAI bundle a folder that does not exist yet, or a ``.zip``.

    Returns
    -------
    tuple of Path
        What was written: the weights, then the card where it is a file of its own.

    Raises
    ------
    UnknownName
        Where there is no such format.
    BadInput
        Where the file's name is that of another format, a folder stands at its place, or at the card's a file that is
        no model card.
    AnnotatorError
        Where the network cannot be written in this format, or the disk does not take it.
    """
    if format not in FORMATS:
        raise UnknownName("weights format", format, FORMATS)
    meant = _FORMAT_OF.get(out.suffix.lower(), format)
    if meant != format:
        what = f"its name is that of a file in the format '{meant}', and '{format}' was asked for"
        raise BadInput(out, what, "give the other format, or another name")
    card = out.with_name(f"{out.name}.md")
    try:
        if format != "monai-bundle":
            _refuse_taken(out, card, model.card)
        out.parent.mkdir(parents=True, exist_ok=True)
        with _folder_beside(out) as folder:
            aside = folder / out.name
            if format == "monai-bundle":
                return (_write_bundle(model, aside, out),)
            _write_single(model, format, aside)
            aside_card = aside.with_name(card.name)
            aside_card.write_text(model.card, encoding="utf-8")
            for made, target in ((aside, out), (aside_card, card)):
                _sync(made)
                patiently(partial(made.replace, target))
    except OSError as error:
        raise write_failure(error, out) from None
    return out, card


@contextmanager
def _folder_beside(out: Path) -> Iterator[Path]:
    folder = out.with_name(passing_name(".writing-"))
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _refuse_taken(out: Path, card: Path, text: str) -> None:
    if out.is_dir():
        raise BadInput(out, "it is a folder, not a file", "give the name of a file to write")
    if not card.exists():
        return
    if not card.is_file() or _first_section(card.read_text(encoding="utf-8", errors="replace")) != _first_section(text):
        what = "it is no model card, and the card of the weights would replace it"
        raise BadInput(card, what, "rename it, or give the weights another name")


def _first_section(card: str) -> str | None:
    """The heading of a card's first section, which every card of one kind has."""
    return next((line for line in card.splitlines() if line.startswith("## ")), None)


def _write_single(model: PortableModel, kind: str, path: Path) -> None:
    match kind:
        case "safetensors":
            if not model.weights:
                raise AnnotatorError("There is no published weights file to copy; train or choose weights first.")
            path.write_bytes(model.weights)
        case "onnx":
            _write_onnx(model, path)
        case _:
            _write_torch_export(model, path)


def _write_torch_export(model: PortableModel, path: Path) -> None:
    extra = {"metadata.json": json.dumps(dict(model.metadata), sort_keys=True), "README.md": model.card}
    # An open file, since torch remarks on every path that does not end in '.pt2'.
    with _quiet(), _plain_failure("torch-export"), path.open("wb") as file:
        torch.export.save(_exported(model), file, extra_files=extra)


def _write_onnx(model: PortableModel, path: Path) -> None:
    with _quiet(), _plain_failure("onnx"):
        program = torch.onnx.export(
            _exported(model),
            input_names=[INPUT],
            output_names=[OUTPUT],
            dynamo=True,
            opset_version=_OPERATORS,
            verbose=False,
        )
        if program is None:
            raise AnnotatorError("The network cannot be written as 'onnx'; choose 'safetensors'.")
        program.model.metadata_props[_METADATA] = json.dumps(dict(model.metadata), sort_keys=True)
        program.model.doc_string = model.card
        program.save(path, external_data=False)


def _exported(model: PortableModel) -> torch.export.ExportedProgram:
    """The network as a graph on the CPU, for any batch size."""
    network = copy.deepcopy(model.network).cpu().eval()
    images = torch.zeros(2, model.in_channels, model.size, model.size)
    with torch.no_grad():
        return torch.export.export(network, (images,), dynamic_shapes=({0: torch.export.Dim.DYNAMIC},), strict=False)


def _write_bundle(model: PortableModel, aside: Path, out: Path) -> Path:
    if out.exists() and not (out.suffix == ".zip" and out.is_file()):
        raise AnnotatorError(f"{out} is there already; give the name of a new folder or a .zip file.")
    root = aside.with_suffix("") if out.suffix == ".zip" else aside
    (root / "models").mkdir(parents=True)
    _write_torch_export(model, root / "models" / "model.pt2")
    if model.weights:
        (root / "models" / "model.safetensors").write_bytes(model.weights)
    facts = monai_bundle.BundleFacts(out.stem, model.size, model.in_channels, model.metadata, model.card)
    for name, text in monai_bundle.texts(facts).items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    made = monai_bundle.zipped(root, aside) if out.suffix == ".zip" else root
    for file in (made,) if made.is_file() else [p for p in made.rglob("*") if p.is_file()]:
        _sync(file)
    patiently(lambda: made.replace(out))
    return out


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep torch's remarks on its own future, and on torchvision, from the user; errors still come through."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


@contextmanager
def _plain_failure(kind: str) -> Iterator[None]:
    try:
        yield
    except (AnnotatorError, OSError):
        raise
    except Exception as error:  # the exporters raise whatever a network's code makes them raise
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
        raise AnnotatorError(f"The network cannot be written as '{kind}' ({reason}); choose 'safetensors'.") from error


def _sync(file: Path) -> None:
    with file.open("rb+") as stream:
        os.fsync(stream.fileno())
