"""Cases as data: statements and PySpark snippets with the outcome that Apache Spark gives.

A file of tests/cases holds `spark_version`, what the cases are about, DataFrames `given` to all by name,
and the cases themselves:

    {"name": "…", "conf": {…}, "setup": ["…"], "sql": "…"}            or
    {"name": "…", "python": "an expression over spark, F, Window, T that gives a DataFrame"}
    with  "files": {"a.csv": "its text"}, if there are to be some in the folder that DIR stands for, and
    with  "schema": "…", "rows": [[…]], "ordered": true|false         or
    with  "error": {"condition": "…", "state": "…", "parameters": {…}}

The outcome is never typed: `scripts/oracle_validate.sh --record` asks Spark for it. Run as a program,
this file replays (or records) all cases on $SPARK_REMOTE.
"""

import json
import logging
import math
import os
import pathlib
import sys
import tempfile
import uuid

FOLDER = pathlib.Path(__file__).resolve().parents[1] / "cases"


def files():
    return sorted(FOLDER.glob("*.json"))


def load(path):
    return json.loads(path.read_text())


def cell(value):
    """A value as JSON: text where JSON has no such type, so that types cannot be mixed up by accident."""
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return str(value) if math.isnan(value) or math.isinf(value) else value
    if isinstance(value, (bytes, bytearray)):
        return "0x" + bytes(value).hex()
    if isinstance(value, dict):
        return sorted(([cell(k), cell(v)] for k, v in value.items()), key=repr)
    if hasattr(value, "asDict"):
        return {k: cell(v) for k, v in zip(value.__fields__, value)}
    if isinstance(value, (list, tuple)):
        return [cell(v) for v in value]
    return str(value)


def outcome(session, case, given):
    """What the server answers, in the form of the files; DIR is a folder of the case's own, seen from both sides."""
    with tempfile.TemporaryDirectory(prefix="vonk-case-") as folder:
        for name, text in case.get("files", {}).items():
            file = pathlib.Path(folder, name)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(text.encode())
        case = {k: v.replace("DIR", folder) if k in ("sql", "python") else v for k, v in case.items()}
        answer = answered(session, case, given)
        return json.loads(json.dumps(answer, ensure_ascii=False).replace(folder, "DIR"))


def answered(session, case, given):
    from pyspark.errors.exceptions.base import PySparkException
    from pyspark.sql import types as T
    from pyspark.sql.connect import functions as F
    from pyspark.sql.connect.window import Window

    for key, value in case.get("conf", {}).items():
        session.conf.set(key, value)
    try:
        for statement in case.get("setup", []):
            session.sql(statement).collect()
        if "sql" in case:
            df = session.sql(case["sql"])
        else:
            names = {"spark": session, "F": F, "Window": Window, "T": T}
            names |= {name: eval(text, names) for name, text in given.items()}
            df = eval(case["python"], names)
        rows = [[cell(v) for v in row] for row in df.collect()]
        schema = df.schema.simpleString()
    except PySparkException as e:
        return {"error": {"condition": e.getCondition(), "state": e.getSqlState(), "parameters": dict(sorted((e.getMessageParameters() or {}).items()))}}
    ordered = case.get("ordered", False)
    return {"schema": schema, "rows": rows if ordered else sorted(rows, key=repr)}


def close(a, b):
    """Equal, but for the last digits of floating-point numbers, which depend on the order of a sum."""
    if isinstance(a, float) and isinstance(b, float):
        return math.isclose(a, b, rel_tol=1e-12)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(close, a, b))
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(close(a[k], b[k]) for k in a)
    return type(a) is type(b) and a == b


def run(session, case, given):
    """Differences from what is expected, in words; none when all is well."""
    got, want = outcome(session, case, given), {k: case[k] for k in ("schema", "rows", "error") if k in case}
    return None if close(got, want) else f"expected {json.dumps(want)[:1500]}\n     got {json.dumps(got)[:1500]}"


def dump(document):
    """One case a block, one row a line: files that read well and differ well."""
    head = "".join(f' "{k}": {json.dumps(v, ensure_ascii=False)},\n' for k, v in document.items() if k != "cases")
    out = ["{\n" + head + ' "cases": [']
    blocks = []
    for case in document["cases"]:
        lines = []
        for key, value in case.items():
            if key == "rows" and value:
                text = "[\n    " + ",\n    ".join(json.dumps(row, ensure_ascii=False) for row in value) + "]"
            else:
                text = json.dumps(value, ensure_ascii=False)
            lines.append(f'"{key}": {text}')
        blocks.append("\n  {" + ",\n   ".join(lines) + "}")
    return "".join(out) + ",".join(blocks) + "\n ]\n}\n"


def main():
    from pyspark.sql.connect.session import SparkSession

    logging.disable(logging.CRITICAL)  # PySpark logs every error that a case expects
    record, faults, count = "--record" in sys.argv, 0, 0
    for path in files():
        document = load(path)
        given = document.get("given", {})
        for case in document["cases"]:
            session = SparkSession.builder.remote(os.environ["SPARK_REMOTE"]).create()
            document["spark_version"] = session.version if record else document["spark_version"]
            count += 1
            if record:
                for key in ("schema", "rows", "error"):
                    case.pop(key, None)
                case.update(outcome(session, case, given))
            elif difference := run(session, case, given):
                faults += 1
                print(f"{path.name}: {case['name']}\n{difference}", file=sys.stderr)
            session.stop()
        if record:
            path.write_text(dump(document))
    print(f"{count} cases {'recorded' if record else 'replayed'} on {os.environ['SPARK_REMOTE']}, {faults} differ")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
