"""The command coulombfit: a file a group of commands."""
