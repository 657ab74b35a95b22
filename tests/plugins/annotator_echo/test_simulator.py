"""The echo simulator: its contract, its anatomy and its images."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from annotator.plugin import BadInput, LabelStatus, Mask, PartialLabel, Pseudonymiser, Recording, SpacingStatus
from annotator.registry.protocols import protocol
from annotator.testing.simulators import check_simulator, pixels
from annotator_echo.simulator import EchoSimulator

SIMULATOR = EchoSimulator()
SCANNERS = tuple(d for d in SIMULATOR.domains if d != "varied")


def clip(patient: int, domain: str = "vendor-c", *, seed: int = 1, n_frames: int = 8) -> Recording:
    return SIMULATOR.simulate(patient=patient, domain=domain, seed=seed, n_frames=n_frames)


def mask(label: PartialLabel, structure: str) -> Mask:
    inside = label[structure].inside
    assert inside is not None
    return inside


def test_contract() -> None:
    assert len(SIMULATOR.domains) >= 2
    check_simulator(SIMULATOR, protocol("apical"))


def test_header_says_what_a_reader_would() -> None:
    header = clip(7, "vendor-a", n_frames=16).header
    assert header.stem == "sim-a-0007"
    assert header.patient == Pseudonymiser(b"simulated").key("7")
    assert header.view == "a4c"
    assert header.spacing_status is SpacingStatus.TRUSTED
    assert header.heart_rate_bpm is not None
    assert header.frame_times_ms[1] * 16 == pytest.approx(60_000 / header.heart_rate_bpm, abs=0.1)


def test_a_patient_has_one_heart_on_every_scanner() -> None:
    rates = {clip(3, d, n_frames=1).header.heart_rate_bpm for d in SIMULATOR.domains}
    assert len(rates) == 1


def test_seeds_give_other_hearts() -> None:
    assert not np.array_equal(pixels(clip(0, seed=1, n_frames=1)), pixels(clip(0, seed=2, n_frames=1)))


@pytest.mark.parametrize(
    ("patient", "domain", "n_frames", "word"),
    [(0, "vendor-z", 3, "no such domain"), (0, "vendor-a", 0, "0 frames"), (-1, "vendor-a", 3, "patient -1")],
)
def test_refuses_what_it_cannot_make(patient: int, domain: str, n_frames: int, word: str) -> None:
    with pytest.raises(BadInput, match=word):
        clip(patient, domain, n_frames=n_frames)


def test_one_frame_is_end_diastole() -> None:
    header = clip(0, n_frames=1).header
    assert header.ed_frames == (0,)
    assert header.es_frames == ()


def test_long_clips_hold_several_beats() -> None:
    header = clip(0, n_frames=64).header
    assert header.ed_frames == (0, 32)
    assert len(header.es_frames) == 2


@pytest.mark.parametrize("patient", range(4))
def test_the_ventricle_is_smallest_at_end_systole(patient: int) -> None:
    recording = clip(patient, n_frames=12)
    areas = [int(mask(recording.labels[i], "lv").sum()) for i in range(12)]
    assert int(np.argmax(areas)) == recording.header.ed_frames[0]
    assert abs(int(np.argmin(areas)) - recording.header.es_frames[0]) <= 1
    assert areas[recording.header.es_frames[0]] < 0.92 * areas[0]


@pytest.mark.parametrize("patient", range(6))
@pytest.mark.parametrize("domain", SCANNERS)
def test_anatomy(patient: int, domain: str) -> None:
    recording = clip(patient, domain, n_frames=4)
    for label in recording.labels.values():
        cavity, wall = mask(label, "lv"), mask(label, "myo")
        rows = np.flatnonzero(cavity.any(axis=1))
        _wall_on_both_sides(cavity, wall, rows)
        if label.status("la") is LabelStatus.OUTLINED:
            assert np.nonzero(mask(label, "la"))[0].mean() > rows[-1] - 0.1 * rows.size
        if label.status("rv") is LabelStatus.OUTLINED:
            assert np.nonzero(mask(label, "rv"))[1].mean() < np.nonzero(wall)[1].mean()


def _wall_on_both_sides(cavity: Mask, wall: Mask, rows: NDArray[np.intp]) -> None:
    """In the middle half of the cavity each row meets wall, then cavity, then wall, within the sector."""
    for row in rows[rows.size // 4 : rows.size * 3 // 4 : 4]:
        inside = np.flatnonzero(cavity[row])
        assert wall[row, : inside[0]].any()
        assert np.all(np.diff(inside) == 1)
    sides = [wall[r, np.flatnonzero(cavity[r])[-1] :].any() for r in rows[rows.size // 4 : rows.size * 3 // 4]]
    assert np.mean(sides) > 0.4


def test_the_atrium_fills_while_the_ventricle_empties() -> None:
    for patient in range(4):
        recording = clip(patient, "vendor-a", n_frames=8)
        first, last = recording.labels[0], recording.labels[recording.header.es_frames[0]]
        if first.status("la") is LabelStatus.OUTLINED:
            assert mask(last, "la").sum() > mask(first, "la").sum()


def test_blood_is_darker_than_muscle() -> None:
    differences = []
    for patient in range(5):
        recording = clip(patient, SCANNERS[patient % 3], n_frames=2)
        frame = pixels(recording)[0]
        differences.append(
            frame[mask(recording.labels[0], "myo")].mean() - frame[mask(recording.labels[0], "lv")].mean()
        )
    assert min(differences) > 4
    assert np.mean(differences) > 20


def test_domains_look_different() -> None:
    shapes = {clip(0, d, n_frames=1).header.shape for d in SCANNERS}
    assert len(shapes) == len(SCANNERS)
    sizes = {d: [_speckle_mm(clip(p, d, n_frames=1)) for p in range(4)] for d in SCANNERS}
    assert min(sizes["vendor-b"]) > max(sizes["vendor-c"])


def _speckle_mm(recording: Recording) -> float:
    """Axial correlation length of the blood pool, from its neighbouring rows; mm."""
    spacing = recording.header.spacing
    assert spacing is not None
    frame, inside = pixels(recording)[0].astype(float), mask(recording.labels[0], "lv")
    both = inside[1:] & inside[:-1]
    correlation = np.corrcoef(frame[1:][both], frame[:-1][both])[0, 1]
    return float(spacing.y / np.sqrt(-np.log(correlation)))


def test_burned_in_graphics_stay_while_the_heart_moves() -> None:
    frames = pixels(clip(0, "vendor-b", n_frames=6))
    corner = frames[:, :60, :50]
    assert corner.max() > 150
    assert np.all(corner == corner[0])
    assert (frames[0] != frames[3]).mean() > 0.1


def test_muscle_keeps_its_speckle_while_blood_streams() -> None:
    muscle: list[float] = []
    blood: list[float] = []
    for patient in range(2):
        recording = clip(patient, "vendor-c", n_frames=24)
        frames = pixels(recording).astype(float)
        for structure, found in (("myo", muscle), ("lv", blood)):
            inside = mask(recording.labels[15], structure) & mask(recording.labels[16], structure)
            detail = [frames[i] - cv2.blur(frames[i], (15, 15)) for i in (15, 16)]
            found.append(float(np.corrcoef(detail[0][inside], detail[1][inside])[0, 1]))
    assert min(muscle) > 0.5
    assert np.mean(muscle) > np.mean(blood) + 0.15


def test_a_clip_zoomed_to_the_ventricle_says_that_the_atrium_is_absent() -> None:
    statuses = [clip(p, "vendor-c", n_frames=1).labels[0].status("la") for p in range(10, 20)]
    assert LabelStatus.ABSENT in statuses
    assert statuses.count(LabelStatus.OUTLINED) > 7


def test_the_varied_scanner_differs_more_between_patients_than_any_other() -> None:
    def spread(domain: str) -> float:
        return float(np.std([pixels(clip(p, domain, n_frames=1)).mean() for p in range(8)]))

    headers = [clip(p, "varied", n_frames=1).header for p in range(8)]
    assert len({h.shape for h in headers}) == 8
    assert len({h.spacing for h in headers}) == 8
    assert spread("varied") > min(spread(d) for d in SCANNERS)


def test_varied_outlines_close_a_little_beyond_the_sector_and_no_further() -> None:
    beyond = 0
    for patient in range(8):
        recording = clip(patient, "varied", n_frames=1)
        frame, spacing = pixels(recording)[0], recording.header.spacing
        assert spacing is not None
        outside = (cv2.dilate(frame, np.ones((9, 9), np.uint8)) == 0).astype(np.uint8)
        away = cv2.distanceTransform(outside, cv2.DIST_L2, 3) * spacing.x
        labelled = np.logical_or.reduce(
            [s.inside for s in recording.labels[0].structures.values() if s.inside is not None]
        )
        beyond += int((labelled & (away > 0)).sum())
        assert away[labelled].max(initial=0.0) < 23
    assert beyond > 0
