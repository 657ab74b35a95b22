"""Volumes by the method of disks: against an ellipsoid, the simulator's own hearts, and reference values."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from annotator.plugin import (
    Clip,
    ClipHeader,
    LabelStatus,
    Mask,
    PartialLabel,
    Pseudonymiser,
    Spacing,
    SpacingStatus,
    StructureLabel,
)
from annotator_echo.anatomy import draw_heart
from annotator_echo.disks import Disks, biplane_ml, cut, single_plane_ml
from annotator_echo.simulator import EchoSimulator
from annotator_echo.volumes import LeftVentricle

REFERENCE = Path(__file__).parents[4] / "shared/data/camus_mhd_5"


def half_ellipsoid(length: float, radius: float, angle: float, spacing: Spacing) -> Mask:
    """(H, W) bool, half an ellipse whose flat end (the base) looks down at an angle; lengths in mm."""
    height, width = round(160 / spacing.y), round(160 / spacing.x)
    x = (np.arange(width)[None] + 0.5) * spacing.x - 80
    y = (np.arange(height)[:, None] + 0.5) * spacing.y - 80
    along = y * np.cos(angle) + x * np.sin(angle)
    across = x * np.cos(angle) - y * np.sin(angle)
    base = length / 2
    return np.asarray((along <= base) & (((along - base) / length) ** 2 + (across / radius) ** 2 <= 1))


@settings(max_examples=15, deadline=None)
@given(
    length=st.floats(60, 100),
    radius=st.floats(18, 30),
    angle=st.floats(-0.4, 0.4),
    spacing=st.sampled_from([Spacing(0.5, 0.5), Spacing(0.308, 0.154), Spacing(0.4, 0.8)]),
)
def test_half_ellipsoid(length: float, radius: float, angle: float, spacing: Spacing) -> None:
    assume(radius <= length / 3)  # rounder than any ventricle, a shape has no long axis to speak of
    disks = cut(half_ellipsoid(length, radius, angle, spacing), spacing)
    assert disks is not None
    # The outline is known to about a pixel at each end, which coarse pixels make the larger part.
    assert disks.length_mm == pytest.approx(length, rel=0.03, abs=3 * max(spacing.y, spacing.x))
    assert single_plane_ml(disks) == pytest.approx(2 / 3 * np.pi * radius**2 * length / 1000, rel=0.05)


def test_biplane_of_an_elliptic_cross_section() -> None:
    spacing = Spacing(0.3, 0.3)
    one, two = (cut(half_ellipsoid(80, r, 0.0, spacing), spacing) for r in (20.0, 26.0))
    assert one is not None
    assert two is not None
    assert biplane_ml(one, two) == pytest.approx(2 / 3 * np.pi * 20 * 26 * 80 / 1000, rel=0.025)


def test_a_mask_without_an_axis_has_no_disks() -> None:
    speck = np.zeros((20, 20), dtype=np.bool_)
    assert cut(speck, Spacing(1, 1)) is None
    speck[3, 4] = True
    assert cut(speck, Spacing(1, 1)) is None


def header(spacing: Spacing | None = None, **changes: object) -> ClipHeader:
    status = SpacingStatus.UNKNOWN if spacing is None else SpacingStatus.TRUSTED
    values: dict[str, object] = {"ed_frames": (0,), "es_frames": (1,), "view": "a4c", **changes}
    return ClipHeader(
        "x",
        Pseudonymiser(b"t").key("1"),
        2,
        320,
        320,
        spacing=spacing,
        spacing_status=status,
        **values,  # type: ignore[arg-type]
    )


def beat(spacing: Spacing) -> dict[int, PartialLabel]:
    labels = {}
    for frame, (length, radius) in enumerate(((80.0, 25.0), (68.0, 18.0))):
        cavity = half_ellipsoid(length, radius, 0.1, spacing)
        labels[frame] = PartialLabel(cavity.shape, {"lv": StructureLabel(LabelStatus.OUTLINED, cavity)})
    return labels


def test_ejection_fraction() -> None:
    spacing = Spacing(0.5, 0.5)
    found = {q.name: q for q in LeftVentricle().measure(Clip("x", header(spacing)), beat(spacing))}
    expected = 100 * (1 - 68 * 18**2 / (80 * 25**2))
    assert found["LV ejection fraction"].value == pytest.approx(expected, abs=1.5)
    assert found["LV ejection fraction"].unit == "%"
    assert found["LV end-diastolic volume"].unit == "mL"
    assert found["LV length at end-systole"].value == pytest.approx(68, rel=0.03)


def test_says_nothing_where_it_cannot_know() -> None:
    spacing = Spacing(0.5, 0.5)
    labels = beat(spacing)
    measure = LeftVentricle().measure
    assert measure(Clip("x", header()), labels) == ()
    assert measure(Clip("x", header(spacing, es_frames=())), labels) == ()
    assert measure(Clip("x", header(spacing, view="psax")), labels) == ()
    assert measure(Clip("x", header(spacing)), {0: labels[0]}) == ()
    draft = StructureLabel(LabelStatus.DRAFT, labels[1]["lv"].inside)
    assert measure(Clip("x", header(spacing)), {**labels, 1: PartialLabel((320, 320), {"lv": draft})}) == ()


def test_simulated_hearts_have_the_ejection_fraction_they_were_given() -> None:
    errors = []
    for patient in range(4):
        clip = EchoSimulator().simulate(patient=patient, domain="vendor-c", seed=1, n_frames=16)
        found = {q.name: q.value for q in LeftVentricle().measure(Clip("x", clip.header), clip.labels)}
        heart = draw_heart(np.random.default_rng([1, patient]))
        errors.append(found["LV ejection fraction"] - 100 * heart.ejection_fraction)
    assert float(np.max(np.abs(errors))) < 6


def read_reference(path: Path) -> tuple[Mask, Mask, Mask, Spacing]:
    """Cavity, wall and atrium of a MetaImage header and its raw file, with the spacing."""
    fields = dict(line.split(" = ", 1) for line in path.read_text().splitlines() if " = " in line)
    width, height = (int(v) for v in fields["DimSize"].split()[:2])
    x, y = (float(v) for v in fields["ElementSpacing"].split()[:2])
    values = np.fromfile(path.with_suffix(".raw"), dtype=np.uint8).reshape(height, width)
    return values == 1, values == 2, values == 3, Spacing(y, x)


def reference_disks(folder: Path, view: str, phase: str) -> Disks:
    cavity, wall, atrium, spacing = read_reference(folder / f"{folder.name}_{view}_{phase}_gt.mhd")
    disks = cut(cavity, spacing, wall=wall, atrium=atrium)
    assert disks is not None
    return disks


@pytest.mark.skipif(not REFERENCE.is_dir(), reason="../shared/data/camus_mhd_5 is not here")
def test_volumes_of_real_patients() -> None:
    """The reference is biplane: ours agrees closely, and four-chamber alone within its known spread."""
    single, both, volume = [], [], []
    for folder in sorted(p for p in REFERENCE.iterdir() if p.is_dir()):
        info = dict(line.split(": ", 1) for line in (folder / "Info_4CH.cfg").read_text().splitlines())
        four, two = ([reference_disks(folder, view, phase) for phase in ("ED", "ES")] for view in ("4CH", "2CH"))
        edv, esv = (biplane_ml(a, b) for a, b in zip(four, two, strict=True))
        single.append(100 * (1 - single_plane_ml(four[1]) / single_plane_ml(four[0])) - float(info["LVef"]))
        both.append(100 * (1 - esv / edv) - float(info["LVef"]))
        volume.append(edv / float(info["LVedv"]) - 1)
    assert len(single) == 5
    assert np.mean(np.abs(single)) < 5
    assert np.mean(np.abs(both)) < 1.5
    assert np.mean(np.abs(volume)) < 0.03
