"""Bytes from outside to core values."""
