"""Isolation: an upload is read in a process of its own, whose memory and time are limited."""
