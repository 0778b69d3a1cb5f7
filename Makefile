# The two commands of a newcomer are `make run` and `make test`; each does its own set-up.
.PHONY: run test lint release wheel oracle doctests bench oracle-validate scores

run:             ## build and run the example on real data
	scripts/run.sh
test:            ## all tests, end-to-end ones included
	scripts/test.sh
lint:            ## rustfmt, clippy, layering
	scripts/lint.sh
release:         ## target/release/vonk
	scripts/setup.sh build && cargo build --release --locked -p vonk-cli -p vonk-warm
wheel:           ## dist/vonk-*.whl
	scripts/wheel.sh
oracle:          ## the recorded Spark cases of ../shared/oracle
	scripts/scores.sh oracle
doctests:        ## PySpark's own doctests (../shared/conformance)
	scripts/scores.sh doctests
scores:          ## oracle and doctests against tests/scores.toml
	scripts/scores.sh check
bench:           ## TPC-H beside Spark and DuckDB (../shared/bench)
	scripts/bench.sh
oracle-validate: ## replays our own expected results on real Spark
	scripts/oracle_validate.sh
