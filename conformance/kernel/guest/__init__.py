"""The lab's part inside the guest: one process that mounts, runs the scripts and tells."""
