"""Bytes from outside to core values: files, folders and the CSV manifest."""

from annotator.ingest.exported import ExportedMasks, is_indexed_png
from annotator.ingest.folders import shared_folder
from annotator.ingest.manifest import Manifest, read_manifest
from annotator.ingest.paths import FOLDER_SENTENCE, STEM_SENTENCE, Overrides, Read, Reading, read_paths
from annotator.ingest.readers import reader_of, stem_of

__all__ = [
    "FOLDER_SENTENCE",
    "STEM_SENTENCE",
    "ExportedMasks",
    "Manifest",
    "Overrides",
    "Read",
    "Reading",
    "is_indexed_png",
    "read_manifest",
    "read_paths",
    "reader_of",
    "shared_folder",
    "stem_of",
]
