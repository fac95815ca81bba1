"""What a sample of runs says, and how surely: intervals, warm-up, stopping, paired comparison."""
