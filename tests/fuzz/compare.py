"""Two servers, one query, and in what their answers differ.

An answer is a schema and canonical rows, or an error class (the small client and the canonical form are those of
../shared/oracle). A difference has a kind: `crash`, `late`, `error` with both classes, `type`, `null`, `name` or
`value` of one column, `rows`. Floating-point numbers may differ in their last digits, nothing else may.
"""

import math
import os
import pathlib
import re
import sys
import time

SHARED = pathlib.Path(os.environ.get("VONK_SHARED") or pathlib.Path(__file__).resolve().parents[3] / "shared")
sys.path.insert(0, str(SHARED / "oracle"))

import oracle_common as oracle  # noqa: E402

NO_TEXT = re.compile(r"(?:\\x[0-9a-f]{2}|\ufffd)+")
LONG = re.compile(r"\d[\d,]*\.?\d*(?:[eE][-+]?\d+)?")
DIGITS = 16  # as many as any double is told apart by
NUMBER = re.compile(r"-?\d+\.?\d*(?:[eE][-+]?\d+)?")


class Engine:
    """A server with one session per configuration."""

    def __init__(self, name, url, start=None, limit=20):
        self.name, self.start, self.limit = name, start, limit
        self.server, self.sessions = oracle.Server(url), {}
        self.asked = 0

    def ask(self, sql, conf):
        key = tuple(sorted(conf.items()))
        try:
            if key not in self.sessions:
                self.sessions[key] = oracle.Session(self.server, conf, deadline=time.time() + 30)
            session = self.sessions[key]
            session.deadline = time.time() + self.limit
            self.asked += 1
            relation = oracle.rel.Relation()
            relation.sql.query = sql
            schema, rows = session.collect(relation)
            return {"schema": schema, "rows": rows}
        except oracle.SqlError as e:
            return {"error": e.cls or "?", "message": (e.msg or "").split("\n")[0][:300]}
        except oracle.Timeout:
            return {"late": True}
        except (ValueError, UnicodeError, KeyError, IndexError) as e:  # an answer that no client can read
            return {"error": "UNREADABLE", "message": f"{type(e).__name__}: {e}"[:300]}
        except oracle.Crash as e:
            self.sessions.clear()
            if self.start:
                self.server.close()
                self.server = oracle.Server(self.start())
            return {"crash": str(e)[:200]}


def near(a, b):
    """Equal, or numbers that differ in their last digits."""
    if a == b:
        return True
    if a is None or b is None:
        return False
    x, y = NUMBER.findall(a), NUMBER.findall(b)
    if len(x) != len(y) or NUMBER.sub("#", a) != NUMBER.sub("#", b):
        return False
    try:
        return all(math.isclose(float(p), float(q), rel_tol=2e-13, abs_tol=1e-12) for p, q in zip(x, y))
    except OverflowError:
        return False


def one_double(a, b):
    """Texts that differ in nothing but how many digits show a double: Java 17 has more of some than Java 19 and we,
    and fewer of the smallest."""
    if a is None or b is None:
        return a == b
    x, y = LONG.findall(a), LONG.findall(b)
    if len(x) != len(y) or LONG.sub("#", a) != LONG.sub("#", b):
        return False
    value = lambda text: float(text.replace(",", ""))
    free = lambda p, q: DIGITS < min(len(p), len(q)) or 0 < abs(value(p)) < sys.float_info.min
    return all(p == q or (free(p, q) and value(p) == value(q)) for p, q in zip(x, y))


def floating(kind):
    return "float" in str(kind) or "double" in str(kind)


def same_column(kind, ours, theirs):
    if ours == theirs or any("[B@" in str(v) for v in theirs):  # where a Java object is in memory
        return True
    if floating(kind):
        return all(map(near, ours, theirs))
    return kind == "string" and all(map(one_double, ours, theirs))


def difference(ours, theirs, ordered=False):
    """(kind, detail) pairs: none when the answers agree. Column kinds carry the column's index."""
    for key in ("crash", "late"):
        if key in ours or key in theirs:
            return [] if "late" in theirs else [(key, None)]
    if "error" in ours or "error" in theirs:
        pair = (theirs.get("error"), ours.get("error"))
        # A bare Java exception may have any class of ours; what Spark cannot read (its lexer takes the `>>` after
        # `array(` for the end of two types), trips over itself, or has an answer to that its own transport cannot
        # carry, is no question at all.
        told = str(theirs.get("message"))
        untold = pair[0] in ("PARSE_SYNTAX_ERROR", "INTERNAL_ERROR") or " as Arrow" in told or told.startswith("Job aborted")
        free = (pair[0] == "?" and pair[1]) or untold
        return [] if free or pair[0] == pair[1] else [("error", pair)]
    found = []
    a, b = ours["schema"]["fields"], theirs["schema"]["fields"]
    if len(a) != len(b):
        return [("columns", None)]
    for i, (f, g) in enumerate(zip(a, b)):
        if oracle.types_only(f["type"], False) != oracle.types_only(g["type"], False):
            found.append(("type", i))
        elif oracle.strip_nullable(f) != oracle.strip_nullable(g):
            found.append(("name", i))
        elif f != g:
            found.append(("null", i))
    ours, theirs = with_text_only(ours), with_text_only(theirs)
    if ordered and len(ours["rows"]) == len(theirs["rows"]):
        typed = {i for kind, i in found if kind == "type"}
        for i, field in enumerate(b):
            pick = lambda o: [row[i] for row in o["rows"]]
            if i not in typed and not same_column(field["type"], pick(ours), pick(theirs)):
                found.append(("value", i))
    elif not same_rows(b, ours["rows"], theirs["rows"]):
        found.append(("rows", None))
    return found


def with_text_only(answer):
    """Strings of Spark's may hold bytes that are no UTF-8, as no string here can: they count as the one character."""
    plain = lambda c: NO_TEXT.sub("\ufffd", c) if isinstance(c, str) else c
    return answer | {"rows": [[plain(c) for c in row] for row in answer["rows"]]}


def same_rows(fields, ours, theirs):
    """Equal as multisets; rows that differ only in the last digits of floats are the same."""
    if len(ours) != len(theirs):
        return False
    floats = [floating(f["type"]) for f in fields]

    def order(row):
        exact = [str(c) for c, loose in zip(row, floats) if not loose]
        rough = ["%.9g" % float(c) if c is not None and NUMBER.fullmatch(c) else str(c) for c, loose in zip(row, floats) if loose]
        return exact, rough

    for p, q in zip(sorted(ours, key=order), sorted(theirs, key=order)):
        if not all(x == y or (loose and near(x, y)) for x, y, loose in zip(p, q, floats)):
            return False
    return True
