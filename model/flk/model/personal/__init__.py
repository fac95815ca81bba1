"""Personal data and secrets in free text: where they stand, and the text without them (PII-*).

Pure functions of a text and a frozen `Scan`. A find has places and a kind, never the words themselves, so it can be logged. Finders
look at a folded text (`folding`) by patterns of RE2, whose time is linear whatever the text is, and judge candidates of bounded
length by the rules of who gave out the number: libraries know these. Needs the extra `pii`.
"""
