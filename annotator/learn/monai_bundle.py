"""The texts of a MONAI bundle (docs.monai.io, 'MONAI Bundle Specification'), written without monai.

The network travels as ``models/model.pt2``, a graph that needs no Python of ours; the configuration names only
torch and MONAI.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch

_VERSION: Final = "1.0.0"
_SCHEMA: Final = (
    "https://github.com/Project-MONAI/MONAI-extra-test-data/releases/download/0.8.1/meta_schema_20240725.json"
)
_TO_GREY: Final = "$lambda x: x if len(x) == 1 else 0.299 * x[0:1] + 0.587 * x[1:2] + 0.114 * x[2:3]"
"""ITU-R BT.601, of (C, X, Y); a fourth channel is how opaque a pixel is."""

_ON_THE_GRID: Final = {"resample": True, "mode": "nearest", "output_dtype": "$torch.uint8"}
"""Masks are brought to the grid of their image, on which they are: MONAI refuses colour images otherwise."""

_TERMS: Final = (
    "These weights belong to those who trained them. Whoever passes the bundle on states here under which terms;\n"
    "until then no licence is granted. The data they were trained on may add terms of its own.\n"
)


_USE: Final = """
## The bundle

`python -m monai.bundle run --config_file configs/inference.json --bundle_root .` writes a mask of class numbers for
every image in `images` to `output`. It takes pixels for square and pads with black.
"""


@dataclass(frozen=True, slots=True, eq=False)
class BundleFacts:
    """What the texts speak of; see :class:`~annotator.learn.portable.PortableModel`."""

    name: str
    size: int
    in_channels: int
    metadata: Mapping[str, Any]
    card: str


def texts(facts: BundleFacts) -> Mapping[str, str]:
    """Path in the bundle to text of every file but the model."""
    return {
        "configs/metadata.json": json.dumps(_metadata(facts), indent=4, ensure_ascii=False),
        "configs/inference.json": json.dumps(_inference(facts), indent=4),
        "docs/README.md": (facts.card or f"# {facts.name}\n") + _USE,
        "LICENSE": _TERMS,
    }


def zipped(root: Path, target: Path) -> Path:
    """The bundle folder as a zip file whose one top folder is the bundle."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        for file in sorted(p for p in root.rglob("*") if p.is_file()):
            archive.write(file, (Path(root.name) / file.relative_to(root)).as_posix())
    return target


def _classes(metadata: Mapping[str, Any]) -> dict[str, str]:
    protocol = metadata.get("protocol", {})
    structures = protocol.get("structures", ()) if isinstance(protocol, Mapping) else ()
    names = [str(s["id"]) for s in structures]
    return {str(i): name for i, name in enumerate(("background", *names))}


def _metadata(facts: BundleFacts) -> dict[str, Any]:
    classes = _classes(facts.metadata)
    shape = [facts.size, facts.size]
    return {
        "schema": _SCHEMA,
        "version": _VERSION,
        "changelog": {_VERSION: "exported"},
        "monai_version": "1.4.0",
        "pytorch_version": torch.__version__.partition("+")[0],
        "numpy_version": np.__version__,
        "required_packages_version": {},
        "name": facts.name,
        "task": "Segmentation of ultrasound frames",
        "description": "Suggests outlines for a person to accept, correct or reject.",
        "authors": "see docs/README.md",
        "copyright": "see LICENSE",
        "intended_use": "Labelling of research data; not a medical device.",
        "network_data_format": {
            "inputs": {
                "image": {
                    "type": "image",
                    "format": "magnitude",
                    "modality": "US",
                    "num_channels": facts.in_channels,
                    "spatial_shape": shape,
                    "dtype": "float32",
                    "value_range": _value_range(facts.metadata),
                    "is_patch_data": False,
                    "channel_def": {str(i): "image" for i in range(facts.in_channels)},
                }
            },
            "outputs": {
                "pred": {
                    "type": "logits",
                    "format": "segmentation",
                    "num_channels": len(classes),
                    "spatial_shape": shape,
                    "dtype": "float32",
                    "value_range": [],
                    "is_patch_data": False,
                    "channel_def": classes,
                }
            },
        },
        "annotator": dict(facts.metadata),
    }


def _inference(facts: BundleFacts) -> dict[str, Any]:
    low, high = _value_range(facts.metadata)
    side = [facts.size, facts.size]
    before: list[dict[str, Any]] = [
        {"_target_": "LoadImaged", "keys": "image"},
        {"_target_": "EnsureChannelFirstd", "keys": "image"},
        {"_target_": "Lambdad", "keys": "image", "func": _TO_GREY},
        # MONAI loads images x first; the network reads rows first.
        {"_target_": "Transposed", "keys": "image", "indices": [0, 2, 1]},
        {"_target_": "Resized", "keys": "image", "spatial_size": facts.size, "size_mode": "longest"},
        {"_target_": "ResizeWithPadOrCropd", "keys": "image", "spatial_size": side},
        {"_target_": "ScaleIntensityRanged", "keys": "image", "a_min": 0, "a_max": 255, "b_min": low, "b_max": high},
    ]
    undone = {"_target_": "Invertd", "keys": "pred", "transform": "@preprocessing", "orig_keys": "image"}
    after: list[dict[str, Any]] = [
        {"_target_": "Activationsd", "keys": "pred", "softmax": True},
        {**undone, "nearest_interp": False},
        {"_target_": "AsDiscreted", "keys": "pred", "argmax": True},
        {"_target_": "SaveImaged", "keys": "pred", "output_dir": "@output_dir", **_ON_THE_GRID},
    ]
    # MONAI's evaluators put a network into evaluation mode, which torch.export's graphs are in and refuse to be told.
    predicted = "@network(item['image'].as_tensor()[None].to(@device))[0].cpu()"
    return {
        "imports": ["$import glob", "$import torch"],
        "bundle_root": ".",
        "dataset_dir": "$@bundle_root + '/images'",
        "output_dir": "$@bundle_root + '/output'",
        "device": "$torch.device('cuda:0' if torch.cuda.is_available() else 'cpu')",
        "datalist": "$[{'image': path} for path in sorted(glob.glob(@dataset_dir + '/*'))]",
        "network": "$torch.export.load(@bundle_root + '/models/model.pt2').module().to(@device)",
        "preprocessing": {"_target_": "Compose", "transforms": before},
        "dataset": {"_target_": "Dataset", "data": "@datalist", "transform": "@preprocessing"},
        "postprocessing": {"_target_": "Compose", "transforms": after},
        "initialize": ["$torch.set_grad_enabled(False)"],
        "run": [f"$[@postprocessing({{**item, 'pred': {predicted}}}) for item in @dataset] and None"],
    }


def _value_range(metadata: Mapping[str, Any]) -> list[float]:
    """What black and white become: (grey / 255 - mean) / std."""
    said = metadata.get("preprocessing", {})
    mean, std = float(said.get("mean", 0.0)), float(said.get("std", 1.0))
    return [-mean / std, (1.0 - mean) / std]
