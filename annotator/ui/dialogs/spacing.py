"""The pixel size: confirmed, typed, or from a distance that is known, measured on the frame itself."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from qtpy.QtWidgets import QCheckBox, QGridLayout, QGroupBox, QHBoxLayout, QVBoxLayout, QWidget

from annotator.core.identity import Spacing
from annotator.core.words import counted
from annotator.ui.controls import DecimalBox, label
from annotator.ui.dialogs.form import FormDialog, asked
from annotator.ui.ruler import Ruler
from annotator.ui.style import TIGHT


@dataclass(frozen=True, slots=True)
class SpacingQuestion:
    """What is known of a clip's pixel size.

    Parameters
    ----------
    why
        One sentence: why it has to be confirmed.
    proposed
        mm/px, ``None`` where nothing is proposed.
    picture
        (H, W) or (H, W, 3) uint8: a frame, to measure on.
    alike
        How many other clips are like it in domain, size of the picture and pixel size as it stands.
    """

    why: str
    proposed: Spacing | None
    picture: NDArray[np.uint8]
    alike: int = 0


@dataclass(frozen=True, slots=True)
class SpacingAnswer:
    """A pixel size in mm/px, and whether it holds for the clips that are alike, too."""

    spacing: Spacing
    is_for_all: bool = False


def spacing_from_distance(pixels: float, mm: float, *, aspect: float = 1.0) -> Spacing:
    """The pixels of which ``pixels`` beside each other make ``mm`` millimetres; both must be positive.

    Parameters
    ----------
    pixels, mm
        The distance.
    aspect
        How many widths of a pixel its height is.

    Raises
    ------
    AnnotatorError
        Where the quotient is not positive and finite.
    """
    return Spacing(aspect * mm / pixels, mm / pixels)


class ConfirmSpacingDialog(FormDialog):
    """Shows the proposal and what it would mean for the size of the picture."""

    def __init__(self, question: SpacingQuestion, *, parent: QWidget | None = None) -> None:
        super().__init__("Pixel size", question.why, accept="Use this size", parent=parent)
        self._size = question.picture.shape[:2]
        self._aspect = question.proposed.y / question.proposed.x if question.proposed else 1.0
        self.mm_y = self._make_box(question.proposed.y if question.proposed else 0.0, "Millimetres per pixel, down")
        self.mm_x = self._make_box(question.proposed.x if question.proposed else 0.0, "Millimetres per pixel, across")
        grid = QGridLayout()
        grid.setSpacing(TIGHT)
        grid.addWidget(label("Down (mm/px)", role="heading"), 0, 0)
        grid.addWidget(label("Across (mm/px)", role="heading"), 0, 1)
        grid.addWidget(self.mm_y, 1, 0)
        grid.addWidget(self.mm_x, 1, 1)
        self.fields.addLayout(grid)
        self.mm_y.setFocus()
        self._meaning = label(role="quiet", is_wrapped=True)
        self.fields.addWidget(self._meaning)
        self.fields.addSpacing(TIGHT)
        self.fields.addWidget(self._make_distance(question.picture), 1)
        others = counted(question.alike, "other clip")
        self.for_all = QCheckBox(f"Also for {others} of its domain and picture size, if recorded at the same depth")
        self.for_all.setToolTip("Clips of whose pixels the same is known as of this one's.")
        if question.alike:
            self.fields.addWidget(self.for_all)
        self.mm_y.valueChanged.connect(self.refresh)
        self.mm_x.valueChanged.connect(self.refresh)
        self.refresh()

    @staticmethod
    def _make_box(value: float, name: str) -> DecimalBox:
        box = DecimalBox(name)
        box.setDecimals(4)
        box.setRange(0.0, 50.0)
        box.setSingleStep(0.01)
        box.setSpecialValueText("not set")
        box.setValue(value)
        return box

    def _make_distance(self, picture: NDArray[np.uint8]) -> QGroupBox:
        group = QGroupBox("Or drag a line along a distance that you know, such as two marks of the depth scale")
        self.ruler = Ruler(picture, aspect=self._aspect)
        self.pixels = DecimalBox("Distance in pixels")
        self.pixels.setRange(0.0, 20000.0)
        self.pixels.setDecimals(1)
        self.mm = DecimalBox("Distance in millimetres")
        self.mm.setRange(0.0, 1000.0)
        self.mm.setDecimals(1)
        self.mm.setSpecialValueText("how many?")
        self.ruler.measured.connect(self.pixels.setValue)
        self.pixels.valueChanged.connect(self._on_distance)
        self.mm.valueChanged.connect(self._on_distance)
        row = QHBoxLayout()
        row.setSpacing(TIGHT)
        is_square = math.isclose(self._aspect, 1.0, rel_tol=0.01)
        words = "px are" if is_square else "widths of a pixel are"
        for widget in (self.pixels, label(words), self.mm, label("mm")):
            row.addWidget(widget)
        row.addStretch(1)
        column = QVBoxLayout(group)
        column.setSpacing(TIGHT)
        column.addWidget(self.ruler, 1)
        column.addLayout(row)
        return group

    def problem(self) -> str:
        """Both sizes must be given."""
        return "" if self.mm_y.value() > 0 and self.mm_x.value() > 0 else "Enter how many millimetres a pixel is."

    def refresh(self) -> None:
        """Say what the size would mean."""
        height, width = self._size
        tall, wide = height * self.mm_y.value() / 10, width * self.mm_x.value() / 10
        words = f"The whole picture would be {tall:.1f} cm high and {wide:.1f} cm wide."
        self._meaning.setText("" if self.problem() else words)
        super().refresh()

    def value(self) -> SpacingAnswer:
        """The size, and what it holds for.

        Raises
        ------
        AnnotatorError
            Where a size is not positive; the accepting button is disabled then.
        """
        return SpacingAnswer(Spacing(self.mm_y.value(), self.mm_x.value()), self.for_all.isChecked())

    def _on_distance(self) -> None:
        """The size follows the distance as soon as both of its figures are there."""
        if self.pixels.value() > 0 and self.mm.value() > 0:
            spacing = spacing_from_distance(self.pixels.value(), self.mm.value(), aspect=self._aspect)
            self.mm_y.setValue(spacing.y)
            self.mm_x.setValue(spacing.x)

    @classmethod
    def ask(cls, question: SpacingQuestion, *, parent: QWidget | None = None) -> SpacingAnswer | None:
        """Ask for the pixel size."""
        dialog = cls(question, parent=parent)
        return asked(dialog, dialog.value)
