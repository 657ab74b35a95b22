"""napari models only: scene, strokes into edits, pure state, controllers."""
