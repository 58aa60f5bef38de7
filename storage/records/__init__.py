"""The files below a root and what they hold: feedback, scores, decisions, labelled output, jobs,
runs, forecasts.
"""
