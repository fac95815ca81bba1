"""A small subject, as text."""

REGIME = """
import json, os, sys
for line in sys.stdin:
    message = json.loads(line)
    if "hello" in message:
        hello = {"protocol": 1, "name": "small", "language": "Python", "operations": ["regime"]}
        print(json.dumps({"hello": hello}), flush=True)
    elif "bye" in message:
        print(json.dumps(message), flush=True)
        break
    else:
        D_hat, coh_star = (round(message["input"][name], 9) for name in ("D_hat", "coh_star"))
        regime = "sticky" if coh_star >= 0.7 and D_hat <= 1.5 else "non_sticky" if D_hat >= 2.6 else "mixed"
        if MISHAP:
            os._exit(3)
        print(json.dumps({"seq": message["run"], "value": regime}), flush=True)
"""
"""A subject of one operation. It dies where a mishap befalls it."""
