"""How the process runs: errors, seeds, files written whole, threads, progress. No physics."""
