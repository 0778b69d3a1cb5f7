"""Questions without rows: each has a name, a JSON value and pickled parts, and so has its answer.

    analyze_udtf       value {name, arguments: [{type, constant, table, name?, value?}]}, blobs [class]
                       a constant's value is the number of a blob: one row of Arrow IPC
                       -> {schema, single_partition, partition_by, order_by, select}, [pickled AnalyzeResult]
    create_source      value {provider, options, schema?}, blobs [class] -> {schema | ddl}, [source]
    plan_read          value {schema, filters?}, blobs [source]
                       -> {partitions: count, pushed: [numbers of filters] | null}, [reader task's command, partitions…]
    plan_write         value {provider, options, schema, overwrite}, blobs [class] -> {}, [writer]
    end_write          value {abort}, blobs [writer, messages… (empty: none)] -> {}, []
    find_sources       -> {names}, [classes]
    unpack             value {archive, to}: unpacks a file of the session into a folder -> {}, []
"""

import inspect
from textwrap import dedent

from pyspark import cloudpickle
from pyspark.errors import PySparkAssertionError, PySparkRuntimeError, PySparkTypeError, PySparkValueError
from pyspark.sql.types import DataType, StructType, _parse_datatype_json_value

from vonk.worker.errors import pyspark_error


def answer(name, value, blobs, conf):
    """The answer: a JSON value and pickled parts."""
    calls = {f.__name__: f for f in (analyze_udtf, create_source, plan_read, plan_write, end_write, find_sources, unpack)}
    return calls[name](value, blobs, conf)


def _type(value):
    return value if isinstance(value, DataType) else _parse_datatype_json_value(value)


def analyze_udtf(value, blobs, conf):
    """Calls the class's `analyze`, and checks what it gave."""
    from pyspark.sql.functions import OrderingColumn, PartitioningColumn, SelectedColumn
    from pyspark.sql.udtf import AnalyzeResult

    cls = cloudpickle.loads(blobs[0])
    if not isinstance(cls, type):
        raise PySparkRuntimeError(
            f"Invalid UDTF handler type. Expected a class (type 'type'), but got an instance of {type(cls).__name__}."
        )
    if not isinstance(inspect.getattr_static(cls, "analyze", None), staticmethod):
        raise PySparkRuntimeError(
            "Failed to execute the user defined table function because it has not implemented the 'analyze' static "
            "method or specified a fixed return type during registration time. Please add the 'analyze' static method "
            "or specify the return type, and try the query again."
        )
    args, kwargs = _arguments(value["arguments"], blobs)
    prefix = f"Failed to evaluate the user-defined table function '{value['name']}' because "

    def wrong(text):
        return PySparkValueError(prefix + dedent(text).replace("\n", " ").strip())

    try:
        inspect.signature(cls.analyze).bind(*args, **kwargs)
    except TypeError as e:
        raise wrong(
            f"""\
            the function arguments did not match the expected
            signature of the static 'analyze' method ({e}). Please update the query so that
            this table function call provides arguments matching the expected signature, or
            else update the table function so that its static 'analyze' method accepts the
            provided arguments, and then try the query again."""
        ) from None
    result = cls.analyze(*args, **kwargs)
    if not isinstance(result, AnalyzeResult):
        raise wrong(
            f"""\
            the static 'analyze' method expects a result of type
            pyspark.sql.udtf.AnalyzeResult, but instead this method returned a value of
            type: {type(result)}"""
        )
    if not isinstance(result.schema, StructType):
        raise wrong(
            f"""\
            the static 'analyze' method expects a result of type
            pyspark.sql.udtf.AnalyzeResult with a 'schema' field comprising a StructType,
            but the 'schema' field had the wrong type: {type(result.schema)}"""
        )
    _needs_table(result, any(a.isTable for a in (*args, *kwargs.values())), wrong)
    for field, kind in (("partitionBy", PartitioningColumn), ("orderBy", OrderingColumn), ("select", SelectedColumn)):
        given = getattr(result, field)
        if not isinstance(given, (list, tuple)) or not all(isinstance(e, kind) for e in given):
            raise wrong(
                f"""\
                the static 'analyze' method returned an
                'AnalyzeResult' object with the '{field}' field set to a value besides a
                list or tuple of '{kind.__name__}' objects. Please update the table function
                and then try the query again."""
            )
    told = {
        "schema": result.schema.jsonValue(),
        "single_partition": bool(result.withSinglePartition),
        "partition_by": [c.name for c in result.partitionBy],
        "order_by": [
            {"name": c.name, "ascending": bool(c.ascending), "nulls_first": c.overrideNullsFirst}
            for c in result.orderBy
        ],
        "select": [{"name": c.name, "alias": c.alias} for c in result.select],
    }
    return told, [cloudpickle.dumps(result)]


