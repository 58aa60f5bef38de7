"""The ensemble: who answers each target, and how the members' scores become one answer.

It may import storage/, and knows nothing of models/ or intake/.
"""
