"""Runs the user's Python code for Vonk's server, in processes of their own.

`python -m vonk.worker` is a fork server: it imports what every task needs once, and forks a worker
when the server asks for one (`launcher`). A worker reads tasks and frames of Arrow batches from a
Unix socket and writes batches back (`wire`, `loop`). What a kind of function means, with Spark's
types and errors, is in `kinds`; the conversions between Arrow, Python and pandas are in `values`,
`results` and `frames`.

Nothing here is for users to import.
"""
