"""Files that would harm a reader without limits: bombs, damaged files, absurd shapes."""
