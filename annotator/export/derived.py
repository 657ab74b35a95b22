"""Derived structures, such as LV epicardium = cavity + myocardium, as labels of their own protocol.

A derived structure is known where its members decide it: inside where only members are possible, outside
where none is. It says nothing where, say, the cavity is outlined and the myocardium unknown.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

import numpy as np

from annotator.core.allowed import allowed_bitmap
from annotator.core.labels import PartialLabel, StructureLabel
from annotator.core.plugin_types import ExportContext, LabelledClip, LabelledFrame
from annotator.core.protocols import DerivedStructure, LabelProtocol, Structure
from annotator.core.status import LabelStatus, Provenance


def derived_context(context: ExportContext, name: str) -> ExportContext:
    """A context whose protocol has the one derived structure, with value 1.

    Raises
    ------
    UnknownName
        Where the protocol derives no such structure.
    """
    found = context.protocol.derived_structure(name)
    structure = Structure(found.id, found.name, found.colour, key=found.id[0])
    protocol = LabelProtocol(f"{context.protocol.name}-{found.id}", found.name, (structure,))
    return replace(context, protocol=protocol, values={found.id: 1})


def derived_clips(clips: Iterable[LabelledClip], protocol: LabelProtocol, name: str) -> Iterator[LabelledClip]:
    """Clips whose labels speak of the derived structure alone; read once, as they come.

    Raises
    ------
    UnknownName
        Where the protocol derives no such structure.
    """
    found = protocol.derived_structure(name)
    for entry in clips:
        yield replace(entry, frames=(_derived_frame(frame, protocol, found) for frame in entry.frames))


def derived_label(label: PartialLabel, protocol: LabelProtocol, name: str) -> StructureLabel:
    """What a frame's label says of a derived structure.

    Parameters
    ----------
    label
        Labels of the protocol's structures.
    protocol
        Which derives ``name``.
    name
        Id of the derived structure.

    Raises
    ------
    UnknownName
        Where the protocol derives no such structure.
    """
    members = protocol.derived_structure(name).members
    bits = np.uint16(sum(1 << protocol.index(member) for member in members))
    bitmap = allowed_bitmap(label, protocol)
    inside = np.asarray((bitmap & ~bits) == 0, dtype=np.bool_)
    outside = np.asarray((bitmap & bits) == 0, dtype=np.bool_)
    if (inside | outside).all():
        return StructureLabel(LabelStatus.OUTLINED, inside) if inside.any() else StructureLabel(LabelStatus.ABSENT)
    if inside.any() or outside.any():
        return StructureLabel(LabelStatus.PARTIAL, inside, outside if outside.any() else None)
    return StructureLabel()


def _derived_frame(frame: LabelledFrame, protocol: LabelProtocol, found: DerivedStructure) -> LabelledFrame:
    said = derived_label(frame.label, protocol, found.id)
    origins = [frame.provenance[member] for member in found.members if member in frame.provenance]
    newest: Mapping[str, Provenance] = {}
    if origins and said.status is not LabelStatus.UNKNOWN:
        newest = {found.id: max(origins, key=lambda origin: origin.revision)}
    return replace(frame, label=PartialLabel(frame.label.shape, {found.id: said}), provenance=newest)
