"""The learner: allowed-set losses, label dropout, teacher and student, metrics, weights."""

import os

# OpenMP reads it when torch is first imported. Threads that spin at a barrier would take the cores from the window,
# and from each other where another program has one of them.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
