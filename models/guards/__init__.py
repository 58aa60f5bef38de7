"""Guards: no code from models, no telemetry, memory measured, extras named."""
