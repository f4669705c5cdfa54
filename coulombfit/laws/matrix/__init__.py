"""Spectra of a fixed matrix plus noise: levels that need not be degenerate."""
