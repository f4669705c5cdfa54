"""Laws of levels over training: one step of Dyson's process, and whole trajectories."""
