"""What came of a run, in numbers: recorders that observe it, and the measures, metrics, objectives and hypotheses judged from them.

Nothing here changes a run: recorders only observe. Statistics over many runs live in `statistics` and `experiments`.
"""
