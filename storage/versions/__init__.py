"""Values that change in one step and keep their history.

They are the aliases of versions, the active labels of customers and the state of schedules.
"""
