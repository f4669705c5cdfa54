"""Files of every kind behind one guarded door, as arrays with names."""
