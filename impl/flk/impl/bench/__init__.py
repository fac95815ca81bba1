"""Measurements, each beside a straightforward baseline in the same run. Nothing imports them but `flk bench` and the tests.

A benchmark that needs a baseline's packages says so by the extra `bench`.
"""
