"""Figures of runs and sweeps, drawn with Matplotlib from finished results. No figure computes a measure of its own."""
