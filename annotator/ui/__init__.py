"""Qt widgets that show values and emit intentions."""
