# `make test` needs Rust, Go 1.26 and a C linker, and finds or builds everything else.

CONTROL_PLANE = tests/control-plane/build.sh

.PHONY: build test lint deny bench docs image-check

build:
	cargo build --release --locked

# Unit, property, rule, corpus and message tests, and the product against a real API server. The control plane is built once
# and kept outside the checkout; KUBEBUILDER_ASSETS names one that is there already.
test:
	assets=$$($(CONTROL_PLANE)) && KUBEBUILDER_ASSETS=$$assets cargo test --locked

lint:
	cargo fmt --check
	cargo clippy --locked --all-targets -- -D warnings

deny:
	command -v cargo-deny >/dev/null || cargo install --locked cargo-deny@0.20.2
	cargo deny --locked check bans licenses sources

# One table of ratios measured in one run, and JSON beside it in target/bench.
bench:
	cargo bench --locked --bench verdict
	assets=$$($(CONTROL_PLANE)) && KUBEBUILDER_ASSETS=$$assets cargo test --locked --release --test api_server \
		a_write_costs_this_much_more -- --ignored --nocapture

# Writes the rule pages and the message snapshots anew.
docs:
	UPDATE_DOCS=1 cargo test --locked --test rules

# The program of the image, static and with the list of its crates, and what can be checked of it without a container engine.
image-check:
	command -v cargo-auditable >/dev/null || cargo install --locked cargo-auditable
	tests/image/check.sh "$$(tests/image/build.sh)"
