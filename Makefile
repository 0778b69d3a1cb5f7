# The two commands of a newcomer are `make run` and `make test`; each does its own set-up.
.PHONY: help run test lint release wheel oracle doctests scores fuzz bench bench-small bench-udf bench-tpcds oracle-validate status

help:            ## this list
	@sed -n 's/^\([a-z-]*\): *## */\1\t/p' Makefile | expand -t 18
run:             ## build and run the example on real data
	scripts/run.sh
test:            ## all tests, the end-to-end ones included
	scripts/test.sh
lint:            ## rustfmt, clippy, layers
	scripts/lint.sh
release:         ## target/release/vonk
	scripts/setup.sh build && cargo build --release --locked -p vonk-cli
wheel:           ## dist/vonk-*.whl
	scripts/wheel.sh
oracle:          ## the recorded Spark cases of ../shared/oracle
	scripts/scores.sh oracle
doctests:        ## PySpark's own doctests (../shared/conformance)
	scripts/scores.sh doctests
scores:          ## both, against the floors in tests/scores.toml
	scripts/scores.sh check
fuzz:            ## random queries, Vonk against Spark and against itself
	scripts/fuzz.sh
bench-small:     ## the start of a server and the round trip of small queries
	scripts/bench_small.sh
bench:           ## TPC-H beside Spark and DuckDB (../shared/bench)
	scripts/bench.sh
bench-tpcds:     ## TPC-DS beside Spark
	scripts/bench_tpcds.sh
bench-udf:       ## Python functions beside Spark and Sail
	scripts/bench_udf.sh
oracle-validate: ## our own expected results, replayed on real Spark
	scripts/oracle_validate.sh
status:          ## the tables of docs/STATUS.md, asked of the binary
	scripts/status.sh
