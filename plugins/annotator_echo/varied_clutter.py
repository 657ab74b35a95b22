"""Random draws of what a window adds, for the varied scanner."""

from __future__ import annotations

import numpy as np

from annotator_echo.clutter import Clutter, Reflector, Strand, Tail


def draw_clutter(rng: np.random.Generator, half_angle: float, reach: tuple[float, float], muscle_db: float) -> Clutter:
    """Everything in :class:`Clutter`, from a clean window to a poor one.

    Parameters
    ----------
    half_angle
        Of the sector, radians.
    reach
        Largest range of the left ventricle and of the left atrium, mm.
    muscle_db
        Level of the myocardium.
    """
    return Clutter(
        tails=tuple(_tail(rng, muscle_db, largest) for largest in (10, 20, 12, 12)) if rng.random() < 0.8 else (),
        strands=_strands(rng, muscle_db),
        reflectors=_reflectors(rng, half_angle, reach, muscle_db),
        septum=(float(rng.uniform(-2, 11)), float(rng.uniform(-0.95, -0.7)), float(rng.uniform(0.08, 0.3))),
        behind_db=float(rng.uniform(-4, 17)),
        beside_db=float(rng.uniform(-16, 2)),
        atrial_fog_db=float(rng.uniform(-8, 15)),
        atrial_wall=(float(rng.uniform(-10, 5)), float(rng.uniform(-1.2, 1.6))),
        patches_db=float(rng.uniform(0, 9)),
        lung=(reach[1] + float(rng.uniform(-4, 15)), float(rng.uniform(0, 30)) if rng.random() < 0.5 else 0.0),
        repeat=(float(rng.uniform(12, 60)), float(rng.uniform(-38, -14))) if rng.random() < 0.5 else (0.0, -np.inf),
        pericardium=(float(rng.uniform(-12, 2)), float(rng.uniform(-1, 4))),
        chest_db=float(rng.uniform(-10, 12)),
        haze_mm=float(rng.uniform(12, 45)),
        rim_db=float(rng.uniform(-16, -1)),
        noise_slope_db=float(rng.uniform(2, 28)),
    )


def _tail(rng: np.random.Generator, muscle_db: float, largest_mm: float) -> Tail:
    size = (float(rng.uniform(3, largest_mm)), float(rng.uniform(2, 7)))
    level = muscle_db + float(rng.uniform(-1, 16))
    return Tail(level, size, level - float(rng.uniform(3, 20)), float(rng.uniform(6, 60)))


def _strands(rng: np.random.Generator, muscle_db: float) -> tuple[Strand, ...]:
    """Chordae and spots below the leaflets, and in one clip of five a tendon across the apical half."""
    strands = []
    for _ in range(int(rng.integers(0, 9))):
        level, place = float(rng.uniform(0.5, 0.98)), float(rng.uniform(-0.8, 0.9))
        end = float(np.clip(level - rng.uniform(0, 0.15), 0, 1)), float(np.clip(place + rng.normal(0, 0.12), -1, 1))
        strands.append(
            Strand(((level, place), end), float(rng.uniform(0.8, 3.0)), muscle_db + float(rng.uniform(-9, 7)))
        )
    if rng.random() < 0.2:
        ends = (float(rng.uniform(0.1, 0.5)), -1.0), (float(rng.uniform(0.1, 0.6)), 1.0)
        strands.append(Strand(ends, float(rng.uniform(0.8, 2.0)), muscle_db + float(rng.uniform(-9, 4))))
    return tuple(strands)


def _reflectors(
    rng: np.random.Generator, half_angle: float, reach: tuple[float, float], muscle_db: float
) -> tuple[Reflector, ...]:
    """Pericardium, diaphragm and spine behind the atria; lung and ribs beside the ventricle."""
    behind = tuple(
        Reflector(
            reach[1] + float(rng.uniform(-4, 22)),
            half_angle * float(rng.uniform(-0.9, 0.9)),
            half_angle * float(rng.uniform(0.15, 0.9)),
            float(rng.normal(0, 18)),
            float(rng.uniform(3, 20)),
            muscle_db + float(rng.uniform(-3, 14)),
        )
        for _ in range(int(rng.choice([0, 1, 2, 3], p=[0.15, 0.35, 0.3, 0.2])))
    )
    beside = tuple(
        Reflector(
            float(rng.uniform(25, reach[1])),
            half_angle * float(rng.choice([-1.0, 1.0]) * rng.uniform(0.55, 1.0)),
            half_angle * float(rng.uniform(0.08, 0.3)),
            float(rng.normal(0, 40)),
            float(rng.uniform(2, 9)),
            muscle_db + float(rng.uniform(-3, 12)),
        )
        for _ in range(int(rng.integers(0, 3)))
    )
    return behind + beside
