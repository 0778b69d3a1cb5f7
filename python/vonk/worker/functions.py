"""The user's functions: unpickled, chained, profiled; and what is checked about their results."""

from collections.abc import Iterator

import pyarrow as pa
from pyspark.errors import PySparkTypeError
from pyspark.sql.types import DataType

from vonk.worker import profile
from vonk.worker.errors import pyspark_error


class Loaded:
    """A function ready to be called, its result's type, and the signature the user wrote."""

    def __init__(self, f, function, kind, signature_of):
        self.f, self.function, self.kind, self._signature_of = f, function, kind, signature_of
        self.positional, self.named = function.positional, function.named

    def bound(self):
        """For positional arguments alone, in the order of `columns`."""
        return self.function.bind(self.f)

    @property
    def columns(self):
        return self.function.columns()

    def count_of_arguments(self):
        import inspect

        return len(inspect.getfullargspec(self._signature_of).args)


def load(task, index=0, stop_is_error=True):
    """Function `index` of the task. Where a StopIteration could be taken for an end it is made an error."""
    function = task.functions[index]
    chained, kind = None, None
    for command in function.commands():
        f, kind = command
        chained = f if chained is None else _chain(chained, f)
    if not isinstance(kind, DataType):
        kind = task.output.fields[index].dataType
    called = profile.wrap(chained, task.eval_type, function, task.conf)
    if stop_is_error:
        called = fail_on_stop(called)
    return Loaded(called, function, kind, chained)


def load_all(task, stop_is_error=True):
    return [load(task, i, stop_is_error) for i in range(len(task.functions))]


def _chain(f, g):
    return lambda *a, **k: g(f(*a, **k))


def fail_on_stop(f):
    def checked(*args, **kwargs):
        try:
            return f(*args, **kwargs)
        except StopIteration as e:
            raise stopped(e) from e

    return checked


def stopped(e):
    return pyspark_error("STOP_ITERATION_OCCURRED", exc=str(e))


def check_rows(given, expected):
    if given != expected:
        raise pyspark_error("RESULT_ROWS_MISMATCH", output_length=str(given), input_length=str(expected))


def check_iterator(result, element, label):
    """`result` as an iterator whose elements are checked as they come."""
    if not isinstance(result, Iterator):
        raise pyspark_error(
            "UDF_RETURN_TYPE", PySparkTypeError, expected=f"iterator of {label}", actual=type(result).__name__
        )

    def checked():
        for e in result:
            if not isinstance(e, element):
                actual = f"iterator of {type(e).__name__}"
                raise pyspark_error(
                    "UDF_RETURN_TYPE", PySparkTypeError, expected=f"iterator of {label}", actual=actual
                )
            yield e

    return checked()


def as_iterator(result, conf):
    """The result of a map function; by default anything that can be iterated will do."""
    if conf.any_iterable and not isinstance(result, Iterator):
        try:
            return iter(result)
        except TypeError:
            pass
    return result


class Count:
    """Counts rows in and out of an iterator function."""

    def __init__(self):
        self.rows = 0

    def limited(self, results):
        """`results`, an error as soon as there are more rows than came in, or fewer at the end."""
        out = 0
        for r in results:
            out += len(r)
            if out > self.rows:
                raise pyspark_error("OUTPUT_EXCEEDS_INPUT_ROWS")
            yield r
        check_rows(out, self.rows)


def check_exhausted(iterator):
    for _ in iterator:
        raise pyspark_error("INPUT_NOT_FULLY_CONSUMED")


def concat(batches):
    """One batch of many of the same schema."""
    if len(batches) == 1:
        return batches[0]
    table = pa.Table.from_batches(batches).combine_chunks()
    whole = table.to_batches()
    return whole[0] if whole else batches[0]
