"""Left-ventricular volumes and ejection fraction of one clip."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from annotator.plugin import Clip, LabelStatus, Mask, PartialLabel, Quantity, Spacing
from annotator_echo.disks import Disks, cut, single_plane_ml

_APICAL: Final = frozenset({"a4c", "a2c", "a3c", "a5c"})


class LeftVentricle:
    """Single-plane method of disks at end-diastole and end-systole.

    Nothing is returned where the view is known and not apical, the pixel size is not trusted or confirmed, or
    no end-diastolic or no end-systolic frame has a finished outline of the LV cavity.
    """

    name = "volumes"

    def measure(self, clip: Clip, labels: Mapping[int, PartialLabel]) -> Sequence[Quantity]:
        """EDV and ESV (mL), EF (%), LV length at both (mm), from the first outlined frame of each phase."""
        header = clip.header
        if header.spacing is None or header.view not in (None, *_APICAL):
            return ()
        diastole = _first_cut(header.ed_frames, labels, header.spacing)
        systole = _first_cut(header.es_frames, labels, header.spacing)
        if diastole is None or systole is None:
            return ()
        edv, esv = single_plane_ml(diastole), single_plane_ml(systole)
        if edv <= 0:
            return ()
        return (
            Quantity("LV end-diastolic volume", edv, "mL"),
            Quantity("LV end-systolic volume", esv, "mL"),
            Quantity("LV ejection fraction", 100 * (edv - esv) / edv, "%"),
            Quantity("LV length at end-diastole", diastole.length_mm, "mm"),
            Quantity("LV length at end-systole", systole.length_mm, "mm"),
        )


def _first_cut(frames: Sequence[int], labels: Mapping[int, PartialLabel], spacing: Spacing) -> Disks | None:
    """Disks of the first of these frames whose LV cavity is outlined."""
    for frame in frames:
        label = labels.get(frame)
        cavity = _outlined(label, "lv") if label is not None else None
        if label is not None and cavity is not None:
            disks = cut(cavity, spacing, wall=_outlined(label, "myo"), atrium=_outlined(label, "la"))
            if disks is not None:
                return disks
    return None


def _outlined(label: PartialLabel, structure: str) -> Mask | None:
    found = label[structure]
    return found.inside if found.status is LabelStatus.OUTLINED else None
