"""chorus.toml: limits, promotion gates and schedules; every error names its line."""
