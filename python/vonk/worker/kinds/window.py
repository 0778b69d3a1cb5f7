"""Window aggregates: one value of each row's frame. A group is a window's partition."""

from vonk.worker.arrow import Input, Output
from vonk.worker.frames import ToPandas
from vonk.worker.functions import load_all
from vonk.worker.kinds.aggregate import ArrowValues, PandasValues, names, result_fields
from vonk.worker.kinds.groups import gathered, groups, series_of, whole


def _windowed(task, frames, values_of, columns_of, cut):
    """`columns_of(piece, columns)` gives a partition's columns, `cut` a part of one."""
    functions = load_all(task)
    source, out = Input(task.input, task.conf, names(task.input)), Output(task.output)
    make = values_of(result_fields(functions), task.conf)
    take = columns_of(source.fields, task.conf)
    calls = [(f.bound(), f.columns, f.function.window) for f in functions]

    def batches():
        for group in groups(frames, source):
            piece = whole(group)
            rows = piece.stop - piece.start
            if rows == 0:
                continue
            columns = []
            for i, (f, args, window) in enumerate(calls):
                given = take(piece, args)
                if window is None:
                    one = make.column(i, [f(*given)])
                    columns.append(one.take([0] * rows))
                    continue
                begins, ends = (piece.batch().column(c).to_pylist() for c in window)
                values = [f(*[cut(c, b, e) for c in given]) for b, e in zip(begins, ends)]
                columns.append(make.column(i, values))
            yield out.batch(columns, rows)

    yield from gathered(batches())


def pandas(task, frames):
    def columns_of(fields, conf):
        to_pandas = ToPandas(fields, conf)
        return lambda piece, columns: series_of(piece, to_pandas, columns)

    yield from _windowed(task, frames, PandasValues, columns_of, lambda s, b, e: s.iloc[b:e])


def arrow(task, frames):
    def columns_of(fields, conf):
        return lambda piece, columns: [piece.batch().column(i) for i in columns]

    yield from _windowed(task, frames, ArrowValues, columns_of, lambda a, b, e: a.slice(b, e - b))
