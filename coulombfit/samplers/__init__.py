"""A log density in, points out; no sampler knows a model."""
