"""Opens the annotator from a stock napari: Plugins > Echo Annotator."""
