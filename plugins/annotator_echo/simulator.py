"""Simulated apical four-chamber clips with known truth."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from annotator.plugin import (
    BadInput,
    ClipHeader,
    Frame,
    LabelStatus,
    PartialLabel,
    Pseudonymiser,
    Recording,
    Spacing,
    SpacingStatus,
    StructureLabel,
)
from annotator_echo.anatomy import Heart, draw_heart
from annotator_echo.clutter_echoes import repeated
from annotator_echo.motion import material_at
from annotator_echo.outlines import Outlines, outline, pose_at
from annotator_echo.overlay import ecg_overlay, static_overlay
from annotator_echo.rhythm import Rhythm, draw_rhythm
from annotator_echo.scanner import Map, PolarGrid, Screen, compress, grey, shown_on_screen
from annotator_echo.speckle import Field, PointSpread, envelope, scatterers, texture
from annotator_echo.tissue import (
    Textures,
    amplitude,
    clutter_map,
    fibres,
    fog_map,
    gain_map,
    noise_map,
    patchy_surroundings,
    reflectivity,
    uneven_map,
)
from annotator_echo.varied import VARIED, draw_varied_depth, draw_varied_setting, draw_varied_vendor, varied_heart
from annotator_echo.vendors import VENDORS, Setting, Vendor, draw_setting

STRUCTURES: Final = ("lv", "myo", "la", "rv", "ra")
_PAINT_ORDER: Final = ("ra", "rv", "la", "myo", "lv")
_SIDE_LOBE_DB: Final = -22.0
_BLOOD_MEMORY: Final = 0.55


class EchoSimulator:
    """Apical four-chamber clips of random hearts on three invented scanners, and on one that is drawn anew each time.

    The fourth domain, ``varied``, is what weights are pretrained on: anatomy, pose, crop, scanner, window and
    artefacts vary far more than in any one hospital.
    """

    name = "echo"
    protocol = "apical"
    domains = (*(v.name for v in VENDORS), VARIED)

    def simulate(self, *, patient: int, domain: str, seed: int, n_frames: int) -> Recording:
        """One clip: ``n_frames`` (T, H, W) uint8 over one beat (more in long clips), all structures labelled.

        The heart depends on ``seed`` and ``patient`` alone, so that one patient can be seen on each scanner.

        Raises
        ------
        BadInput
            Where the domain is not simulated, or a number is negative or no frame is asked for.
        """
        if domain not in self.domains:
            raise BadInput(domain, "the echo simulator has no such domain", f"choose from {', '.join(self.domains)}")
        if n_frames < 1 or patient < 0 or seed < 0:
            raise BadInput(
                "simulator", f"{n_frames} frames of patient {patient} with seed {seed} cannot be made",
                "ask for at least one frame, and for a patient and a seed from 0",
            )  # fmt: skip
        body = np.random.default_rng([seed, patient])
        study = np.random.default_rng([seed, patient, self.domains.index(domain), 1])
        heart, rhythm = draw_heart(body), draw_rhythm(body, n_frames)
        if domain == VARIED:
            scan = _draw_varied_scan(varied_heart(heart, study), rhythm, study)
        else:
            scan = _draw_scan(next(v for v in VENDORS if v.name == domain), heart, rhythm, study)
        frames = tuple(_frames(scan, study))
        labels = {i: _label(scan, o) for i, o in enumerate(scan.outlines)}
        return Recording(_header(scan, patient, n_frames), frames, labels=labels)


@dataclass(frozen=True, slots=True, eq=False)
class Scan:
    """Everything that is fixed before the first echo of a clip."""

    vendor: Vendor
    setting: Setting
    heart: Heart
    rhythm: Rhythm
    outlines: tuple[Outlines, ...]
    grid: PolarGrid
    screen: Screen


def _draw_scan(vendor: Vendor, heart: Heart, rhythm: Rhythm, rng: np.random.Generator) -> Scan:
    outlines = tuple(outline(heart, beat) for beat in rhythm.beats)
    ventricle, atrium = _reach(outlines[0])
    # One clip in twelve is zoomed to the ventricle and shows little or nothing of the atria.
    share = rng.uniform(-0.3, 0.15) if rng.random() < 1 / 12 else rng.uniform(0.65, 1.35)
    depth = float(np.ceil((ventricle + share * (atrium - ventricle)) / 5) * 5)
    setting = draw_setting(rng, vendor, depth)
    grid = PolarGrid.of(vendor, setting)
    return Scan(vendor, setting, heart, rhythm, outlines, grid, Screen.of(vendor, setting, grid))


def _draw_varied_scan(heart: Heart, rhythm: Rhythm, rng: np.random.Generator) -> Scan:
    outlines = tuple(outline(heart, beat) for beat in rhythm.beats)
    reach = _reach(outlines[0])
    depth = draw_varied_depth(rng, *reach)
    vendor = draw_varied_vendor(rng)
    setting = draw_varied_setting(rng, vendor, depth, reach)
    grid = PolarGrid.of(vendor, setting)
    return Scan(vendor, setting, heart, rhythm, outlines, grid, Screen.of(vendor, setting, grid))


def _reach(outlines: Outlines) -> tuple[float, float]:
    """Largest range of the left ventricle and of the left atrium, mm."""
    ventricle, atrium = (float(np.hypot(*p.T).max()) for p in (outlines.outer, outlines.chambers["la"]))
    return ventricle, atrium


def _frames(scan: Scan, rng: np.random.Generator) -> Iterator[Frame]:
    """The clip's frames, (H, W) uint8 each."""
    static = static_overlay(scan.vendor, scan.setting, scan.screen, scan.rhythm)
    previous: Map | None = None
    for i, polar in enumerate(echoes(scan, rng)):
        shown = grey(compress(polar, scan.setting), scan.vendor)
        if previous is not None:
            shown = shown + scan.vendor.persistence * (previous - shown)
        previous = shown
        image = shown_on_screen(scan.screen.convert(shown), scan.vendor)
        frame = np.where(scan.screen.sector, np.round(255 * np.clip(image, 0, 1)), 0).astype(np.uint8)
        over = ecg_overlay(static, scan.rhythm, i) if scan.vendor.graphics.has_ecg else static
        yield np.maximum(frame, over)


