# `make test` needs Rust, Go 1.26, a C linker and valgrind, and finds or builds everything else.

CONTROL_PLANE = tests/control-plane/build.sh
CLIENTS = tests/clients/build.sh
ORIGINALS = tests/originals/build.sh
PEERS = benches/peers/build.sh

.PHONY: build test instructions instructions-record lint deny advisories bench bench-peers bench-serving fuzz docs docs-gitops browser-test image-check

build:
	cargo build --release --locked

# Unit, property, rule, corpus and message tests, our parsers against the Go originals, and the product against a real API server.
# The control plane, the GitOps clients and the originals are built once and kept outside the checkout; KUBEBUILDER_ASSETS,
# GITOPS_CLIENTS and GO_ORIGINALS name some that are there already.
test:
	assets=$$($(CONTROL_PLANE)) && clients=$$($(CLIENTS)) && originals=$$($(ORIGINALS)) && \
		KUBEBUILDER_ASSETS=$$assets GITOPS_CLIENTS=$$clients GO_ORIGINALS=$$originals cargo test --locked
	$(MAKE) instructions

# The instructions of parsing, a verdict and its message, beside those recorded in benches/instructions.toml.
instructions:
	cargo bench --locked --profile instructions --bench instructions

# Records them anew.
instructions-record:
	UPDATE_INSTRUCTIONS=1 cargo bench --locked --profile instructions --bench instructions

# The audit's page in a real browser. It needs Debian's chromium, 300 MB that `make test` does without.
browser-test:
	command -v chromium >/dev/null || { echo "install chromium: apt-get install chromium" >&2; exit 1; }
	assets=$$($(CONTROL_PLANE)) && KUBEBUILDER_ASSETS=$$assets cargo test --locked --test api_server \
		a_browser_draws_the_broken_hop_in_red -- --ignored --nocapture

lint:
	cargo fmt --check
	cargo clippy --locked --all-targets -- -D warnings

deny:
	command -v cargo-deny >/dev/null || cargo install --locked cargo-deny@0.20.2
	cargo deny --locked check bans licenses sources

# Known advisories, of the fuzzers' crates too. Fetches the RustSec database, which not every network reaches: not part of the tests.
advisories:
	command -v cargo-deny >/dev/null || cargo install --locked cargo-deny@0.20.2
	cargo deny --locked check advisories
	cargo deny --locked --manifest-path fuzz/Cargo.toml --config deny.toml check advisories

# Tables of ratios, each measured in one run, and JSON beside them in target/bench.
bench: bench-peers bench-serving
	cargo bench --locked --bench verdict
	assets=$$($(CONTROL_PLANE)) && for rows in a_write_costs_this_much_more it_takes_this_much_memory_and_time; do \
		KUBEBUILDER_ASSETS=$$assets cargo test --locked --release --test api_server $$rows -- --ignored --nocapture || exit 1; \
	done

# The same for the running webhook beside one that allows everything.
bench-serving:
	cargo bench --locked --bench serving

# The same for `plumbline check` beside istioctl and Gatekeeper, which are built on first use (some 15 minutes of CPU time).
bench-peers:
	peers=$$($(PEERS)) && BENCH_PEERS=$$peers cargo bench --locked --bench peers

# Fuzzes each target for FUZZ_SECONDS, 60 by default. `make test` runs the committed corpora and some mutations of them.
fuzz:
	fuzz/run.sh

# Writes the rule pages and the message snapshots anew.
docs:
	UPDATE_DOCS=1 cargo test --locked --test rules

# Writes anew what docs/gitops.md says that the tools do and say.
docs-gitops:
	assets=$$($(CONTROL_PLANE)) && clients=$$($(CLIENTS)) && UPDATE_DOCS=1 KUBEBUILDER_ASSETS=$$assets GITOPS_CLIENTS=$$clients \
		cargo test --locked --test api_server the_page_says_what_the_tools_do

# The program of the image, static and with the list of its crates, and what can be checked of it without a container engine.
image-check:
	command -v cargo-auditable >/dev/null || cargo install --locked cargo-auditable
	tests/image/check.sh "$$(tests/image/build.sh)"
