"""From observations to a posterior: one fit, or thousands of the same kind."""
