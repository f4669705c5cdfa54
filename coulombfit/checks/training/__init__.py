"""What is asked of training itself: widths foretold by gradients, noise, learning curves."""
