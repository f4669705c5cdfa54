"""What is observed: spectra of runs, and what is asked of them before they are fitted."""
