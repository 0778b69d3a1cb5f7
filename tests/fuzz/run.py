"""The random-query tester: the same query to Vonk (in several shapes) and to Apache Spark, and what differs.

    run.py --spark sc://127.0.0.1:15043 --queries 2000 --seed 7

A run is its seed: the same seed asks the same questions. Expressions go many to a query and are told apart when
something differs; what differs is cut down to the least that still differs, once per kind, and written as a case
to OUT/findings.jsonl (the form of ../shared/oracle) with Spark's answer. Vonk runs in one shape per `--vonk`
option, e.g. 'one: --threads 1'; without it in two: one partition, and several with batches of 7 rows.
"""

import argparse
import atexit
import collections
import json
import os
import pathlib
import random
import re
import signal
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))

from compare import Engine, difference  # noqa: E402
from data import TAGS, Table, with_tables  # noqa: E402
from expressions import Expressions  # noqa: E402
from harness import Server  # noqa: E402
from queries import TABLES, Queries  # noqa: E402
from tree import Node, listing, shrink  # noqa: E402

T = Table("t", TAGS)
ZONES = ["UTC", "America/Los_Angeles"]
BATCH = 24
SHAPES = ["one: --threads 1", "many: --threads 4 --conf spark.vonk.execution.batchRows=7"]
KEEP_EMPTY_PARTS = {"spark.sql.optimizer.excludedRules": "org.apache.spark.sql.catalyst.optimizer.PropagateEmptyRelation"}
PER_CAUSE = 2  # so many findings of one kind are cut down; the others are counted


def root(words):
    """What stands at the top of an expression: the function, else the operator."""
    call = re.match(r"\(*(?:CAST|TRY_CAST)\(.* AS ([\w ,()<>:]+)\)$", words)
    if call:
        return "cast to " + call.group(1)
    call = re.match(r"\w+(?=\()", words)
    return call.group() if call else re.sub(r"\w+|'[^']*'", "_", words)[:40]


