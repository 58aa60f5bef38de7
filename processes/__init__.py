"""Child processes for work that may crash, hang or grow; every package may import it."""
