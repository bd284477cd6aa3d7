# Every target sets itself up: make demo | make test | make check | make docs | make peers | make bench DATA=folder
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export HF_HUB_OFFLINE := 1
export TOKENIZERS_PARALLELISM := false
export NO_MKDOCS_2_WARNING := 1
# Where it is set, each of the programs that the tests start compiles all of this again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo picture test check lint types tests docs kernels peers bench format clean

demo: $(VENV)/.installed
	$(BIN)/python examples/demo.py

# docs/demo.svg, what the demo shows for two of its questions.
picture: $(VENV)/.installed
	mkdir -p docs
	$(BIN)/python examples/demo.py --picture docs/demo.svg

test: check

# What needs one processor goes two at a time: make lint | make docs | make kernels. Types are checked beside the
# tests, some of which wait for something.
check: $(VENV)/.installed
	$(MAKE) --jobs 2 lint docs kernels
	$(MAKE) --jobs 2 types tests

tests: $(VENV)/.installed
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist worksteal

lint: $(VENV)/.installed
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports

types: $(VENV)/.installed
	$(BIN)/mypy

# Compiled once, so that no test waits for it and no two do it at the same time.
kernels: $(VENV)/.installed
	$(BIN)/python -c "from nuonuo import kernels; kernels.use('numba')"

# The site of docs/, in site/. A link, a name or an anchor that leads nowhere is an error; --quiet would hide it.
docs: $(VENV)/.installed
	$(BIN)/mkdocs build --strict

# The frameworks' own tests with ours in the place of theirs. It asks the package index for their source packages,
# which stay in .peers/, and for what their tests import; the result is written to benchmarks/.
peers: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet -c constraints.txt --group peers
	$(BIN)/python -m peers --write

# DATA holds the benchmark files named in docs/benchmarks.md; results are written to benchmarks/.
bench: $(VENV)/.installed
	@test -n "$(DATA)" || { echo "make bench needs the data: make bench DATA=path/to/folder"; exit 2; }
	$(BIN)/nuonuo bench all --data $(DATA) --out benchmarks

format: $(VENV)/.installed
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:
	rm -rf $(VENV) site .peers .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis

# Dependency groups need pip >= 25.1. torch goes first, so that nothing later picks another build.
$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	$(BIN)/python -m pip install --quiet -c constraints.txt torch
	$(BIN)/python -m pip install --quiet -c constraints.txt -e ".[all]" --group dev
	touch $@
