"""Three invented scanners: sector, frequency, compression, smoothing, grey curve and burned-in graphics."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from annotator_echo.clutter import NO_CLUTTER, Clutter


@dataclass(frozen=True, slots=True)
class Graphics:
    """What a scanner burns into its frames."""

    has_depth_ticks: bool = False
    has_text: bool = False
    has_logo: bool = False
    has_ecg: bool = False
    has_centre_dots: bool = False


@dataclass(frozen=True, slots=True)
class Vendor:
    """One scanner.

    Parameters
    ----------
    name
        The domain.
    shape
        (H, W) of a frame, pixels.
    margins
        Pixels kept free above and below the sector.
    sector_deg
        Smallest and largest full opening angle.
    face_mm
        Range at which the image begins.
    axial_mm, lateral_deg
        Standard deviations of the point-spread function at the focus.
    focus
        Depth of the focus as a fraction of the depth.
    dynamic_range_db
        Smallest and largest.
    gamma
        Exponent of the grey curve after log compression.
    shoulder
        0..1, how strongly the grey curve is bent into an S.
    smoothing
        Standard deviation of the final blur, pixels.
    persistence
        Share of the previous frame in each frame.
    noise_db
        Smallest and largest level of the electronic noise at mid-depth.
    sharpening
        How far edges are enhanced on the screen.
    is_despeckled
        Whether speckle is smoothed and edges are kept.
    """

    name: str
    shape: tuple[int, int]
    margins: tuple[int, int]
    sector_deg: tuple[float, float]
    face_mm: float
    axial_mm: float
    lateral_deg: float
    focus: float
    dynamic_range_db: tuple[float, float]
    gamma: float
    shoulder: float
    smoothing: float
    persistence: float
    noise_db: tuple[float, float]
    graphics: Graphics
    sharpening: float = 0.0
    is_despeckled: bool = False


VENDORS: Final = (
    Vendor(
        name="vendor-a", shape=(300, 400), margins=(4, 6), sector_deg=(76, 88), face_mm=1.0, axial_mm=0.45,
        lateral_deg=0.95, focus=0.55, dynamic_range_db=(56, 66), gamma=1.15, shoulder=0.0, smoothing=0.45,
        persistence=0.1, noise_db=(-38, -25), graphics=Graphics(has_depth_ticks=True),
    ),
    Vendor(
        name="vendor-b", shape=(288, 384), margins=(10, 40), sector_deg=(72, 82), face_mm=6.0, axial_mm=0.62,
        lateral_deg=1.25, focus=0.45, dynamic_range_db=(48, 56), gamma=0.85, shoulder=0.35, smoothing=0.9,
        persistence=0.3, noise_db=(-44, -31), graphics=Graphics(has_text=True, has_logo=True, has_ecg=True),
    ),
    Vendor(
        name="vendor-c", shape=(240, 320), margins=(8, 8), sector_deg=(82, 92), face_mm=2.0, axial_mm=0.38,
        lateral_deg=0.75, focus=0.65, dynamic_range_db=(42, 50), gamma=1.5, shoulder=0.15, smoothing=0.3,
        persistence=0.0, noise_db=(-46, -34),
        graphics=Graphics(has_depth_ticks=True, has_text=True, has_centre_dots=True),
    ),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Setting:
    """What the sonographer and the patient's window make of one clip, drawn once.

    Parameters
    ----------
    half_angle
        Radians.
    depth_mm
        Largest range.
    dynamic_range_db, gain_db, noise_db
        See :class:`Vendor`; gain shifts everything before compression.
    slope_db
        Attenuation left over by time-gain compensation, over the whole depth.
    contrast_db
        Blood below myocardium.
    surroundings_db
        Tissue around the heart.
    haze_db
        Near-field clutter at the probe.
    shadows
        (centre angle rad, half-width rad, start mm, loss dB) of ribs and lung.
    dropouts
        (side 0 septal 1 lateral, level, width, loss dB) along the wall.
    muscle_db
        Myocardium.
    lines_db
        What every bright line (endocardium, pericardium, valves) gains or loses.
    unevenness_db
        Standard deviation of a smooth gain over the image, left by an uneven acoustic window.
    fog_db
        Patches of acoustic clutter anywhere in the image; -inf for none.
    trabeculae_db
        Trabeculae below the compact wall; 0 where they look the same.
    closure_mm
        How far outlines go on beyond the sector's edge, as people close the contour of a wall that leaves it.
    clutter
        What the window adds.
    """

    half_angle: float
    depth_mm: float
    dynamic_range_db: float
    gain_db: float
    noise_db: float
    slope_db: float
    contrast_db: float
    surroundings_db: float
    haze_db: float
    shadows: tuple[tuple[float, float, float, float], ...]
    dropouts: tuple[tuple[int, float, float, float], ...]
    muscle_db: float = -13.0
    lines_db: float = 0.0
    unevenness_db: float = 0.0
    fog_db: float = float("-inf")
    trabeculae_db: float = 0.0
    closure_mm: float = 0.0
    clutter: Clutter = NO_CLUTTER


def draw_setting(rng: np.random.Generator, vendor: Vendor, depth_mm: float) -> Setting:
    """A random setting of a scanner at a given depth."""
    half = float(np.deg2rad(rng.uniform(*vendor.sector_deg)) / 2)
    shadows = []
    for sign in (-1, 1):
        if rng.random() < 0.45:
            centre = sign * half * float(rng.uniform(0.85, 1.1))
            shadows.append((centre, half * float(rng.uniform(0.1, 0.3)), float(rng.uniform(0, 30)),
                            float(rng.uniform(8, 25))))  # fmt: skip
    dropouts = [(1, float(rng.uniform(0.2, 0.7)), float(rng.uniform(0.12, 0.3)), float(rng.uniform(3, 13)))]
    if rng.random() < 0.3:
        dropouts.append((0, float(rng.uniform(0.1, 0.5)), float(rng.uniform(0.08, 0.2)), float(rng.uniform(2, 8))))
    return Setting(
        half_angle=half,
        depth_mm=depth_mm,
        dynamic_range_db=float(rng.uniform(*vendor.dynamic_range_db)),
        gain_db=float(rng.normal(-7, 4.5)),
        noise_db=float(rng.uniform(*vendor.noise_db)),
        slope_db=float(rng.normal(0, 5)),
        contrast_db=float(rng.uniform(14, 30)),
        surroundings_db=float(rng.normal(-14, 3.5)),
        haze_db=float(rng.uniform(-26, -10)),
        shadows=tuple(shadows),
        dropouts=tuple(dropouts),
    )
