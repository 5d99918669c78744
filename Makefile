# The two commands a new user needs are `make quickstart` and `make test`; `make help` lists the rest.
# Nothing has to be installed by hand beyond Rust, Python 3, a C++ compiler and make.

SHELL := /bin/bash
RELEASE := target/release

.PHONY: help setup build quickstart test soak parity lint deny fmt unit snapshots sqlx bench fuzz gpu-bundle

help: ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

setup: ## install the pinned libtorch and ONNX Runtime into the checkout
	@scripts/setup-libtorch.sh

build: setup ## build `sweep` and `sweep-runner` in release mode
	cargo build --release --locked -p sweep -p sweep-engine --bins

quickstart: build ## train, distil, prune and quantize a small network, and print the table
	$(RELEASE)/sweep local examples/quickstart.yaml

test: setup lint unit ## formatting, clippy and every test

# A failure tells its seed and the command that repeats it.
soak: setup ## hours of faults: SWEEP_SEEDS (100000) simulated, SWEEP_MODEL_CASES (20000) histories, SWEEP_ROUNDS (500) of kill -9
	cargo build --workspace --bins --locked
	SWEEP_SEEDS=$${SWEEP_SEEDS:-100000} SWEEP_FIRST_SEED=$${SWEEP_FIRST_SEED:-1000} \
		cargo test --workspace --locked --test simulation -- --nocapture seeds::seeds --exact
	SWEEP_MODEL_CASES=$${SWEEP_MODEL_CASES:-20000} cargo test --locked -p sweep-coordinator --lib -- --nocapture tests::model
	SWEEP_ROUNDS=$${SWEEP_ROUNDS:-500} SWEEP_SEED=$${SWEEP_SEED:-1000} \
		cargo test --workspace --locked --test chaos -- --nocapture whatever

# Some networks only: make parity NETWORKS="resnet18 vit_b_16"
parity: setup ## compare every network with torchvision, number by number, and fill the table of docs/zoo.md
	@scripts/setup-parity.sh
	cargo build --locked -p sweep-engine --example parity
	PYTHONPATH=.parity/packages .python/bin/python scripts/parity check target/debug/examples/parity $(NETWORKS)

lint: setup
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings

deny: ## check the dependencies: licences, sources, known vulnerabilities (installs cargo-deny once)
	@scripts/deny.sh

# A test program that hangs (20 minutes; the slowest takes about five) fails and says its name. One that fails does not keep the
# others from running: a run tells all that is wrong.
unit: setup
	@scripts/setup-python.sh
	@scripts/need-network.sh
	@scripts/need-browser.sh
	@scripts/need-mail.sh
	@scripts/need-deploy.sh
	@scripts/need-slurm.sh
	@scripts/need-s3.sh
	cargo build --workspace --bins --locked
	cargo test --workspace --locked --no-fail-fast --config 'target."cfg(all())".runner = ["$(CURDIR)/scripts/bounded.py", "1200"]'

snapshots: setup ## write docs/cli.md and the texts that tests compare anew (then look at what git says has changed)
	SWEEP_SNAPSHOTS=write cargo test --workspace --locked --bin sweep --test messages

fmt: ## format the code
	cargo fmt --all

sqlx: setup ## regenerate .sqlx after a query or a migration changed
	scripts/sqlx-prepare.sh

bench: build ## measure (see bench/README.md)
	bench/run.sh

fuzz: ## look for files that the readers stumble over (see fuzz/README.md)
	scripts/fuzz.sh

# On images of your own: make gpu-bundle IMAGES=~/data/cifar10-jpeg
gpu-bundle: setup ## pack programs, tests, a plan and images for a machine with a GPU (under 60 MB)
	@IMAGES="$(IMAGES)" scripts/gpu-bundle.sh
