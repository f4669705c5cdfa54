"""The law of all levels of a spectrum: the Coulomb gas."""
