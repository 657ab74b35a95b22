"""The varied scanner: everything that differs between hospitals, drawn far wider than one of them would show.

What a network learns from these frames must hold whatever the scanner, the window and the heart look like
(domain randomisation: J. Tobin et al. 2017, arXiv 1703.06907).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np

from annotator_echo.anatomy import Heart
from annotator_echo.varied_clutter import draw_clutter
from annotator_echo.vendors import Graphics, Setting, Vendor, draw_setting

VARIED: Final = "varied"
"""Name of the domain."""


def varied_heart(heart: Heart, rng: np.random.Generator) -> Heart:
    """The same heart, seen from more poses and with walls, atria and right side of a wider range."""
    tilt = float(np.deg2rad(np.clip(rng.normal(5, 11), -26, 34)))
    size, slant = float(rng.uniform(0.8, 1.08)), float(rng.normal(0, 0.06))
    lengths = (heart.lengths[0] * size * (1 + slant), heart.lengths[1] * size * (1 - slant))
    narrow = float(rng.uniform(0.78, 1.15))
    posed = replace(
        heart,
        apex=(float(rng.normal(4, 8) - 0.4 * max(lengths) * np.sin(tilt)), float(rng.uniform(14, 44))),
        tilt=tilt,
        lengths=lengths,
        widths=(heart.widths[0] * narrow, heart.widths[1] * narrow),
        waist=float(rng.uniform(0.38, 0.85)),
        roundness=heart.roundness + float(rng.uniform(-0.1, 0.9)),
        annulus=(float(rng.uniform(0.55, 1.0)), float(rng.uniform(0.55, 1.0))),
        bend=heart.bend * 2.0,
        tenting=float(rng.uniform(-4, 5)),
        papillary=_papillary_muscles(rng),
    )
    return _varied_atria(_varied_walls(posed, rng), rng)


def _varied_walls(heart: Heart, rng: np.random.Generator) -> Heart:
    """Walls from thin to hypertrophied, seen across their whole thickness or hardly at all."""
    wall = float(rng.uniform(0.8, 1.6))
    return replace(
        heart,
        walls=(heart.walls[0] * wall, heart.walls[1] * wall * float(rng.uniform(0.8, 1.2))),
        apex_wall=heart.apex_wall * wall * float(rng.uniform(0.8, 1.4)),
        trabeculae=(float(rng.uniform(0, 0.3)), float(rng.uniform(0, 0.6)), float(rng.uniform(0, 0.45))),
        rims=(float(rng.uniform(0, 0.4)), float(rng.uniform(0, 0.3)), float(rng.uniform(0, 0.3))),
        pericardial_gap=float(rng.uniform(-1.5, 5)),
        grooves=(float(rng.uniform(0, 5)), float(rng.uniform(0, 11))),
    )


def _varied_atria(heart: Heart, rng: np.random.Generator) -> Heart:
    """Atria from small to dilated, of other shapes, and a right side of any size."""
    opening = float(np.mean(np.multiply(heart.widths, heart.annulus)))
    right = float(rng.uniform(0.45, 1.15))
    return replace(
        heart,
        atrium=(heart.atrium[0] * float(rng.uniform(0.65, 1.5)), max(12.0, opening * float(rng.uniform(0.85, 1.5)))),
        right=(heart.right[0] * float(rng.uniform(0.6, 1.8)), heart.right[1] * right),
        right_atrium=(heart.right_atrium[0] * float(rng.uniform(0.6, 1.2)), heart.right_atrium[1] * right),
        # The atria hang from the great veins: they lie behind a tilted ventricle rather than along its axis.
        lean=float(rng.normal(0, 0.12) - rng.uniform(0, 0.9) * np.tan(heart.tilt)),
        atrial_shape=(float(rng.uniform(0.1, 0.5)), float(rng.uniform(2.0, 5.0))),
        atrial_ripples=(tuple(rng.normal(0, 1.4, 3).tolist()), tuple(rng.normal(0, 1.4, 3).tolist())),
    )


def _papillary_muscles(rng: np.random.Generator) -> tuple[tuple[int, float, float, float], ...]:
    """None to three, more often at the lateral wall."""
    return tuple(
        (
            int(rng.random() < 0.75),
            float(rng.uniform(0.35, 0.78)),
            float(rng.uniform(5, 14)),
            float(rng.uniform(1.5, 5.5)),
        )
        for _ in range(int(rng.integers(0, 4)))
    )


def draw_varied_depth(rng: np.random.Generator, ventricle_mm: float, atrium_mm: float) -> float:
    """Depth of the image in mm: from a crop at the mitral valve to a heart that fills the upper half."""
    kind = rng.random()
    low, high = (-0.1, 0.7) if kind < 0.25 else (0.7, 2.0) if kind < 0.8 else (2.0, 3.4)
    return float(ventricle_mm + rng.uniform(low, high) * max(15.0, atrium_mm - ventricle_mm))


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
        axial_mm=float(rng.uniform(0.2, 0.65)),
        lateral_deg=float(rng.uniform(0.4, 1.2)),
        focus=float(rng.uniform(0.35, 0.75)),
        dynamic_range_db=(46, 76),
        gamma=float(rng.uniform(0.85, 1.7)),
        shoulder=float(rng.uniform(0, 0.5)),
        smoothing=float(rng.uniform(0.3, 1.2)),
        persistence=float(rng.uniform(0, 0.3)),
        noise_db=(-56, -31),
        graphics=Graphics(*shown),
        sharpening=float(rng.uniform(0.2, 1.4)) if rng.random() < 0.4 else 0.0,
        is_despeckled=bool(rng.random() < 0.3),
    )


def draw_varied_setting(
    rng: np.random.Generator, vendor: Vendor, depth_mm: float, reach: tuple[float, float]
) -> Setting:
    """A setting of such a scanner: walls from bright to hardly seen, clear to foggy cavities, lost stretches.

    Parameters
    ----------
    reach
        Largest range of the left ventricle and of the left atrium, mm.
    """
    setting = draw_setting(rng, vendor, depth_mm)
    lost = tuple(
        (
            int(rng.random() < 0.7),
            float(rng.uniform(-0.1, 1.5)),
            float(rng.uniform(0.1, 0.5)),
            float(rng.uniform(3, 18)),
        )
        for _ in range(int(rng.integers(0, 4)))
    )
    muscle = float(rng.uniform(-24, -9))
    return replace(
        setting,
        gain_db=float(rng.normal(-8.5, 4.5)) + 0.6 * (-13.0 - muscle),
        slope_db=float(rng.normal(1, 6)),
        contrast_db=float(rng.uniform(12, 36)),
        shadows=(*setting.shadows, *_inner_shadows(rng, setting.half_angle)),
        surroundings_db=muscle + float(rng.uniform(-15, 5)),
        haze_db=float(rng.uniform(-34, -6)),
        dropouts=lost,
        muscle_db=muscle,
        lines_db=float(rng.normal(-6, 5)),
        unevenness_db=float(rng.uniform(0, 5)),
        fog_db=float(rng.uniform(-55, -24)),
        trabeculae_db=float(rng.uniform(3, 20)),
        closure_mm=float(rng.uniform(8, 22)),
        clutter=draw_clutter(rng, setting.half_angle, reach, muscle),
    )


def _inner_shadows(rng: np.random.Generator, half_angle: float) -> tuple[tuple[float, float, float, float], ...]:
    """A rib's or calcified annulus' shadow within the sector, in one clip of four."""
    if rng.random() > 0.25:
        return ()
    centre, half_width = half_angle * float(rng.uniform(-0.8, 0.8)), half_angle * float(rng.uniform(0.05, 0.25))
    return ((centre, half_width, float(rng.uniform(0, 110)), float(rng.uniform(5, 18))),)
