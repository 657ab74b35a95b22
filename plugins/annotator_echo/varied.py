"""The varied scanner: everything that differs between hospitals, drawn far wider than one of them would show.

What a network learns from these frames must hold whatever the scanner, the window and the heart look like
(domain randomisation: J. Tobin et al. 2017, arXiv 1703.06907).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np

from annotator_echo.anatomy import Heart
from annotator_echo.vendors import Graphics, Setting, Vendor, draw_setting

VARIED: Final = "varied"
"""Name of the domain."""


def varied_heart(heart: Heart, rng: np.random.Generator) -> Heart:
    """The same heart, seen from more poses and with walls, atria and right side of a wider range."""
    tilt = float(np.deg2rad(np.clip(rng.normal(3, 11), -26, 30)))
    length = max(heart.lengths)
    wall, narrow = float(rng.uniform(0.7, 1.35)), float(rng.uniform(0.78, 1.2))
    right, slant = float(rng.uniform(0.45, 1.15)), float(rng.normal(0, 0.06))
    return replace(
        heart,
        apex=(float(rng.normal(4, 8) - 0.4 * length * np.sin(tilt)), float(rng.uniform(14, 42))),
        tilt=tilt,
        lengths=(heart.lengths[0] * (1 + slant), heart.lengths[1] * (1 - slant)),
        widths=(heart.widths[0] * narrow, heart.widths[1] * narrow),
        waist=float(rng.uniform(0.36, 0.64)),
        roundness=heart.roundness + float(rng.uniform(-0.1, 0.9)),
        annulus=(float(rng.uniform(0.5, 0.92)), float(rng.uniform(0.5, 0.92))),
        walls=(heart.walls[0] * wall, heart.walls[1] * wall * float(rng.uniform(0.85, 1.25))),
        apex_wall=heart.apex_wall * wall * float(rng.uniform(0.8, 1.4)),
        bend=heart.bend * 2.0,
        atrium=(heart.atrium[0] * float(rng.uniform(0.65, 1.3)), heart.atrium[1] * float(rng.uniform(0.75, 1.25))),
        right=(heart.right[0] * float(rng.uniform(0.6, 1.8)), heart.right[1] * right),
        right_atrium=(heart.right_atrium[0] * float(rng.uniform(0.6, 1.2)), heart.right_atrium[1] * right),
        tenting=float(rng.uniform(0, 6)),
        trabeculae=(float(rng.uniform(0, 0.4)), float(rng.uniform(0.1, 0.7))),
    )


def draw_varied_depth(rng: np.random.Generator, ventricle_mm: float, atrium_mm: float) -> float:
    """Depth of the image in mm: from a crop at the mitral valve to far behind the atria."""
    share = rng.uniform(-0.1, 0.6) if rng.random() < 0.35 else rng.uniform(0.6, 2.0)
    return float(ventricle_mm + share * max(15.0, atrium_mm - ventricle_mm))


def draw_varied_vendor(rng: np.random.Generator) -> Vendor:
    """A scanner that nobody builds twice; two in three show the sector alone, without graphics."""
    is_bare = rng.random() < 0.65
    height = int(rng.integers(220, 340))
    margins = (1, 1) if is_bare else (int(rng.integers(0, 20)), int(rng.integers(0, 45)))
    shown = [bool(v) for v in rng.random(5) < (0.0 if is_bare else 0.5)]
    return Vendor(
        name=VARIED,
        shape=(height, int(height * rng.uniform(1.0, 1.4))),
        margins=margins,
        sector_deg=(60, 100),
        face_mm=float(rng.uniform(0.5, 8)) if rng.random() < 0.5 else 0.5,
        axial_mm=float(rng.uniform(0.25, 0.7)),
        lateral_deg=float(rng.uniform(0.45, 1.3)),
        focus=float(rng.uniform(0.35, 0.75)),
        dynamic_range_db=(44, 72),
        gamma=float(rng.uniform(0.85, 1.7)),
        shoulder=float(rng.uniform(0, 0.5)),
        smoothing=float(rng.uniform(0.3, 1.2)),
        persistence=float(rng.uniform(0, 0.3)),
        noise_db=(-55, -28),
        graphics=Graphics(*shown),
    )


def draw_varied_setting(rng: np.random.Generator, vendor: Vendor, depth_mm: float) -> Setting:
    """A setting of such a scanner: walls from bright to hardly seen, clear to foggy cavities, lost stretches."""
    setting = draw_setting(rng, vendor, depth_mm)
    lost = tuple(
        (
            int(rng.random() < 0.7),
            float(rng.uniform(-0.1, 1.0)),
            float(rng.uniform(0.1, 0.5)),
            float(rng.uniform(3, 18)),
        )
        for _ in range(int(rng.integers(0, 4)))
    )
    muscle = float(rng.uniform(-24, -9))
    return replace(
        setting,
        gain_db=float(rng.normal(-7, 5)) + 0.6 * (-13.0 - muscle),
        slope_db=float(rng.normal(1, 6)),
        contrast_db=float(rng.uniform(8, 28)),
        surroundings_db=muscle + float(rng.normal(-1, 5)),
        haze_db=float(rng.uniform(-34, -8)),
        dropouts=lost,
        muscle_db=muscle,
        lines_db=float(rng.normal(-6, 5)),
        unevenness_db=float(rng.uniform(0, 5)),
        fog_db=float(rng.uniform(-55, -20)),
        trabeculae_db=float(rng.uniform(4, 26)),
        closure_mm=float(rng.uniform(8, 22)),
    )
