"""Laws of a degenerate pair of levels."""
