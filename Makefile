# Two targets for everybody: `make run` and `make test`. The rest is for those
# who work on Postern.

# Arguments of `postern dev`, as in: make run ARGS='--listen 127.0.0.1:5433'
ARGS =
# How long each fuzz target runs, and how long all tests of a package may take.
FUZZTIME = 10s
# Arguments of the benchmark, as in: make bench BENCH='-quick -scenario select'
BENCH =
TIMEOUT  = 10m

# The race detector needs a C compiler and its headers.
RACE = $$(echo '\#include <stdlib.h>' | $$(go env CC) -E - >/dev/null 2>&1 && echo -race)

.DEFAULT_GOAL := build
.PHONY: build run test check fuzz bench bench-wake

## build: bin/postern, static, with no path of this machine in it
build:
	CGO_ENABLED=0 go build -trimpath -o bin/postern ./cmd/postern

## run: install PostgreSQL if there is none, build, run everything on this machine
run:
	scripts/setup run
	$(MAKE) build
	bin/postern dev $(ARGS)

## test: install what the tests need, then check
test:
	scripts/setup test
	$(MAKE) check

## check: format, vet, staticcheck and every test, with what is installed
check:
	@unformatted=$$(gofmt -l .); test -z "$$unformatted" || { echo "gofmt wants to change:"; echo "$$unformatted"; exit 1; }
	go vet ./...
	go tool staticcheck ./...
	@test -n "$(RACE)" || echo "make: no C compiler with libc's headers: the tests run without the race detector"
	go test $(RACE) -count=1 -timeout=$(TIMEOUT) ./...
	POSTERN_TEST_ENGINE=goroutine go test $(RACE) -count=1 -timeout=$(TIMEOUT) -run=Transcripts ./proxy

## bench: every figure beside PgBouncer's (half an hour or more)
bench:
	go run ./bench proxy $(BENCH)

## bench-wake: what waking, sleeping and idling cost (a quarter of an hour, 4 GB of disk)
bench-wake:
	go run ./bench wake -svg bench-wake.svg $(BENCH)

## fuzz: every fuzz target for FUZZTIME
fuzz:
	@grep -rHo --include='*_test.go' '^func Fuzz[A-Za-z0-9_]*' . | sort | while IFS=: read -r file target; do \
		target=$${target#func }; \
		echo "$$(dirname "$$file") $$target"; \
		go test -run='^$$' -fuzz="^$$target\$$" -fuzztime=$(FUZZTIME) "$$(dirname "$$file")" || exit 1; \
	done
