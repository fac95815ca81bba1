"""What `flk bench sim` measures: the simulator beside plain SimPy programs that do the same."""
