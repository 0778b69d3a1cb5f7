"""What each kind of function does with its input; the numbers are PySpark's `PythonEvalType`.

Every evaluator is a generator: from a task and its frames to the batches that go back.
"""

from vonk.worker.kinds import aggregate, grouped, maps, scalar, source, table, window

_KINDS = {
    100: scalar.pickled,
    101: scalar.arrow_batched,
    200: scalar.pandas,
    204: scalar.pandas_iter,
    250: scalar.arrow,
    251: scalar.arrow_iter,
    205: maps.pandas,
    207: maps.arrow,
    201: grouped.pandas,
    216: grouped.pandas_iter,
    209: grouped.arrow,
    215: grouped.arrow_iter,
    206: grouped.cogrouped_pandas,
    210: grouped.cogrouped_arrow,
    202: aggregate.pandas,
    217: aggregate.pandas_iter,
    252: aggregate.arrow,
    254: aggregate.arrow_iter,
    203: window.pandas,
    253: window.arrow,
    300: table.rows,
    301: table.arrow_rows,
    302: table.arrow,
    900: source.read,
    901: source.write,
}


def evaluate(task, frames):
    """The task's results, a batch at a time."""
    kind = _KINDS.get(task.eval_type)
    if kind is None:
        raise ValueError(f"Unknown eval type: {task.eval_type}")
    return kind(task, frames)
