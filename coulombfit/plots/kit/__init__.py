"""What every figure is made with: axes, colours, symbols, files."""
