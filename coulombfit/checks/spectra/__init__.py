"""What is asked of the spectra of one setting: moments, widths from two sources, stationarity."""
