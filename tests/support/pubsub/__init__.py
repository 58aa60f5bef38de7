"""The parts of the Pub/Sub server of the tests: it speaks the real protocol and fails on demand."""
