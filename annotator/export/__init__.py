"""Core values to files that others read."""
