"""The parts of tests/support/servers/pubsub_server.py: a Pub/Sub server that speaks the real
protocol and misbehaves on demand.
"""
