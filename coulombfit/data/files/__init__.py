"""Reading files of every kind, safely, as arrays with names."""
