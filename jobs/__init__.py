"""Spark jobs and the command line: the only place with a session, storage and side effects."""
