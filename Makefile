# Short names, nothing else: each command works without make.

.PHONY: help test race integration lint bench

help: ## list the names
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' Makefile

test: ## all tests; those that need a ZooKeeper are skipped where there is none
	go test ./...

race: ## the same under the race detector, which needs a C compiler
	go test -race ./...

integration: ## all tests on a real ZooKeeper: where there is none, they fail
	ZKKIT_REQUIRE=local go test -count=1 ./...

lint: ## vet, and golangci-lint v2 with .golangci.yml
	go vet ./...
	golangci-lint run

bench: ## the lock against go-zookeeper's own and against the bare znode operations
	go run ./cmd/zkctl bench lock
