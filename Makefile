# Everything sets itself up in .venv, which nobody has to activate. `make help` tells the targets.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
APT    := DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends -o DPkg::Lock::Timeout=300
# Programs that others have written, to test against, a compiler for the shim of tests/faults, and the packages with them.
PEERS  := kamailio sipp baresip cc
PEERS_PACKAGES := kamailio kamailio-tls-modules sip-tester baresip-core gcc libc6-dev
missing = $(strip $(foreach program,$(1),$(if $(shell PATH="$$PATH:/usr/sbin" command -v $(program) 2>/dev/null),,$(program))))
# The checkout in use is the one under test, whatever the shell around it had set.
unexport PYTHONPATH PYTHONHOME VIRTUAL_ENV
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_ROOT_USER_ACTION := ignore

.PHONY: help demo test wire soak fuzz hours check bench floods docs wheel pins clean
.DELETE_ON_ERROR:

help:
	@echo 'make demo [FILE=path | SIZE=64M]   push a real file between two real daemons on loopback'
	@echo 'make test                          every test'
	@echo 'make wire [KEEP=1] [ONLY=TEST]     real daemons and peers, captured, decrypted, judged by Wireshark'
	@echo 'make fuzz [INPUTS=100000 SEED=1]   hostile bytes for every parser, what an octet costs, and real daemons under attack'
	@echo 'make soak [SEEDS=0-4999 EVERY=5 SOAK=300]  thousands of simulated worlds where everything goes wrong, each fault at'
	@echo '                                   every so many steps of a push, seconds of two real daemons that are killed,'
	@echo '                                   stopped, and lied to by their disk; and a start with 100,000 pushes in the queue'
	@echo 'make hours [SECONDS=7200]          good load with some hostile bytes in it: whether memory and open files grow'
	@echo 'make check                         ruff, mypy --strict, the import rules, advisories about what is pinned'
	@echo 'make bench [ONLY="framer sip"]     the benchmarks; writes benchmarks/results/latest.md and .json'
	@echo 'make floods [SECONDS=20]           what a good client notices of floods; writes benchmarks/results/floods.md'
	@echo 'make floods GOALS=1 [SECONDS=600]  the same, of SECURITY G10 and G11, and whether they are met'
	@echo 'make docs                          the documentation, into build/docs'
	@echo 'make wheel                         a wheel, built twice and compared, into build/wheel'
	@echo 'make pins                          constraints.txt and docs/licences.md anew, with the newest versions there are'
	@echo 'make clean                         removes what the other targets made'

demo: $(VENV)/.has-test
	@$(BIN)/pushctl lab --demo --directory var/demo $(if $(SIZE),--size '$(SIZE)') $(if $(FILE),-- '$(FILE)')

test: $(VENV)/.has-test $(VENV)/.has-peers
	@$(BIN)/python -m tests

wire: $(VENV)/.has-test $(VENV)/.has-peers $(VENV)/.has-wire
	@$(BIN)/python -m tests.capture $(if $(KEEP),--keep) $(ONLY)

soak: $(VENV)/.has-test $(VENV)/.has-peers
	@$(BIN)/python -m tests.soak --seeds $(or $(SEEDS),0-4999)
	@$(BIN)/python -m tests.soak.steps --every $(or $(EVERY),5)
	@$(BIN)/python -m tests.faults --seconds $(or $(SOAK),300)
	@$(BIN)/python -m tests.faults.long_queue

# By chance, then by coverage where there is an atheris for this Python, then long inputs, then real daemons.
fuzz: $(VENV)/.has-test
	@$(BIN)/python -m tests.fuzz --inputs $(or $(INPUTS),100000) --seed $(or $(SEED),1)
	@if $(MAKE) --no-print-directory $(VENV)/.has-fuzz; then $(BIN)/python -m tests.fuzz --guided --inputs $(or $(INPUTS),100000) --seed $(or $(SEED),1); else echo 'no atheris for this Python: nothing was chosen by coverage'; fi
	@$(BIN)/python -m tests.fuzz.growth
	@$(BIN)/python -m tests.fuzz.live --sip $(or $(INPUTS),100000) --seed $(or $(SEED),1) --seeds 10

