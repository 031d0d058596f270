"""Numbers about the server. Each worker writes its own into memory that the processes share; who exposes them adds up.

So a number costs one addition where it is counted, and outlives the process that counted it.
"""
