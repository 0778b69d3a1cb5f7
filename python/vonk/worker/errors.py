"""Errors on their way to the server.

What the user's code raises goes as `PYTHON_EXCEPTION` with its traceback, written as Spark writes
it: by default without the frames of PySpark and of this package above the user's own. `Fault` is an
error that Spark reports with a class of its own.
"""

import os
import sys
import traceback
from types import TracebackType

import pyspark
from pyspark.errors import PySparkRuntimeError

_ROOTS = tuple(os.path.dirname(os.path.abspath(f)) for f in (pyspark.__file__, __file__))
# Longest traceback that is sent: a recursion without end has a short one already.
_MAX_CHARS = 256 * 1024


class Fault(Exception):
    """An error with a class and message parameters of the server's table."""

    def __init__(self, error_class, **params):
        super().__init__(error_class, params)
        self.error_class, self.params = error_class, params


def pyspark_error(error_class, base=PySparkRuntimeError, **params):
    """PySpark's own error of a class; its table may be older than the class."""
    try:
        return base(errorClass=error_class, messageParameters=params)
    except Exception:
        told = ", ".join(f"{k}: {v}" for k, v in params.items())
        return base(f"[{error_class}] {told}")


def describe(e, conf):
    """The error as the server takes it."""
    if isinstance(e, Fault):
        return {"class": e.error_class, "params": {k: str(v) for k, v in e.params.items()}}
    return {"class": "PYTHON_EXCEPTION", "traceback": format_exception(e, conf)[-_MAX_CHARS:]}


def format_exception(e, conf):
    """The traceback of `e` as the session's settings want it."""
    try:
        if conf.flag("spark.sql.execution.pyspark.udf.hideTraceback.enabled", False):
            return "".join(traceback.format_exception_only(type(e), e))
        tb = e.__traceback__
        if conf.flag("spark.sql.execution.pyspark.udf.simplifiedTraceback.enabled", True):
            short = _simplified(tb)
            if short is not None:
                tb = short
                e.__cause__ = None
        with_locals = conf.flag("spark.sql.execution.pyspark.udf.tracebackWithLocals.enabled", False)
        shown = traceback.TracebackException(type(e), e, tb, compact=True, capture_locals=with_locals)
        return "".join(shown.format())
    except Exception:
        # The user's exception may have a __str__ or a __cause__ that fails.
        return f"Traceback (most recent call last):\n{type(e).__module__}.{type(e).__qualname__}\n"


def _simplified(tb):
    """From the first frame on that is neither PySpark's nor ours; None when there is none."""
    frames = []
    while tb is not None:
        frames.append(tb)
        tb = tb.tb_next
    for i, frame in enumerate(frames):
        if not frame.tb_frame.f_code.co_filename.startswith(_ROOTS):
            out = None
            for kept in reversed(frames[i:]):
                out = TracebackType(out, kept.tb_frame, kept.tb_lasti, kept.tb_lineno)
            return out
    return None


def is_last(e):
    """After such an error the process is not used again."""
    return isinstance(e, MemoryError) or not isinstance(e, Exception)


def warn(message):
    print(message, file=sys.stderr)
