"""Conformance of 9P servers: over the wire, and through a kernel's mount."""
