"""Label some structures of some ultrasound frames; a model learns in the background and suggests the rest."""

import os

__version__ = "0.1.0"

# Torch reads it as it is imported, which is later. What Apple's GPUs cannot do, such as an operation in a plugin's
# network, is done by the CPU then and does not end the training.
os.environ.setdefault("PYTORCH_ENABLE_MPS_FALLBACK", "1")
