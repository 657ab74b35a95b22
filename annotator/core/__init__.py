"""Values and rules of partial labelling; no I/O, no threads, no torch, no Qt."""
