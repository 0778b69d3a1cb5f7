"""UDF profiles: what PySpark's own profilers collect, passed to the client as accumulator updates."""

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


def _wrap(f, kind, iterates, result_id):
    from pyspark.sql import profiler

    if kind == "memory":
        import pyspark.memory_profiler_ext as ext

        if not ext.has_memory_profiler:
            return f
    accumulators = _accumulators()

    def watch(code):
        if kind == "perf":
            return profiler.WorkerPerfProfiler(*accumulators, result_id)
        return profiler.WorkerMemoryProfiler(*accumulators, result_id, code)

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
