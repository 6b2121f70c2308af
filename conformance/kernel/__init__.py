"""The kernel lab: a real Linux mounts a 9P server and numbered scripts run through the mount.

The host's part (`cli`, `plan`, `report`, `engines`) boots a kernel and reads what it reports; the
guest's part (`guest`) starts the server, mounts it and runs the scripts.  Both know `model`,
`catalog` and `needs`.  Every script also runs on a local file system under the same kernel: what is
red on both sides says something about the environment and nothing about the server.

The guest's part runs in an interpreter without site-packages, so nothing in this package imports
anything but the standard library, itself and `conformance/text.py`.
"""
