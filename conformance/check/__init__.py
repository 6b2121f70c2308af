"""`ninep check`: judges any 9P server over the wire, clause by clause.

`conformance/wire/` has the cases, one file for each page of the manual; this package runs them.  It
builds and reads bytes with construct's own interpretation of the schemas, so it shares no codec
with the server that it was written beside, and it imports nothing of that server.
"""
