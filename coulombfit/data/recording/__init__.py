"""Weights and spectra recorded while a network is trained."""
