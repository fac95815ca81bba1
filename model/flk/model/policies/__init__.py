"""Policies: signed documents that say by which rules records are judged, and what a log says of those in force (POL-*).

What a record is, and who may send it, no policy says: that is the business of `flk.model.record`.
"""
