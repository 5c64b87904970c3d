# Short names for what a person does here. Everything works on a machine with Node 20 alone: the rest is installed.
SHELL := /bin/bash
NODE_MODULES := node_modules/.package-lock.json
BUILT := dist/.built
SOURCES := $(shell find schemas ingest chainer validator projector infra -name '*.ts' -not -name '*.test.ts' 2>/dev/null)

.PHONY: help demo up down status test test-full test-unit bench bench-replay bench-storage bench-questions bench-export chaos healing-table schedules fuzz lint typecheck run-tests build clean

help:
	@echo 'make demo       everything once, from nothing: services, 200 households, tables, a plot, an audit, a proof'
	@echo 'make up         starts everything on this machine; make down stops it; make status shows it'
	@echo 'make test       all tests, from nothing, with coverage; make test-unit those without services'
	@echo 'make test-full  those too that take minutes: every fault of the repair table, end to end'
	@echo 'make bench      what a reading costs, beside what a bare signature check costs'
	@echo 'make bench-replay  all tables from the logs, beside bare COPY and bare signature checks'
	@echo 'make bench-storage what an interval takes on disk'
	@echo 'make bench-questions  what each question of docs/questions.md takes on a year of 1,000 meters'
	@echo 'make bench-export  a year of 1,000 meters exported to Parquet and CSV, and read again by DuckDB'
	@echo 'make chaos      one fault after the other on four authorities under load: DURATION=600 (seconds), SEED=…'
	@echo 'make schedules  random schedules of a lane with false authorities, restarts and lost records: SCHEDULES=1000 of each kind'
	@echo 'make fuzz       Schemathesis asks the query API whatever its OpenAPI document says: FUZZ_SECONDS=60, SEED=…; needs Python'
	@echo 'make lint       format, lint, import rules'

$(NODE_MODULES): package.json package-lock.json
	npm ci --no-audit --no-fund
	@touch $@

$(BUILT): $(NODE_MODULES) $(SOURCES) tsconfig.json infra/tsconfig.build.json
	npm run -s build
	@touch $@

build: $(BUILT)

demo up down status: $(BUILT)
	@node --enable-source-maps dist/infra/cli/main.js $@

bench: $(BUILT)
	@node --enable-source-maps dist/infra/bench/main.js $(BENCH_ARGS)

bench-replay: $(BUILT)
	@node --enable-source-maps dist/infra/bench/replay-main.js $(BENCH_ARGS)

bench-storage: $(BUILT)
	@node --enable-source-maps dist/infra/bench/storage-main.js $(BENCH_ARGS)

bench-questions: $(BUILT)
	@node --enable-source-maps dist/infra/bench/questions-main.js $(BENCH_ARGS)

bench-export: $(BUILT)
	@node --enable-source-maps dist/infra/bench/export-main.js $(BENCH_ARGS)

DURATION ?= 600
ROUNDS ?= 3
chaos: $(BUILT)
	@node --enable-source-maps dist/infra/chaos/main.js --duration $(DURATION) $(if $(SEED),--seed $(SEED)) --table

# the table of ARCHITECTURE.md: each fault ROUNDS times
healing-table: $(BUILT)
	@node --enable-source-maps dist/infra/chaos/main.js --duration 0 --rounds $(ROUNDS) $(if $(SEED),--seed $(SEED)) --table

SCHEDULES ?= 1000
schedules: $(NODE_MODULES)
	@LANE_SCHEDULES=$(SCHEDULES) npm run -s jest -- infra/testing/lane-schedule

FUZZ_SECONDS ?= 60
fuzz: $(BUILT)
	@SECONDS_TO_FUZZ=$(FUZZ_SECONDS) SEED=$(SEED) node infra/testing/fuzz.mjs

# side by side: much of the tests' time goes by while they wait, and one core alone checks the types
test: $(BUILT)
	@$(MAKE) -s -j3 lint typecheck run-tests

run-tests: $(BUILT)
	@npm run -s test

test-full: $(BUILT)
	@METERCHAIN_TEST_FULL=true npm run -s test

test-unit: $(NODE_MODULES)
	@npm run -s test:unit

lint: $(NODE_MODULES)
	@npm run -s lint

typecheck: $(NODE_MODULES)
	@npm run -s typecheck

clean:
	rm -rf dist coverage