class Fuzz:
    def __init__(self, spark, shapes, out):
        self.spark, self.shapes, self.out = spark, shapes, out
        self.findings = []
        self.causes, self.checks, self.errors = collections.Counter(), collections.Counter(), collections.Counter()

    # ---- asking
    def differ(self, sql, conf, shape, ordered=False):
        theirs = self.spark.ask(sql, conf)
        return difference(shape.ask(sql, conf), theirs, ordered), theirs

    @staticmethod
    def sort(answer):
        if "rows" in answer:
            answer["rows"].sort(key=lambda r: int(r[0]))
        return answer

    def ask_expressions(self, nodes, conf, shape, rows=None):
        """Answers of both, rows in the order of `id`."""
        words = "SELECT id, " + ", ".join(map(str, nodes)) + " FROM t"
        sql = with_tables([T], words, rows, spread=False)
        return self.sort(shape.ask(sql, conf)), self.sort(self.spark.ask(sql, conf)), sql

    # ---- expressions
    def expressions(self, rng, conf):
        wild = 0.5 if conf["spark.sql.ansi.enabled"] == "false" else rng.choice([0.0, 0.0, 0.3])
        odd = rng.choice([0.0, 0.0, 0.0, 0.05])
        make = Expressions(rng, [(c, t) for c, t in T.tags.items()], odd=odd, wild=wild)
        nodes = [make.any(rng.choice([1, 1, 2, 2, 3])) for _ in range(BATCH)]
        self.batch(nodes, conf, rng.choice(self.shapes))

    def batch(self, nodes, conf, shape):
        ours, theirs, _ = self.ask_expressions(nodes, conf, shape)
        whole = [k for k in difference(ours, theirs, True) if k[0] in ("error", "crash", "late", "columns")]
        if ("error" in theirs or whole) and len(nodes) > 1:
            half = len(nodes) // 2
            self.batch(nodes[:half], conf, shape)
            self.batch(nodes[half:], conf, shape)
            return
        self.checks["expressions"] += len(nodes)
        if "error" in theirs:
            self.checks["expressions with an error"] += len(nodes)
            self.errors[f"{theirs['error']} | {root(str(nodes[0]))}"] += 1
        for kind, detail in difference(ours, theirs, True):
            whole = kind in ("error", "crash", "late", "columns")
            node = nodes[0] if whole else nodes[detail - 1] if detail else nodes[0]
            self.found_expression(node, kind, detail if whole else None, conf, shape)

    def found_expression(self, node, kind, detail, conf, shape):
        cause = (kind, str(detail), root(str(node)))
        self.causes[cause] += 1
        if kind == "error" and all(detail) and sum(1 for _ in node.nodes()) > 6:
            self.causes[("which error first", "", "")] += 1
            return
        if self.causes[cause] > PER_CAUSE or kind == "late":
            return

        def shows(tree, rows=None):
            ours, theirs, _ = self.ask_expressions([tree], conf, shape, rows)
            return any(k == kind and (k != "error" or d == detail) for k, d in difference(ours, theirs, True))

        if not shows(node):
            self.causes[("unsteady",) + cause] += 1
            return
        small = shrink(node, shows)
        rows = None
        if kind in ("value", "error", "crash"):
            for i in range(len(T.columns["id"])):
                if shows(small, {"t": [i]}):
                    rows = {"t": [i]}
                    break
        if "[NULL]" in str(small):  # Spark trips over such an index: an internal error, or a value of nothing
            self.causes[("an index that is NULL", "", "")] += 1
            return
        if kind == "error" and all(detail) and rows is None:
            # Spark goes row by row, we column by column: of two errors in two rows either may come first.
            self.causes[("which error first", "", "")] += 1
            return
        if (kind == "value" or kind == "error" and not all(detail)) and self.as_of_a_table(small, conf, shape, rows):
            # Over VALUES Spark computes at once what over a table it simplifies first; we always simplify.
            self.causes[("VALUES are computed first", "", "")] += 1
            return
        if kind == "error" and self.part_of_it(small, detail, conf, shape):
            if all(detail):
                self.causes[("which error first", "", "")] += 1
                return
            after = ("error of a part", str(detail), "")
        else:
            after = (kind, str(detail), root(str(small)))
        if after != cause:
            self.causes[after] += 1
            if self.causes[after] > PER_CAUSE + 1:
                return
        ours, theirs, sql = self.ask_expressions([small], conf, shape, rows)
        self.write(kind, str(small), sql, conf, shape, ours, theirs)

    def as_of_a_table(self, tree, conf, shape, rows):
        """Do both agree where the rows are not at hand when Spark plans?"""
        sql = with_tables([T], f"SELECT id, {tree} FROM t", rows, spread=True)
        return not difference(self.sort(shape.ask(sql, conf)), self.sort(self.spark.ask(sql, conf)), True)

    def part_of_it(self, tree, detail, conf, shape):
        """Both see the error in a part by itself: Spark did not come to evaluate it, or came to another one first."""
        for path, node in tree.nodes():
            if path and node.tag is not None:
                ours, theirs, _ = self.ask_expressions([node], conf, shape)
                if "error" in ours and ours["error"] == theirs.get("error") and ours["error"] in detail:
                    return True
        return False

    # ---- queries
    def query(self, rng, conf):
        query, ordered = Queries(rng).top()
        shape = rng.choice(self.shapes)

        def shows(tree):
            found, _ = self.differ(with_tables(TABLES, str(tree), spread=spread), conf, shape, ordered)
            return any(k == kind and (k != "error" or d == detail) for k, d in found)

        spread = rng.random() < 0.3
        sql = with_tables(TABLES, str(query), spread=spread)
        found, theirs = self.differ(sql, conf, shape, ordered)
        self.checks["queries"] += 1
        self.checks["queries with an error"] += "error" in theirs
        for kind, detail in found[:1]:
            if kind == "error" and all(detail):
                self.causes[("which error first", str(detail))] += 1
                continue
            if kind == "error" and not spread:
                # As with expressions: what Spark computes at once because it is VALUES.
                spread = True
                stored, _ = self.differ(with_tables(TABLES, str(query), spread=True), conf, shape, ordered)
                if not any(k == kind and d == detail for k, d in stored):
                    self.causes[("VALUES are computed first", "", "")] += 1
                    continue
            if kind == "error" and detail[0] is None and self.spark.ask(sql, conf | KEEP_EMPTY_PARTS).get("error") == detail[1]:
                self.causes[("Spark has dropped the part that it refuses", "", "")] += 1
                continue
            words = re.findall(r"JOIN|GROUP BY \w+|OVER|UNION|INTERSECT|EXCEPT|EXISTS|LATERAL|DISTINCT|LIMIT", str(query))
            detail = detail if kind == "error" else None
            cause = (kind, str(detail), "query " + " ".join(sorted(set(words))))
            self.causes[cause] += 1
            if self.causes[cause] > PER_CAUSE or kind == "late":
                continue
            small = shrink(query, shows, tries=120)
            rows = self.fewer_rows(small, conf, shape, ordered, kind, detail) if kind != "null" else None
            sql = with_tables(TABLES, str(small), rows, spread)
            if "[NULL]" in str(small):  # as with expressions
                self.causes[("an index that is NULL", "", "")] += 1
                continue
            self.write(kind, str(small), sql, conf, shape, shape.ask(sql, conf), self.spark.ask(sql, conf))

    def fewer_rows(self, query, conf, shape, ordered, kind, detail):
        rows = {t.name: list(range(len(t.columns["id"]))) for t in TABLES if re.search(rf"\b{t.name}\b", str(query))}
        for name in rows:
            for i in list(rows[name]):
                fewer = {**rows, name: [j for j in rows[name] if j != i]}
                if not fewer[name]:
                    continue
                found, _ = self.differ(with_tables(TABLES, str(query), fewer), conf, shape, ordered)
                if any(k == kind and (k != "error" or d == detail) for k, d in found):
                    rows = fewer
        return rows

    def ternary(self, rng, conf):
        """Vonk against itself, and Spark where that fails: rows with p, without p, and with p unknown are all the rows."""
        items, source, p = Queries(rng).split()
        shape = rng.choice(self.shapes)
        select = f"SELECT {items} FROM {source}"
        whole = with_tables(TABLES, select)
        parts = with_tables(TABLES, " UNION ALL ".join(f"({select} WHERE {q})" for q in (f"{p}", f"NOT {p}", f"({p}) IS NULL")))
        a, b = shape.ask(whole, conf), shape.ask(parts, conf)
        self.checks["ternary"] += 1
        if "rows" in a and "rows" in b and sorted(map(repr, a["rows"])) != sorted(map(repr, b["rows"])):
            # An IN that is no condition by itself is never NULL in Spark: then its parts are not the whole there either.
            c = self.spark.ask(parts, conf)
            if sorted(map(repr, c.get("rows", []))) == sorted(map(repr, b["rows"])):
                return
            self.causes[("ternary", "", "")] += 1
            self.write("ternary", str(p), parts, conf, shape, b, a)

    # ---- findings
    def write(self, kind, words, sql, conf, shape, ours, theirs):
        case = {"id": f"fuzz/{kind}/{len(self.findings) + 1:03}", "group": "fuzz", "setup": [], "sql": sql, "conf": conf}
        if "error" in theirs:
            case |= {"error_class": theirs["error"], "message_first_line": theirs.get("message")}
        else:
            case |= {"schema": theirs.get("schema"), "rows": theirs.get("rows"), "ordered": False}
        finding = {"kind": kind, "what": words, "shape": shape.name, "spark_version": "4.3.0", "case": case, "got": ours}
        self.findings.append(finding)
        with open(self.out / "findings.jsonl", "a") as f:
            f.write(json.dumps(finding, ensure_ascii=False) + "\n")