hours: $(VENV)/.has-test
	@$(BIN)/python -m tests.fuzz.live.hours --seconds $(or $(SECONDS),7200) --seed $(or $(SEED),1)

check: $(VENV)/.has-check
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	@$(BIN)/python -m tests tests.test_architecture tests.test_packaging
	@if $(MAKE) --no-print-directory $(VENV)/.has-audit; then $(BIN)/python -m tests.supply.advisories; else echo 'advisories: NOT CHECKED: pip-audit cannot be installed here'; fi

bench: $(VENV)/.has-test $(VENV)/.has-measured
	@$(BIN)/python -m benchmarks $(ONLY)

floods: $(VENV)/.has-test
	@$(BIN)/python -m benchmarks.floods $(if $(SECONDS),--seconds $(SECONDS)) $(if $(ONLY),--only '$(ONLY)') $(if $(GOALS),--goals)

docs: $(VENV)/.has-test $(VENV)/.has-docs
	$(BIN)/python -m tests.conformance
	$(BIN)/python -m benchmarks.report
	$(BIN)/sphinx-build --quiet --fail-on-warning --keep-going -d build/doctrees docs build/docs
	$(BIN)/pydoctor --quiet --warnings-as-errors

wheel: $(VENV)/.has-test
	@$(BIN)/python -m tests.supply.wheel build/wheel

pins: $(VENV)/.has-test
	@$(BIN)/python -m tests.supply.pins
	@$(MAKE) --no-print-directory $(foreach extra,test check audit docs fuzz,$(VENV)/.has-$(extra))
	@$(BIN)/python -m tests.supply.licences

clean:
	rm -rf $(VENV) build var _trial_temp* .mypy_cache .ruff_cache .hypothesis pushsvc.egg-info twisted/plugins/dropin.cache

# One stamp for each set of extras; made again when the metadata changes.
$(VENV)/.has-%: setup.cfg pyproject.toml constraints.txt | $(BIN)/pip
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[$*]' --config-settings editable_mode=compat
	@touch $@

# What is missing is installed where it can be had, also when it was there before: a test that misses a program is
# skipped, which CI does not accept.
install = if test "$$(id -u)" = 0 && command -v apt-get >/dev/null; then $(APT) update && $(APT) install $(1); \
	else echo 'not installed: $(2)' >&2; fi

$(VENV)/.has-peers: $(if $(call missing,$(PEERS)),again) | $(BIN)/pip
	@$(if $(call missing,$(PEERS)),$(call install,$(PEERS_PACKAGES),$(call missing,$(PEERS))))
	@touch $@

$(VENV)/.has-wire: $(if $(call missing,tshark),again) | $(BIN)/pip
	@$(if $(call missing,tshark),$(call install,tshark,tshark))
	@touch $@

# What others reach is measured beside us, where it can be had.
$(VENV)/.has-measured: | $(BIN)/pip
	@$(MAKE) --no-print-directory $(VENV)/.has-bench || echo 'without sippy and aiosipua' >&2
	@$(if $(call missing,nginx curl openssl),$(call install,nginx-light curl openssl,$(call missing,nginx curl openssl)))
	@touch $@

.PHONY: again

# Debian ships Python without the part of venv that brings pip: where that is missing and we may, it is installed.
$(BIN)/pip:
	@$(PYTHON) -c 'import sys; sys.exit("pushsvc needs Python 3.11 or newer, this is " + sys.version.split()[0] if sys.version_info < (3, 11) else 0)'
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || $(MAKE) --no-print-directory python3-venv
	$(PYTHON) -m venv --clear $(VENV)

.PHONY: python3-venv
python3-venv:
	@test "$$(id -u)" = 0 && command -v apt-get >/dev/null || { echo 'Python lacks venv: install it first (Debian: apt-get install python3-venv)' >&2; exit 1; }
	$(APT) update
	$(APT) install python3-venv
