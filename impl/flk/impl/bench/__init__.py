"""Measurements beside a straightforward baseline, in one run."""
