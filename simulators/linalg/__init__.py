"""Linear algebra and random matrices, many at once, the run in the last axis."""
