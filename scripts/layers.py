#!/usr/bin/env python3
"""Checks the layers of ARCHITECTURE.md against the manifests: who may depend on whom.

A crate may depend only on crates listed before it, and on none of its forbidden libraries.
`warm` is no layer: it names every library once, so that their features are the same in every build.
"""
import pathlib
import sys
import tomllib

ORDER = [
    "common", "plan", "sql", "expr", "python", "ml",
    "functions-math", "functions-datetime", "functions-string", "functions-collection", "functions-aggregate",
    "functions", "catalog", "analyzer", "engine", "connect", "server", "cli",
]
PROTOCOL = ["tonic", "prost", "apache-spark-connect-proto"]
ENGINE = ["arrow", "arrow-schema", "datafusion", "datafusion-proto", "datafusion-spark", "parquet", "object_store"]
FORBIDDEN = {
    "common": ENGINE + PROTOCOL,
    "plan": ENGINE + PROTOCOL,
    "sql": ENGINE + PROTOCOL,
    "catalog": ENGINE + PROTOCOL,
    "expr": PROTOCOL + ["object_store"],
    "python": PROTOCOL + ["object_store", "datafusion", "datafusion-proto", "datafusion-spark"],
    "functions": PROTOCOL + ["object_store"],
    "analyzer": PROTOCOL + ["object_store"],
    "engine": ["tonic", "apache-spark-connect-proto"],  # prost: DataFusion's own plan messages, in the codec
    "ml": PROTOCOL + ["object_store"],
    "connect": ENGINE,
    "server": ["tonic", "apache-spark-connect-proto"],
}


def main():
    root = pathlib.Path(__file__).resolve().parent.parent / "crates"
    faults = []
    for manifest in sorted(root.glob("*/Cargo.toml")):
        name = manifest.parent.name
        if name == "warm":
            continue
        if name not in ORDER:
            faults.append(f"{name}: not in the order of layers (scripts/layers.py)")
            continue
        family = "functions" if name.startswith("functions-") else name
        wanted = tomllib.loads(manifest.read_text()).get("dependencies", {})
        for dependency in wanted:
            if dependency.startswith("vonk-"):
                other = dependency.removeprefix("vonk-")
                if other == "warm":
                    continue
                if ORDER.index(other) >= ORDER.index(name):
                    faults.append(f"{name} depends on {other}, which is a later layer")
            elif dependency in FORBIDDEN.get(family, []):
                faults.append(f"{name} depends on {dependency}, which its layer may not know")
    for fault in faults:
        print(f"layers: {fault}", file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