def _arguments(specs, blobs):
    from pyspark.sql.udtf import AnalyzeArgument

    args, kwargs = [], {}
    for spec in specs:
        kind = _type(spec["type"])
        constant = bool(spec.get("constant"))
        value = _constant(kind, blobs[spec["value"]]) if constant and spec.get("value") is not None else None
        made = AnalyzeArgument(
            dataType=kind, value=value, isTable=bool(spec.get("table")), isConstantExpression=constant
        )
        if spec.get("name"):
            kwargs[spec["name"]] = made
        else:
            args.append(made)
    return args, kwargs


def _constant(kind, blob):
    """The one value of a batch with one row."""
    from vonk.worker.arrow import Input
    from vonk.worker.task import Conf
    from vonk.worker.values import to_list

    import pyarrow as pa

    source = Input(StructType().add("c", kind), Conf())
    return to_list(source.batch(pa.py_buffer(blob)).column(0), source.fields.fields[0].dataType)[0]


def _needs_table(result, has_table, wrong):
    """Partitioning is for calls with a TABLE argument."""
    if has_table:
        return
    if result.withSinglePartition:
        raise wrong(
            """\
            the static 'analyze' method returned an
            'AnalyzeResult' object with the 'withSinglePartition' field set to 'true', but
            the function call did not provide any table argument. Please update the query so
            that it provides a table argument, or else update the table function so that its
            'analyze' method returns an 'AnalyzeResult' object with the
            'withSinglePartition' field set to 'false', and then try the query again."""
        )
    if len(result.partitionBy) > 0:
        raise wrong(
            """\
            the static 'analyze' method returned an
            'AnalyzeResult' object with the 'partitionBy' list set to non-empty, but the
            function call did not provide any table argument. Please update the query so
            that it provides a table argument, or else update the table function so that its
            'analyze' method returns an 'AnalyzeResult' object with the 'partitionBy' list
            set to empty, and then try the query again."""
        )


def _mismatch(expected, actual, base=PySparkAssertionError):
    return pyspark_error("DATA_SOURCE_TYPE_MISMATCH", base, expected=expected, actual=actual)


def _source(value, blobs):
    """An instance of the data source's class."""
    from pyspark.sql.datasource import CaseInsensitiveDict, DataSource

    cls = cloudpickle.loads(blobs[0])
    if not (isinstance(cls, type) and issubclass(cls, DataSource)):
        raise _mismatch("a subclass of DataSource", f"'{type(cls).__name__}'")
    if not inspect.ismethod(cls.name):
        raise _mismatch("'name()' method to be a classmethod", f"'{type(cls.name).__name__}'", PySparkTypeError)
    name = cls.name()
    if value["provider"].lower() != name.lower():
        raise _mismatch(f"provider with name {name}", f"'{value['provider']}'")
    options = CaseInsensitiveDict()
    options.update(value["options"])
    return cls(options=options)


def create_source(value, blobs, conf):
    source = _source(value, blobs)
    given = value.get("schema")
    schema = source.schema() if given is None else _type(given)
    assert schema is not None
    told = {"ddl": schema} if isinstance(schema, str) else {"schema": schema.jsonValue()}
    return told, [cloudpickle.dumps(source)]


