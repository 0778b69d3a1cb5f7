#!/usr/bin/env python3
"""Checks ARCHITECTURE.md's layering against the manifests: who may depend on whom.

A crate may depend only on crates listed before it, and on none of its forbidden libraries.
"""
import pathlib
import sys
import tomllib

ORDER = [
    "common", "plan", "sql", "expr",
    "functions-math", "functions-string", "functions-datetime", "functions-collection", "functions-aggregate",
    "functions", "catalog", "analyzer", "engine", "ml", "connect", "cli",
]
FORBIDDEN = {
    "common": ["arrow", "datafusion", "tonic", "prost"],
    "plan": ["arrow", "datafusion", "tonic", "prost", "object_store"],
    "sql": ["arrow", "datafusion", "tonic", "prost", "object_store"],
    "expr": ["tonic", "prost", "apache-spark-connect-proto"],
    "analyzer": ["tonic", "prost", "apache-spark-connect-proto"],
    "engine": ["tonic", "apache-spark-connect-proto"],
    "ml": ["tonic", "apache-spark-connect-proto"],
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
        wanted = tomllib.loads(manifest.read_text()).get("dependencies", {})
        for dependency in wanted:
            if dependency.startswith("vonk-"):
                other = dependency.removeprefix("vonk-")
                if ORDER.index(other) >= ORDER.index(name):
                    faults.append(f"{name} depends on {other}, which is a later layer")
            elif dependency in FORBIDDEN.get(name, []):
                faults.append(f"{name} depends on {dependency}, which its layer may not know")
    for fault in faults:
        print(f"layers: {fault}", file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
