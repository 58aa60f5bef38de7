"""Autoscaling: demand, limits and a machine's budget in; starts and stops of workers out."""
