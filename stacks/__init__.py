"""The infrastructure: one stack per part, one environment per value."""