def options():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--spark", default=os.environ.get("SPARK_REMOTE", "sc://127.0.0.1:15043"))
    parser.add_argument("--vonk", action="append", help="'name: arguments of vonk server', or 'name: sc://…'")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--queries", type=int, default=1000, help="steps: a batch of expressions or one query each")
    parser.add_argument("--minutes", type=float, default=600)
    parser.add_argument("--only", choices=["expressions", "queries", "ternary"])
    parser.add_argument("--out", default=os.environ.get("FUZZ_OUT", "target/fuzz"))
    return parser.parse_args()


def start(shape, folder):
    name, _, arguments = shape.partition(":")
    if arguments.strip().startswith("sc://"):
        return Engine(name, arguments.strip())
    servers = []

    def again():
        servers.append(Server(tempfile.mkdtemp(dir=folder), *arguments.split(), env={"VONK_LOG": "off"}))
        return servers[-1].url

    engine = Engine(name, again(), again)
    engine.stop = lambda: [s.stop() for s in servers]
    return engine


def main():
    args = options()
    out = pathlib.Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="vonk-fuzz-") as folder:
        shapes = [start(s, folder) for s in args.vonk or SHAPES]
        fuzz = Fuzz(Engine("spark", args.spark, limit=40), shapes, out)
        until, began = time.time() + args.minutes * 60, time.time()
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
        atexit.register(lambda: report(fuzz, time.time() - began))
        for step in range(args.queries):
            if time.time() > until:
                break
            rng = random.Random(f"{args.seed}/{step}")
            conf = {"spark.sql.ansi.enabled": rng.choice(["true", "false"]), "spark.sql.session.timeZone": rng.choice(ZONES)}
            what = args.only or rng.choices(["expressions", "queries", "ternary"], [5, 4, 1])[0]
            if what == "queries" and rng.random() < 0.5:
                conf["spark.sql.ansi.enabled"] = "false"
            {"expressions": fuzz.expressions, "queries": fuzz.query, "ternary": fuzz.ternary}[what](rng, conf)
        for shape in shapes:
            getattr(shape, "stop", lambda: None)()
    return 1 if fuzz.findings else 0


def report(fuzz, seconds):
    checks = ", ".join(f"{n} {what}" for what, n in sorted(fuzz.checks.items()))
    print(f"{checks}; Spark was asked {fuzz.spark.asked} times in {seconds:.0f} s; {len(fuzz.findings)} findings")
    for cause, n in fuzz.causes.most_common(60):
        print(f"{n:6}  {' | '.join(map(str, cause))}"[:200])
    if os.environ.get("FUZZ_ERRORS"):
        print(*(f"{n:6} error {what}" for what, n in fuzz.errors.most_common(80)), sep="\n")
    print(f"cases: {fuzz.out / 'findings.jsonl'}")


if __name__ == "__main__":
    sys.exit(main())
