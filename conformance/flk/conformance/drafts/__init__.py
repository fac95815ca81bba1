"""What the computed vectors are made of: questions without answers, which the model answers. Read by no report."""
