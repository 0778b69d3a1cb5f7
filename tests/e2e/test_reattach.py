"""A connection that breaks in the middle of a large result: exactly the rows, once."""

import pytest
from proxy import FlakyProxy

ROWS = 300_000


@pytest.fixture
def through(own_server):
    """Sessions through a proxy that cuts: `through(cut_kib, cuts)`."""
    opened = []

    def connect(cut_kib, cuts):
        proxy = FlakyProxy(own_server.port, cut_kib * 1024, cuts)
        session = own_server.session(proxy.url)
        opened.append((proxy, session))
        return proxy, session

    yield connect
    for proxy, session in opened:
        proxy._left = 0
        session.stop()
        proxy.close()


@pytest.mark.parametrize("cut_kib, cuts", [(64, 2), (1200, 5), (2500, 3)])
def test_collect_survives_cuts(through, cut_kib, cuts):
    """A message has some 0.5 MB here. Where none gets through between two cuts, the client waits ever longer."""
    proxy, session = through(cut_kib, cuts)
    table = session.sql(f"SELECT id, uuid() AS u FROM range(0, {ROWS}, 1, 4)").toArrow()
    assert proxy.cut_count == cuts, "the proxy had nothing to cut"
    ids = table.column("id").to_pylist()
    assert len(ids) == ROWS and len(set(ids)) == ROWS
    assert len(set(table.column("u").to_pylist())) == ROWS


def test_the_order_of_a_sorted_result_survives(through):
    proxy, session = through(900, 2)
    got = session.range(ROWS).orderBy("id", ascending=False).toArrow().column("id").to_pylist()
    assert proxy.cut_count == 2 and got == list(range(ROWS - 1, -1, -1))


def test_a_command_that_lost_its_answer_runs_once(through, own_server, tmp_path):
    proxy, session = through(0, 0)
    path = str(tmp_path / "t")
    session.range(1000).write.parquet(path)
    proxy._cut_bytes, proxy._left = 1, 1
    session.range(1000).write.mode("append").parquet(path)
    assert session.read.parquet(path).count() == 2000
