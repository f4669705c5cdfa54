"""The command coulombfit: one file for each group of commands."""