def plan_read(value, blobs, conf):
    from pyspark.sql.datasource import DataSourceReader, InputPartition

    source = cloudpickle.loads(blobs[0])
    reader = source.reader(schema=_type(value["schema"]))
    if not isinstance(reader, DataSourceReader):
        raise _mismatch("an instance of DataSourceReader", f"'{type(reader).__name__}'")
    pushed = None
    filters = value.get("filters")
    own = getattr(type(reader), "pushFilters", None) is not getattr(DataSourceReader, "pushFilters", None)
    if own and not conf.flag("spark.sql.python.filterPushdown.enabled", False):
        raise pyspark_error(
            "DATA_SOURCE_PUSHDOWN_DISABLED",
            PySparkAssertionError,
            type=type(reader).__name__,
            conf="spark.sql.python.filterPushdown.enabled",
        )
    if filters and own:
        pushed = _push(reader, filters)
    try:
        partitions = reader.partitions()
    except NotImplementedError:
        partitions = [InputPartition(None)]
    if not isinstance(partitions, list):
        raise _mismatch("'partitions' to return a list", f"'{type(partitions).__name__}'", PySparkRuntimeError)
    if not all(isinstance(p, InputPartition) for p in partitions):
        kinds = ", ".join(f"'{type(p).__name__}'" for p in partitions)
        raise _mismatch("elements in 'partitions' to be of type 'InputPartition'", kinds, PySparkRuntimeError)
    partitions = partitions or [InputPartition(None)]
    command = cloudpickle.dumps((reader, type(source).name()))
    return {"partitions": len(partitions), "pushed": pushed}, [command, *map(cloudpickle.dumps, partitions)]


def _push(reader, specs):
    """The numbers of the filters that the reader applies itself."""
    from pyspark.sql import datasource

    filters = []
    for spec in specs:
        cls = getattr(datasource, spec["name"])
        args = [tuple(spec["column"])]
        if "value" in spec:
            value = spec["value"]
            args.append(tuple(value) if isinstance(value, list) else value)
        made = cls(*args)
        filters.append(datasource.Not(made) if spec.get("negated") else made)
    left = list(reader.pushFilters(list(filters)))
    pushed = []
    for i, f in enumerate(filters):
        at = next((k for k, other in enumerate(left) if other is f), None)
        if at is None:
            pushed.append(i)
        else:
            del left[at]
    if left:
        raise pyspark_error(
            "DATA_SOURCE_EXTRANEOUS_FILTERS",
            PySparkValueError,
            type=type(reader).__name__,
            input=str(filters),
            extraneous=str(left),
        )
    return pushed


def plan_write(value, blobs, conf):
    from pyspark.sql.datasource import DataSourceWriter

    writer = _source(value, blobs).writer(_type(value["schema"]), value["overwrite"])
    if not isinstance(writer, DataSourceWriter):
        raise _mismatch("an instance of DataSourceWriter", f"'{type(writer).__name__}'")
    return {}, [cloudpickle.dumps(writer)]


def end_write(value, blobs, conf):
    from pyspark.sql.datasource import WriterCommitMessage

    writer = cloudpickle.loads(blobs[0])
    messages = [cloudpickle.loads(b) if len(b) else None for b in blobs[1:]]
    for message in messages:
        if message is not None and not isinstance(message, WriterCommitMessage):
            raise _mismatch("an instance of WriterCommitMessage", f"'{type(message).__name__}'")
    if value["abort"]:
        writer.abort(messages)
    else:
        writer.commit(messages)
    return {}, []


def find_sources(value, blobs, conf):
    """Data sources that modules named `pyspark_…` bring along."""
    from importlib import import_module
    from pkgutil import iter_modules

    from pyspark.sql.datasource import DataSource

    found = {}
    for info in iter_modules():
        if info.name.startswith("pyspark_"):
            cls = getattr(import_module(info.name), "DefaultSource", None)
            if isinstance(cls, type) and issubclass(cls, DataSource):
                found[cls.name()] = cloudpickle.dumps(cls)
    return {"names": list(found)}, list(found.values())


def unpack(value, blobs, conf):
    """Nothing of a tar file gets out of the folder, where this Python can see to it."""
    import shutil
    import tarfile

    archive, to = value["archive"], value["to"]
    if archive.endswith(".jar"):
        shutil.unpack_archive(archive, to, "zip")
    elif tarfile.is_tarfile(archive):
        with tarfile.open(archive) as tar:
            tar.extractall(to, **({"filter": "data"} if hasattr(tarfile, "data_filter") else {}))
    else:
        shutil.unpack_archive(archive, to)
    return {}, []
