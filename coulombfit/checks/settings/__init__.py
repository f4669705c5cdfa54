"""What is asked of several settings: the rule of widths, and how centres move."""
