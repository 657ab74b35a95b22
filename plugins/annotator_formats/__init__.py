"""File formats: readers and writers for DICOM, NIfTI, MetaImage, video, stills and HDF5."""
