"""One function for each T-message, one module for each manual page.

An op looks up and checks, does, binds, replies; it awaits nothing but the backend, knows no bytes,
and raises what is wrong.  What must be undone on failure is bound last.
"""
