"""Values that move in one step and keep their history: version stores, aliases, the active labels,
schedule state.
"""
