"""Subjects that run in a browser: a headless Chromium of our own, and the bridge from the SDK protocol's lines to a page in it."""
