"""Label some structures of some ultrasound frames; a model learns in the background and suggests the rest."""

__version__ = "0.1.0"
