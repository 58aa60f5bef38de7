"""Messages: feedback from Pub/Sub gathered into batches, results published to a topic, dead
letters.
"""
