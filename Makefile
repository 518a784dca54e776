.DEFAULT_GOAL := help
.PHONY: help run pages demo test test-cluster test-interop test-web test-k8s test-ops services-up services-down lint fmt proto audit doc \
	bench bench-cluster chaos images readme-k8s tools clean-data

# The pinned tools come first; without them, test falls back to what Rust brings.
export PATH := $(CURDIR)/.tools/bin:$(PATH)

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: pages ## Run all services in one process (ARGS="--help" for its options)
	cargo run --release -p suite -- run $$(test ! -f services/bff/web/dist/index.html || echo --web services/bff/web/dist) $(ARGS)

pages: ## Build the web Messenger's pages (with Node 20.19 or newer)
	@services/bff/web/build

demo: ## Fill a workspace and walk through it
	cargo run --release -p suite -- demo $(ARGS)

bench: ## Load the services and print their latencies
	cargo run --release -p suite -- bench $(ARGS)

bench-cluster: ## Load two replicas of everything on Postgres (about 20 minutes; NATS too where nats-server is installed)
	cargo run --release -p suite -- bench-cluster $$(command -v nats-server > /dev/null && echo "--nats $$(command -v nats-server)") $(ARGS)

chaos: ## Kill, stop and restart everything at random for half an hour (ARGS="--seeds 2")
	cargo run --release -p suite -- chaos $(or $(ARGS),--seeds 50)

test: ## Run every test (with nextest if it is there)
	cargo test --workspace --locked --doc --quiet
	cargo $$(command -v cargo-nextest > /dev/null && echo nextest run || echo test) --workspace --locked --lib --test '*'
	@test -n "$$TEST_POSTGRES_URL" || echo '*** On SQLite alone: nothing was tested on Postgres. make test-cluster does that. ***'
	@test -n "$$TEST_NATS_URL$$NATS_SERVER" || command -v nats-server > /dev/null || echo '*** Without nats-server: no test with NATS JetStream ran. ***'

test-cluster: ## Run every test on Postgres (and NATS, if it is there)
	@bash .ci/services test

test-interop: ## Run the official Connect and gRPC clients against a running suite (needs Node 20 and Python 3)
	@services/bff/interop/run

test-web: ## Test the web Messenger, in a real Chromium too (needs Node 20.19 and Chromium)
	@services/bff/web/test

test-k8s: ## Check the Kubernetes chart (and the programs with it, if they are built)
	@bash k8s/tests/run

test-ops: ## Restart, kill, drain, upgrade, restore and rotate the real programs under load (needs Python 3.11, openssl and Postgres)
	@bash k8s/ops/run

readme-k8s: ## Write the table of values in the chart's README anew
	@bash k8s/tests/tools
	node .tools/k8s/node/node_modules/.bin/readme-generator --values k8s/chart/values.yaml --readme k8s/chart/README.md

images: ## Build the images, where a container engine is at hand (ARGS=tag)
	@bash k8s/images $(ARGS)

services-up: ## Start a throw-away Postgres (and NATS) for tests
	@bash .ci/services up

services-down: ## End them and remove their data
	@bash .ci/services down

lint: ## Check formatting and lints
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings

fmt: tools ## Format Rust and proto files
	cargo fmt --all
	buf format --write

proto: tools ## Check the contract: lint, format, nothing broken since the last commit
	buf lint
	buf format --diff --exit-code
	buf breaking --against '.git#ref=HEAD'

audit: tools ## Check dependencies: licences, sources, bans, advisories
	cargo deny --locked check --hide-inclusion-graph bans licenses sources
	cargo audit $(ARGS)

doc: ## Build the documentation of our crates
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked

tools: ## Install the pinned tools into .tools/
	@bash .ci/tools

clean-data: ## Delete the local databases
	rm -rf .data
