"""Evidence for controls: what was looked at, what it says of each control, and the pack that an auditor checks offline (EVD-*)."""
