"""Messages: feedback from Pub/Sub collected into batches, results published to a topic, and dead
letters.
"""
