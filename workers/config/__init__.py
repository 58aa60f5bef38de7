"""chorus.toml: limits, gates and schedules, each error with its line."""
