"""Questions asked of fits, one a file."""
