# make install        .venv with everything that the pack and its tests need; every other target does this first
# make demo           the whole edit in a real ComfyUI; files in output/demo/
# make demo-film      a film with sound and a part of it dragged, without a model; files in output/demo_film/
# make comfyui        the same server, kept open for a person (PORT=8188 chooses the port)
# make check          format, lint and types, in seconds
# make test-fast      the core's and the page's tests, without ComfyUI; two minutes
# make test           every test, against a real ComfyUI and a real browser
# make bench-quality  edits beside true edits; tables and pictures in output/bench/
# make bench-film     edits of filmed clips beside true edits, without a model; output/bench/film.json and film.png
# make bench-holes    what fills the ground that came free, and whether the model does it better; output/bench/holes.json and holes.png
# make bench-speed    seconds and memory beside the per-frame loop; output/bench/speed.json
# make bench-scale    one edit by 1, 2 and more processes, and what travels between them; output/bench/scale.json
# make bench-footage  how well points are followed on filmed clips; output/bench/footage.json

# Threads that wait sleep. By default they spin, and beside one busy process two threads on two cores then wait for one another.
export OMP_WAIT_POLICY ?= passive

SHELL := /bin/bash
PYTHON ?= python3
PIP := .venv/bin/pip install -q --disable-pip-version-check
HOST := cd tests && exec ../.venv/bin/python -m host

.PHONY: install chromium check demo demo-film test test-fast comfyui bench-quality bench-film bench-holes bench-speed bench-scale bench-footage
.DELETE_ON_ERROR:

install: .venv/installed
	@.venv/bin/python tests/host/source.py > .venv/comfyui-wanted.txt
	@cmp -s .venv/comfyui-wanted.txt .venv/comfyui-installed.txt || { \
		echo "installing what ComfyUI needs ..." && $(PIP) -r .venv/comfyui-wanted.txt && \
		cp .venv/comfyui-wanted.txt .venv/comfyui-installed.txt; }

.venv/installed: requirements.txt tests/requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10) and "Python 3.10 or newer is needed: got %s. Set PYTHON=..." % sys.version)'
	@test -x .venv/bin/pip || $(PYTHON) -m venv .venv || { \
		echo "no virtual environment could be made: on Debian, apt-get install python3-venv" >&2; exit 1; }
	@echo "installing torch, the pack's and the tests' requirements into .venv (several minutes the first time) ..."
	@$(PIP) torch torchvision
	@$(PIP) -r requirements.txt -r tests/requirements.txt
	@touch $@

# The lint tools have needs of their own, so they get an environment of their own.
.cache/lint/installed: tests/lint/requirements.txt
	@mkdir -p .cache
	@test -x .cache/lint/bin/pip || $(PYTHON) -m venv .cache/lint
	@echo "installing the lint tools into .cache/lint ..."
	@.cache/lint/bin/pip install -q --disable-pip-version-check -r $<
	@touch $@

chromium:
	@if command -v chromium chromium-browser google-chrome google-chrome-stable > /dev/null; then :; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get > /dev/null; then \
		echo "installing Debian's chromium ..." && apt-get -qq update && \
		DEBIAN_FRONTEND=noninteractive apt-get -qq -y install --no-install-recommends chromium fonts-dejavu-core > /dev/null; \
	else echo "no Chromium here and no right to install it: the browser tests will be skipped"; fi

demo: install
	@$(HOST) demo

demo-film: install
	@cd tests && PYTHONPATH=.. exec ../.venv/bin/python -m host demo_film

comfyui: install
	@$(HOST) serve

bench-quality: install
	@cd tests && PYTHONPATH=.. exec ../.venv/bin/python -m bench.quality $(ARGS)

bench-film: install
	@cd tests && PYTHONPATH=.. exec ../.venv/bin/python -m bench.film $(ARGS)

bench-holes: install
	@cd tests && PYTHONPATH=.. exec ../.venv/bin/python -m bench.holes $(ARGS)

bench-speed: install
	@cd tests && PYTHONPATH=.. exec ../.venv/bin/python -m bench.speed

bench-scale: install
	@cd tests && PYTHONPATH=.. exec ../.venv/bin/python -m bench.scale

bench-footage: install
	@cd tests && PYTHONPATH=.. exec ../.venv/bin/python -m bench.footage $(ARGS)

check: install
	@.venv/bin/ruff format --check -q . || { echo "run: .venv/bin/ruff format ." >&2; exit 1; }
	@.venv/bin/ruff check -q .
	@.venv/bin/mypy --no-error-summary

test-fast: install
	@.venv/bin/python -m pytest -q -n 2 --dist worksteal -m "not slow" tests/core tests/js

# Files in this order, the long ones first. Much of their time pages and servers are waited for: three processes keep two cores busy.
HOST_TESTS := tests/lint tests/host tests/nodes tests/sd15

test: check chromium .cache/lint/installed
	@.venv/bin/python -m pytest -r fEs --durations=15 -n 2 --dist worksteal tests/core tests/js tests/fuzz tests/bench
	@.venv/bin/python -m pytest -r fEs --durations=15 -n 3 --dist loadfile --no-loadscope-reorder $(HOST_TESTS)
