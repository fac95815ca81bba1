"""Statistics of independent runs: confidence intervals, stopping rules, paired differences, warm-up and batch means.

Plain functions of samples: they know nothing of scenarios or runs.
"""
