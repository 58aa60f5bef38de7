"""Guards: refusal of code in models, missing extras, memory measurement, telemetry switched off."""
