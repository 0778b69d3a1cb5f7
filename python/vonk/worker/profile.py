"""UDF profiles: what PySpark's own profilers collect, passed to the client as accumulator updates."""

import cProfile
import pstats

from pyspark import cloudpickle

_ITERATORS = (204, 205, 207, 208, 215, 216, 251)


def begin():
    """Forgets what an earlier task reported."""
    try:
        from pyspark.accumulators import _accumulatorRegistry
    except ImportError:
        return
    _accumulatorRegistry.clear()


def updates():
    """The pickled pairs (accumulator, value) of this task."""
    try:
        from pyspark.accumulators import _accumulatorRegistry
    except ImportError:
        return []
    return [cloudpickle.dumps((aid, acc._value)) for aid, acc in _accumulatorRegistry.items()]


def wrap(f, eval_type, function, conf):
    """`f`, profiled when the session asks for it."""
    kind = (conf.get("spark.sql.pyspark.udf.profiler") or "").lower()
    if kind not in ("perf", "memory") or function.result_id is None:
        return f
    return _wrap(f, kind, eval_type in _ITERATORS, function.result_id)


def _accumulators():
    from pyspark.accumulators import SpecialAccumulatorIds, _deserialize_accumulator
    from pyspark.sql import profiler

    old = _deserialize_accumulator(SpecialAccumulatorIds.SQL_UDF_PROFIER, None, profiler.ProfileResultsParam)
    if not hasattr(profiler, "ProfileResultsParamV2"):
        return (old,)
    new_id = SpecialAccumulatorIds.SQL_UDF_PROFIER_V2
    return (old, _deserialize_accumulator(new_id, {}, profiler.ProfileResultsParamV2))


class _Perf:
    """Profiles the calls inside, and adds what it saw to the accumulators."""

    def __init__(self, accumulators, result_id):
        self._accumulators, self._id, self._profile = accumulators, result_id, cProfile.Profile()

    def __enter__(self):
        self._profile.enable()

    def __exit__(self, *_):
        self._profile.disable()
        for accumulator, form in zip(self._accumulators, (lambda st: (st, None), lambda st: {"perf": st})):
            stats = pstats.Stats(self._profile, stream=None)
            stats.stream = None  # a stream cannot be pickled
            stats.strip_dirs()
            accumulator.add({self._id: form(stats)})


def _memory_profiler():
    """PySpark's profiler of lines, where it and the package it needs are there."""
    from pyspark.sql import profiler

    try:
        import pyspark.memory_profiler_ext as ext
    except ImportError:
        return None
    return getattr(profiler, "WorkerMemoryProfiler", None) if ext.has_memory_profiler else None


def _wrap(f, kind, iterates, result_id):
    lines = _memory_profiler() if kind == "memory" else None
    if kind == "memory" and lines is None:
        return f
    accumulators = _accumulators()

    def watch(code):
        return _Perf(accumulators, result_id) if lines is None else lines(*accumulators, result_id, code)

    def iterate(*args, **kwargs):
        given = f(*args, **kwargs)
        items = iter(given)
        code = getattr(given, "gi_code", f)
        while True:
            try:
                with watch(code):
                    item = next(items)
            except StopIteration:
                return
            yield item

    def call(*args, **kwargs):
        with watch(f):
            return f(*args, **kwargs)

    return iterate if iterates else call
