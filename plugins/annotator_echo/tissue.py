"""How strongly each sample of the polar grid reflects: blood, muscle, valves, pericardium, shadows."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from annotator_echo.clutter import Clutter
from annotator_echo.clutter_echoes import add_reflectors, add_strands, add_tails
from annotator_echo.motion import Material
from annotator_echo.outlines import Outlines
from annotator_echo.scanner import Map, PolarGrid
from annotator_echo.vendors import Setting

_LINES = {
    "lateral-pericardium": (5.0, 2.6), "septal-endocardium": (-7.0, 1.2), "lateral-endocardium": (-8.0, 1.2),
    "right-wall": (1.0, 3.4), "atrial-wall": (-1.0, 2.4), "right-atrial-wall": (0.0, 3.0),
    "mitral-first": (-2.0, 1.6), "mitral-second": (-4.0, 1.6),
    "tricuspid-first": (-6.0, 1.2), "tricuspid-second": (-6.0, 1.2),
}  # fmt: skip
"""Level in dB and thickness in mm of each bright line."""

_BEHIND = ("right-wall", "right-atrial-wall", "atrial-wall")
"""Lines that chambers are drawn over."""


@dataclass(frozen=True, slots=True, eq=False)
class Reflectivity:
    """Amplitudes, 1 is 0 dB.

    Parameters
    ----------
    tissue
        (R, B) float32 of what moves with the heart.
    blood
        (R, B) float32 of what is carried away from frame to frame.
    """

    tissue: Map
    blood: Map


@dataclass(frozen=True, slots=True, eq=False)
class Textures:
    """What is drawn once a clip.

    Parameters
    ----------
    streaks
        Of :func:`fibres`.
    surroundings
        (R, B) float32 factor on what lies around the heart; ``None`` where it is the same everywhere.
    """

    streaks: Map
    surroundings: Map | None = None


def amplitude(decibel: float) -> float:
    """Linear amplitude of a level."""
    return float(10 ** (decibel / 20))


def fibres(rng: np.random.Generator) -> Map:
    """(64, 96) log-normal echogenicity over side (-1.6..1.6) and level (-0.3..1.5): streaks along the wall."""
    noise = rng.standard_normal((64, 96), dtype=np.float32)
    streaks = cv2.GaussianBlur(noise, (0, 0), sigmaX=5.0, sigmaY=0.9)
    return np.asarray(np.exp(0.6 * streaks / streaks.std()), dtype=np.float32)


def reflectivity(
    grid: PolarGrid, outlines: Outlines, material: Material, *, textures: Textures, setting: Setting
) -> Reflectivity:
    """The reflectivity of one frame."""
    shape = (grid.ranges.size, grid.angles.size)
    tissue = np.full(shape, amplitude(setting.surroundings_db), dtype=np.float32)
    blood = np.zeros(shape, dtype=np.float32)
    clutter = setting.clutter
    _bands_of_fat(tissue, material, clutter)
    if textures.surroundings is not None:
        tissue *= textures.surroundings
    add_reflectors(tissue, grid, clutter)
    muscle = amplitude(setting.muscle_db)
    faint = amplitude(setting.muscle_db - setting.contrast_db)
    for name in _BEHIND:
        level, thickness = _line(name, clutter)
        grid.stroke(tissue, outlines.lines[name], amplitude(level + setting.lines_db), thickness)
    for name in ("ra", "rv", "la"):
        grid.fill(tissue, outlines.chambers[name], 0.15 * muscle if name == "rv" else 0.04 * muscle)
        fog = 1.0 if name == "rv" else amplitude(clutter.atrial_fog_db)
        grid.fill(blood, outlines.chambers[name], faint * fog)
    grid.fill(tissue, outlines.outer, amplitude(setting.muscle_db + clutter.rim_db))
    grid.fill(tissue, outlines.bright, muscle)
    grid.fill(blood, outlines.outer, 0.0)
    if setting.trabeculae_db:
        grid.fill(tissue, outlines.compact, amplitude(setting.muscle_db - setting.trabeculae_db))
        grid.fill(blood, outlines.compact, faint)
    grid.fill(tissue, outlines.chambers["lv"], 0.03 * muscle)
    grid.fill(blood, outlines.chambers["lv"], faint)
    for papillary in outlines.papillary:
        grid.fill(tissue, papillary, 1.1 * muscle)
    add_strands(tissue, grid, outlines, clutter)
    for name in (n for n in _LINES if n not in _BEHIND):
        level, thickness = _line(name, clutter)
        grid.stroke(tissue, outlines.lines[name], amplitude(level + setting.lines_db), thickness)
    add_tails(tissue, grid, outlines.hinges, clutter)
    across, along = (material.side + 1.6) * 20, (material.level + 0.3) * (95 / 1.8)
    tissue *= cv2.remap(textures.streaks, along, across, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    _lose_walls(tissue, material, setting)
    softened = [np.asarray(cv2.GaussianBlur(m, (0, 0), 0.8), dtype=np.float32) for m in (tissue, blood)]
    return Reflectivity(*softened)


def _line(name: str, clutter: Clutter) -> tuple[float, float]:
    """Level in dB and thickness in mm of a bright line."""
    gains = {"atrial-wall": clutter.atrial_wall, "lateral-pericardium": clutter.pericardium}
    level, thickness = gains.get(name, (0.0, 0.0))
    return _LINES[name][0] + level, _LINES[name][1] + thickness


def _bands_of_fat(tissue: Map, material: Material, clutter: Clutter) -> None:
    """Brighter tissue behind the atria and at the annulus, darker lung beside the apex."""
    deep = np.clip((material.level - 0.85) / 0.5, 0, 1)
    beside = np.clip((np.abs(material.side) - 1.2) / 1.2, 0, 1) * np.clip(1 - material.level, 0, 1)
    above = np.clip(-material.level / 0.05, 0, 1) * beside
    level = clutter.behind_db * deep + clutter.beside_db * beside + (clutter.chest_db - clutter.beside_db) * above
    tissue *= 10 ** (level / 20)


def _lose_walls(tissue: Map, material: Material, setting: Setting) -> None:
    """Dropout of stretches of wall, which run along the beam; the septum stays brighter than the free wall."""
    for which, level, width, loss in setting.dropouts:
        on_side = np.clip((material.side if which else -material.side) * 2, 0, 1)
        tissue *= 10 ** (-loss * on_side * np.exp(-(((material.level - level) / width) ** 2)) / 20)
    gain, place, breadth = setting.clutter.septum
    near_septum = np.exp(-(((material.side - place) / breadth) ** 2)) * np.clip(material.level * 2, 0, 1)
    tissue *= 10 ** (gain * near_septum / 20)


def gain_map(grid: PolarGrid, setting: Setting) -> Map:
    """(R, B) amplitude left by attenuation after time-gain compensation and by acoustic shadows."""
    share = (grid.ranges / setting.depth_mm - 0.5)[:, None]
    level = setting.slope_db * share + np.zeros((1, grid.angles.size), dtype=np.float32)
    for centre, half_width, start, loss in setting.shadows:
        across = np.exp(-(((grid.angles - centre) / half_width) ** 4))
        level = level - loss * across[None] * np.clip((grid.ranges - start) / 12, 0, 1)[:, None]
    # Elements near the edge of the aperture see less: every sector scanner darkens towards its sides.
    level = level - 5 * (np.abs(grid.angles) / setting.half_angle)[None] ** 4
    return np.asarray(10 ** (level / 20), dtype=np.float32)


def clutter_map(grid: PolarGrid, setting: Setting) -> Map:
    """(R, B) amplitude of near-field haze and of reverberations between probe and chest wall."""
    depth = grid.ranges[:, None]
    bands = 1 + 1.5 * np.cos(np.pi * depth / 7.5) ** 8
    haze = amplitude(setting.haze_db) * np.exp(-depth / setting.clutter.haze_mm) * bands
    skin = amplitude(-4.0) * np.exp(-((depth / 5) ** 2))
    return np.asarray(haze + skin + np.zeros((1, grid.angles.size), dtype=np.float32), dtype=np.float32)


def uneven_map(grid: PolarGrid, setting: Setting, rng: np.random.Generator) -> Map:
    """(R, B) amplitude of the smooth gain that an uneven acoustic window leaves."""
    return np.asarray(10 ** (setting.unevenness_db * _patches(grid, rng) / 20), dtype=np.float32)


def fog_map(grid: PolarGrid, setting: Setting, rng: np.random.Generator) -> Map:
    """(R, B) amplitude of patches of clutter, from lung, ribs and multiple reflections."""
    return np.asarray(amplitude(setting.fog_db) * np.exp(0.7 * _patches(grid, rng)), dtype=np.float32)


def patchy_surroundings(grid: PolarGrid, setting: Setting, rng: np.random.Generator) -> Map | None:
    """(R, B) factor on the tissue around the heart, in large and small patches."""
    spread = setting.clutter.patches_db
    if not spread:
        return None
    coarse, fine = _patches(grid, rng), _patches(grid, rng, cells=(16, 14))
    return np.asarray(10 ** (spread * (0.8 * coarse + 0.6 * fine) / 20), dtype=np.float32)


def _patches(grid: PolarGrid, rng: np.random.Generator, cells: tuple[int, int] = (6, 5)) -> Map:
    """(R, B) smooth noise of about unit variance, a few patches across the image."""
    coarse = rng.standard_normal(cells, dtype=np.float32)
    return np.asarray(cv2.resize(coarse, (grid.angles.size, grid.ranges.size), interpolation=cv2.INTER_CUBIC))


def noise_map(grid: PolarGrid, setting: Setting) -> Map:
    """(R, 1) amplitude of the receiver's noise, which compensation raises with depth."""
    level = setting.noise_db + setting.clutter.noise_slope_db * (grid.ranges / setting.depth_mm - 0.5)
    return np.asarray(10 ** (level / 20), dtype=np.float32)[:, None]
