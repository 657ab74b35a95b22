"""Pure functions from project values to the values that widgets show."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set

from annotator.core.identity import Clip, ClipHeader, FrameKey, Spacing, SpacingStatus
from annotator.core.protocols import LabelProtocol
from annotator.core.status import LabelStatus
from annotator.core.words import counted
from annotator.engine.messages import QueueItem
from annotator.project import Cell
from annotator.viewer.resolve import FrameView, cell_state
from annotator.viewer.state import CellState, ClipDetails, ClipRow, QueueRow, StructureRow, TimelineRow

_NBSP_THIN = " "


def structure_rows(
    view: FrameView,
    protocol: LabelProtocol,
    *,
    selected: str,
    hidden: Set[str],
    spacing: Spacing | None,
    cells: Mapping[str, Cell],
) -> tuple[StructureRow, ...]:
    """Rows of the structure panel for a resolved frame.

    Parameters
    ----------
    view
        The frame.
    protocol
        Names, colours and keys.
    selected
        Id of the selected structure.
    hidden
        Ids of structures that are not drawn.
    spacing
        mm/px where it may be believed; areas are in cm² then, in pixels otherwise.
    cells
        Structure id to its stored status, for the provenance.
    """
    return tuple(
        StructureRow(
            id=s.id,
            name=s.name,
            colour=s.colour,
            key=s.key,
            state=view.states[s.id],
            confidence=view.confidence.get(s.id) if view.states[s.id] is CellState.SUGGESTED else None,
            is_selected=s.id == selected,
            is_visible=s.id not in hidden,
            area=area_text(view.pixels.get(s.id, 0), spacing),
            provenance=provenance_text(cells.get(s.id), view, s.id),
        )
        for s in protocol.structures
    )


def area_text(pixels: int, spacing: Spacing | None) -> str:
    """``"34.1 cm²"``, or ``"12 034 px"`` without spacing (mm/px); empty for no pixels."""
    if pixels == 0:
        return ""
    if spacing is None:
        return f"{pixels:,} px".replace(",", _NBSP_THIN)
    return f"{pixels * spacing.y * spacing.x / 100:.1f} cm²"


def provenance_text(cell: Cell | None, view: FrameView, structure: str) -> str:
    """Who said it and from which model; for an empty suggestion, that the model sees none."""
    if cell is not None and view.states[structure] is not CellState.SUGGESTED:
        model = f", from model {cell.snapshot}" if cell.snapshot is not None else ""
        return f"{cell.origin.value} by {cell.author}{model}" if cell.author else f"{cell.origin.value}{model}"
    if view.states[structure] is CellState.SUGGESTED:
        return "starting weights" if not view.snapshot else f"model {view.snapshot}"
    return "the model sees none here" if structure in view.confidence else ""


def timeline_cell(cell: Cell | None, *, is_in_view: bool, is_found: bool) -> CellState:
    """State of one structure in one frame: of the label, or else of whether the view and the model show it there."""
    state = CellState.UNKNOWN if cell is None else cell_state(cell.status, cell.origin)
    if state is not CellState.UNKNOWN:
        return state
    if not is_in_view:
        return CellState.NOT_IN_VIEW
    return CellState.SUGGESTED if is_found else state


def timeline_rows(
    clip: Clip,
    protocol: LabelProtocol,
    cells: Mapping[int, Mapping[str, Cell]],
    found: Mapping[int, Set[str]],
) -> tuple[TimelineRow, ...]:
    """One row a structure over all frames of a clip.

    Parameters
    ----------
    clip, protocol
        What the rows stand for.
    cells
        Frame index to structure to stored status; missing is unknown.
    found
        Frame index to structures that the model sees; missing is none.
    """
    nothing: frozenset[str] = frozenset()
    no_cells: Mapping[str, Cell] = {}
    in_view = protocol.shown_in(clip.header.view)
    return tuple(
        TimelineRow(
            s.id,
            s.name,
            s.colour,
            tuple(
                timeline_cell(
                    cells.get(i, no_cells).get(s.id),
                    is_in_view=s.id in in_view,
                    is_found=s.id in found.get(i, nothing),
                )
                for i in range(clip.header.n_frames)
            ),
        )
        for s in protocol.structures
    )


def clip_row(clip: Clip, cells: Iterable[Mapping[str, Cell]], protocol: LabelProtocol, *, is_current: bool) -> ClipRow:
    """A clip's line in the browser, from the statuses of its frames."""
    frames = tuple(cells)
    per_frame = [sum(s in protocol.ids and c.status.is_finished for s, c in frame.items()) for frame in frames]
    return ClipRow(
        name=clip.name,
        patient=clip.header.patient,
        view=clip.header.view or "",
        domain=clip.header.domain,
        split=clip.split.value,
        n_frames=clip.header.n_frames,
        labelled=sum(per_frame),
        labelled_frames=sum(n > 0 for n in per_frame),
        is_current=is_current,
        draft_frames=sum(has_draft(frame) for frame in frames),
    )


def has_draft(cells: Mapping[str, Cell]) -> bool:
    """Whether one of a frame's labels is not finished."""
    return any(cell.status is LabelStatus.DRAFT for cell in cells.values())


def clip_details(clip: Clip, protocol: LabelProtocol, domains: Iterable[str]) -> ClipDetails:
    """The editable facts of a clip in plain words."""
    header = clip.header
    return ClipDetails(
        name=clip.name,
        patient=header.patient,
        view=header.view or "",
        views=protocol.views,
        domain=header.domain,
        domains=tuple(sorted({*domains, header.domain})),
        spacing=_spacing_sentence(header),
        spacing_status=header.spacing_status,
        proposed_spacing=_spacing_text(header.proposed_spacing),
        frame_rate=_frame_rate(header),
        size=f"{header.width} x {header.height} px, {counted(header.n_frames, 'frame')}",
    )


def queue_rows(items: Iterable[QueueItem], protocol: LabelProtocol) -> tuple[QueueRow, ...]:
    """Lines of the next-up list; items of structures that the protocol lacks are left out."""
    return tuple(
        QueueRow(
            clip=item.key.clip,
            frame=item.key.frame,
            structure=item.structure,
            structure_name=protocol.structure(item.structure).name,
            colour=protocol.structure(item.structure).colour,
            reason=item.reason,
        )
        for item in items
        if item.structure in protocol.ids
    )


def row_key(row: QueueRow) -> FrameKey:
    """The frame that a line of the next-up list speaks of."""
    return FrameKey(row.clip, row.frame)


def _spacing_sentence(header: ClipHeader) -> str:
    match header.spacing_status:
        case SpacingStatus.TRUSTED | SpacingStatus.CONFIRMED:
            return _spacing_text(header.spacing)
        case SpacingStatus.DOUBTED:
            return "not set: doubtful"
        case SpacingStatus.UNKNOWN:
            return "not set: only proposed" if header.proposed_spacing else "not set: not known"


def _spacing_text(spacing: Spacing | None) -> str:
    return "" if spacing is None else f"{spacing.y:.3g} x {spacing.x:.3g} mm/px"


def _frame_rate(header: ClipHeader) -> str:
    """In words; empty for a still image, which has none."""
    if header.n_frames == 1:
        return ""
    times = header.frame_times_ms
    duration = times[-1] - times[0] if times else 0.0
    return f"{(len(times) - 1) * 1000 / duration:.0f} frames/s" if duration > 0 else "frame rate not known"
