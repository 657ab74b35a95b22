"""Burned-in graphics: depth ticks, technical text, a logo block and an ECG; nothing that names a patient."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from annotator_echo.rhythm import Rhythm
from annotator_echo.scanner import Screen
from annotator_echo.vendors import Setting, Vendor

Image = NDArray[np.uint8]


def static_overlay(vendor: Vendor, setting: Setting, screen: Screen, rhythm: Rhythm) -> Image:
    """(H, W) uint8 of what stays the same in every frame; 0 is transparent."""
    image = np.zeros(screen.shape, dtype=np.uint8)
    if vendor.graphics.has_depth_ticks:
        _ticks(image, setting, screen)
    if vendor.graphics.has_text:
        _text(image, vendor, setting, rhythm)
    if vendor.graphics.has_logo:
        ramp = np.linspace(90, 230, 22, dtype=np.uint8)
        image[8:20, screen.shape[1] - 34 : screen.shape[1] - 12] = ramp
        cv2.circle(image, (screen.shape[1] - 23, 14), 4, 20, -1, cv2.LINE_AA)
    if vendor.graphics.has_centre_dots:
        column = round(screen.origin[0])
        for depth in np.arange(20, setting.depth_mm, 20):
            row = round(screen.origin[1] + depth / screen.mm_per_px)
            if row < screen.shape[0] - 1:
                image[row, column] = 200
    return image


def _ticks(image: Image, setting: Setting, screen: Screen) -> None:
    """A centimetre scale down the right edge, longer every 5 cm."""
    right = screen.shape[1] - 4
    for i, depth in enumerate(np.arange(0, setting.depth_mm + 1e-3, 10)):
        row = round(screen.origin[1] + depth / screen.mm_per_px)
        if row < screen.shape[0]:
            image[row, right - (6 if i % 5 == 0 else 3) : right] = 190


def _text(image: Image, vendor: Vendor, setting: Setting, rhythm: Rhythm) -> None:
    """Technical lines in the top left corner."""
    lines = (f"{vendor.name[-1].upper()}5-1", f"{setting.depth_mm / 10:.0f}cm", f"DR{setting.dynamic_range_db:.0f}",
             f"{rhythm.heart_rate_bpm:.0f}bpm")  # fmt: skip
    for i, line in enumerate(lines):
        cv2.putText(image, line, (6, 14 + 12 * i), cv2.FONT_HERSHEY_SIMPLEX, 0.32, 210, 1, cv2.LINE_AA)


def ecg_overlay(image: Image, rhythm: Rhythm, frame: int) -> Image:
    """The static overlay with the ECG drawn up to this frame, along the bottom."""
    out = image.copy()
    height, width = image.shape
    n_beats = len(rhythm.ed_frames)
    turns = np.linspace(0, n_beats, width - 40)
    trace = np.round((height - 12 - 18 * ecg(turns % 1.0)) * 16).astype(np.int32)
    columns = (np.arange(20, width - 20) * 16).astype(np.int32)
    points = np.stack([columns, trace], axis=-1)
    cv2.polylines(out, [points], isClosed=False, color=130, thickness=1, lineType=cv2.LINE_AA, shift=4)
    at = int(frame / len(rhythm.beats) * (points.shape[0] - 1))
    column, row = (int(v) // 16 for v in points[at])
    cv2.line(out, (column, row - 5), (column, row + 5), 255, 1)
    return out


def ecg(phase: NDArray[np.float64]) -> NDArray[np.float64]:
    """A schematic lead II over phases 0..1 from the R wave: Gaussians for P, Q, R, S and T."""
    centred = (phase + 0.5) % 1.0 - 0.5
    waves = ((-0.16, 0.025, 0.14), (-0.025, 0.008, -0.12), (0.0, 0.009, 1.0), (0.025, 0.009, -0.22), (0.3, 0.05, 0.26))
    return np.asarray(sum(a * np.exp(-(((centred - m) / w) ** 2)) for m, w, a in waves))
