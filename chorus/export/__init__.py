"""Labels as files for people and programs: `chorus export`, and what `--out` names."""
