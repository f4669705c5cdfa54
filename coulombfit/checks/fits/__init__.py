"""What is asked of fits: comparison, evidence, predictive checks, calibration."""