def echoes(scan: Scan, rng: np.random.Generator) -> Iterator[Map]:
    """(R, B) float32 envelope of each frame, before compression."""
    grid = scan.grid
    shape = (grid.ranges.size, grid.angles.size)
    spread = PointSpread.of(scan.vendor, scan.setting, grid)
    tissue = scatterers(rng, shape) * texture(rng, shape)[..., None]
    haze = spread.blur(scatterers(rng, shape)) * clutter_map(grid, scan.setting)[..., None]
    gain, noise = gain_map(grid, scan.setting)[..., None], noise_map(grid, scan.setting)[..., None]
    if scan.setting.unevenness_db:
        gain = gain * uneven_map(grid, scan.setting, rng)[..., None]
    if np.isfinite(scan.setting.fog_db):
        haze = haze + spread.blur(scatterers(rng, shape)) * fog_map(grid, scan.setting, rng)[..., None]
    rest = pose_at(scan.heart, scan.rhythm.beats[0])
    blood, streaks = scatterers(rng, shape), fibres(rng)
    textures = Textures(streaks, patchy_surroundings(grid, scan.setting, rng))
    for beat, outlines in zip(scan.rhythm.beats, scan.outlines, strict=True):
        material = material_at(grid, scan.heart, beat.contraction, (pose_at(scan.heart, beat), rest))
        echo = reflectivity(grid, outlines, material, textures=textures, setting=scan.setting)
        moved = cv2.remap(tissue, material.columns, material.rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
        blood = _BLOOD_MEMORY * blood + np.float32(np.sqrt(1 - _BLOOD_MEMORY**2)) * scatterers(rng, shape)
        source = repeated(moved * echo.tissue[..., None] + blood * echo.blood[..., None], grid, scan.setting.clutter)
        yield envelope(_receive(source, spread) * gain + haze + spread.blur(scatterers(rng, shape)) * noise)


def _receive(source: Field, spread: PointSpread) -> Field:
    """Main lobe and, far below it, side lobes that smear bright reflectors across the beams."""
    lobes = cv2.GaussianBlur(source, (0, 0), sigmaX=12 * spread.near, sigmaY=spread.axial)
    wide = np.float32(amplitude(_SIDE_LOBE_DB) * np.sqrt(12)) * spread.scale
    return np.asarray(spread.blur(source) + wide * lobes, dtype=np.float32)


def _label(scan: Scan, outlines: Outlines) -> PartialLabel:
    """The truth of one frame: each structure outlined, or absent where none of it is in the sector."""
    screen = scan.screen
    indexed: NDArray[np.uint8] = np.zeros(screen.shape, dtype=np.uint8)
    for name in _PAINT_ORDER:
        points = outlines.outer if name == "myo" else outlines.chambers[name]
        screen.paint(indexed, points, STRUCTURES.index(name) + 1)
    beyond = (~screen.sector).astype(np.uint8)
    if scan.setting.closure_mm > 0:
        away = cv2.distanceTransform(beyond, cv2.DIST_L2, 3)
        beyond = (away > scan.setting.closure_mm / screen.mm_per_px).astype(np.uint8)
    indexed[beyond > 0] = 0
    labels = {}
    for i, name in enumerate(STRUCTURES, start=1):
        inside = indexed == i
        is_shown = bool(inside.any())
        labels[name] = StructureLabel(LabelStatus.OUTLINED, inside) if is_shown else StructureLabel(LabelStatus.ABSENT)
    return PartialLabel(screen.shape, labels)


def _header(scan: Scan, patient: int, n_frames: int) -> ClipHeader:
    height, width = scan.screen.shape
    return ClipHeader(
        stem=f"sim-{scan.vendor.name.removeprefix('vendor-')}-{patient:04d}",
        patient=Pseudonymiser(b"simulated").key(str(patient)),
        n_frames=n_frames,
        height=height,
        width=width,
        view="a4c",
        domain=scan.vendor.name,
        spacing=Spacing(scan.screen.mm_per_px, scan.screen.mm_per_px),
        spacing_status=SpacingStatus.TRUSTED,
        frame_times_ms=scan.rhythm.frame_times_ms,
        heart_rate_bpm=scan.rhythm.heart_rate_bpm,
        ed_frames=scan.rhythm.ed_frames,
        es_frames=scan.rhythm.es_frames,
        format="simulated",
    )
