"""The kinds of model: one module each, and the table that lists them."""
