"""Settings that make every recipe small enough to be tried in a second."""

from __future__ import annotations

from typing import Final

SMALL: Final = {
    "data.image_size": "32",
    "data.labelled_batch": "4",
    "data.unlabelled_batch": "2",
    "network.options.width": "8",
    "network.options.feature_channels": "8",
    "hdc.pixels": "256",
}
