"""`flk drill`: scenarios of the simulator as schedules of real drills, and both side by side."""
