"""The command line, settings and wiring. It may import every other folder; none imports it."""
