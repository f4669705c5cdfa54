"""The driver of all simulators: ensembles of runs, their schedule, checkpoints and trajectories."""
