"""What `flk bench sim` measures: the simulator beside plain SimPy programs of the same scenario. Nothing else imports it."""
