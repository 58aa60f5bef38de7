"""Files and their names: places, versions, records, ids.

Every layer may import it; it imports none of them.
"""
