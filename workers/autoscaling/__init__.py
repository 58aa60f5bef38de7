"""Autoscaling: demand, limits and capacity in; starts and stops of worker processes out."""
