"""Figures of runs, of sweeps and of one failure, drawn by matplotlib, readable in black and white."""
