"""From a file, or from many, to spectra: what was chosen, and what was guessed."""
