"""Storage: frames in HDF5, annotations in SQL, undo, lineage, migrations."""
