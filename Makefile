# Needs only make and Python >= 3.11. Everything else is installed into .venv, from requirements.lock.
#   make figures            all figures of the default preset, into results/figures (of others into results/<preset>/figures)
#   make figures CONFIG=config/paper.yaml CORES=32 TARGETS=fig2
#   make test               the tests
#   make thorough-test      thousands of broken configurations, twenty random ones run to the end, and a quarter of an hour of kills,
#                           all of which the tests try fewer of
#   make slurm-test         the profiles for clusters, on a Slurm that it starts on this machine (as root, with slurm-wlm installed)
#   make report             figures, captions, scorecard and tables in one HTML file, results/report.html (REPORT=… for another)
#   make verify             fifty of the published runs, picked at random, made afresh and compared (RUNS=50 SEED=1 ALLOW=0)
#   make publish            tables, figures and ends of all runs of finished results, into docs/reproduction (TO=… for another folder)
#   make redraw             the published figures and scorecard once more, from the published tables: after an edit of a figure or claim
#   make grow MORE=10       ten more initialisations of each network of Figure 4 for the published tables, whose own runs stay (TO=…)
#   make repair             finds records, datasets and tables that are damaged, and makes them again
#   make bench              kernels and solvers beside their peers; data and pictures of some go to results/bench
#   make lint               ruff, the dependency rule, types, snakemake --lint
#   make docs               the documentation site, into site/; its links are checked
#   make datasets           every dataset of the preset, with checksums in SHA256SUMS beside them
#   make card               docs/card.md anew; RESULTS=results/paper takes checksums from the datasets there first
#   make findings           docs/findings.md anew, its numbers from the published tables
#   make command-line       docs/command-line.md anew, after an edit of an option or of these lines
#   make notebooks          the worked examples run anew, with their full sizes; the site shows what they print (a quarter of an hour)
#   make notebooks-environment   .venv-notebooks, in which the tests run them with small sizes
#   make gp-environment     .venv-gp with torch, which only the Gaussian-process datasets need (`make figures` does it too)
#   make peers-environment  .venv-peers with jax, diffrax and SUNDIALS, beside which `make bench` then measures kernels and flows
#   make lock               requirements.lock, requirements-docs.txt and requirements-notebooks.txt anew, from pyproject.toml (needs uv)
#   make clean              removes what the pipeline made, and the environments

CORES ?= all
CONFIG ?= config/config.yaml
TARGETS ?= all
REPORT ?= results/report.html
TO ?= docs/reproduction
FROM ?= docs/reproduction
RUNS ?= 50
SEED ?= 1
ALLOW ?= 0
MORE ?= 10
VENV := .venv
# The first of these that is new enough; set PYTHON=... for another.
PYTHON ?= $(firstword $(foreach p,python3.13 python3.12 python3.11 python3 python,$(shell \
            $(p) -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && echo $(p))))
RUN := PATH="$(CURDIR)/$(VENV)/bin:$$PATH" $(VENV)/bin/python
GP_VENV := .venv-gp
DOCS_VENV := .venv-docs
NOTEBOOKS_VENV := .venv-notebooks
PEERS_VENV := .venv-peers
# Targets that show runs on Gaussian processes, if the configuration asks for these.
OF_CHANNELS := all figures report_contents publish scorecard channels fig4 figB7 figB8 figB9 figB10 figB11 figS

.PHONY: figures report verify publish grow redraw test thorough-test slurm-test repair bench lint docs lock clean gp-environment notebooks notebooks-environment datasets card findings command-line peers-environment
figures: $(VENV)/requirements.lock
	@PYTHONPATH=workflow $(RUN) -m flatchannels.pipeline.config "$(CONFIG)"
	@test -z "$(filter $(OF_CHANNELS),$(TARGETS))" || \
	  ! PYTHONPATH=workflow $(RUN) -m flatchannels.pipeline.config "$(CONFIG)" | grep -q Gaussian || \
	  $(MAKE) --no-print-directory gp-environment || echo "make: all else is made without them" >&2
	$(RUN) -m snakemake --cores $(CORES) --configfile "$(CONFIG)" -- $(TARGETS)

test: $(VENV)/requirements.lock
	$(RUN) -m pytest

thorough-test: $(VENV)/requirements.lock
	$(RUN) -m pytest --hypothesis-profile thorough tests/pipeline tests/workflow/test_any_configuration.py
	PYTHONPATH=workflow $(RUN) tests/interruptions.py 900

slurm-test: $(VENV)/requirements.lock
	$(RUN) -m pytest -rs tests/slurm

report:
	@$(MAKE) --no-print-directory figures TARGETS=report_contents
	$(RUN) -m snakemake --configfile "$(CONFIG)" --report $(REPORT) --report-stylesheet workflow/report/report.css -- report_contents

publish:
	@$(MAKE) --no-print-directory figures TARGETS=publish
	PYTHONPATH=workflow $(RUN) -m flatchannels.pipeline.publication "$(CONFIG)" $(TO)
	@test $(TO) != docs/reproduction || test ! -f docs/card/make.py || $(MAKE) --no-print-directory card findings

grow: $(VENV)/requirements.lock
	@mkdir -p results
	PYTHONPATH=workflow $(RUN) -m flatchannels.pipeline.growth plan $(TO) results/more.yaml --more $(MORE)
	@$(MAKE) --no-print-directory figures CONFIG=results/more.yaml TARGETS="channels channel_updates routes ends jumps"
	PYTHONPATH=workflow $(RUN) -m flatchannels.pipeline.growth join $(TO) results/more.yaml
	@$(MAKE) --no-print-directory redraw

redraw: $(VENV)/requirements.lock
	$(RUN) -m snakemake --cores $(CORES) --config from_tables=$(TO) -- all
	PYTHONPATH=workflow $(RUN) -m flatchannels.pipeline.publication --redraw $(TO)
	@test $(TO) != docs/reproduction || test ! -f docs/card/make.py || $(MAKE) --no-print-directory card findings

verify: $(VENV)/requirements.lock
	@$(MAKE) --no-print-directory gp-environment || echo "make: the sample is of the other runs" >&2
	PYTHONPATH=workflow $(RUN) -m flatchannels.pipeline.verification $(FROM) --runs $(RUNS) --seed $(SEED) --allow $(ALLOW) --cores $(CORES)

# First what was damaged; then what depends on it, unless it came out the same.
repair: $(VENV)/requirements.lock
	@targets=$$(PYTHONPATH=workflow $(RUN) -m flatchannels.pipeline.repair "$(CONFIG)") || exit 1; \
	test -z "$$targets" || $(RUN) -m snakemake --cores $(CORES) --configfile "$(CONFIG)" -- $$targets
	$(RUN) -m snakemake --cores $(CORES) --configfile "$(CONFIG)" -- $(TARGETS)

bench: $(VENV)/requirements.lock
	@mkdir -p results/bench
	@for script in benchmarks/*.py; do echo "== $$script"; to=results/bench/$$(basename $$script .py); \
	  python=$(VENV)/bin/python files=; \
	  case $$script in */kernels.py|*/solvers.py) files="--json $$to.json --plot $$to.png";; esac; \
	  case $$script in */solvers.py) test ! -x $(PEERS_VENV)/bin/python || python=$(PEERS_VENV)/bin/python;; esac; \
	  PATH="$(CURDIR)/$(VENV)/bin:$$PATH" PYTHONPATH=workflow $$python $$script $$files || exit 1; done

lint: $(VENV)/requirements.lock
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	PYTHONPATH=workflow $(VENV)/bin/lint-imports --no-cache
	$(RUN) -m mypy
	$(RUN) -m snakemake --lint

lock:
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate \
	    --custom-compile-command "make lock" --extra dev --extra cluster pyproject.toml --output-file requirements.lock
	$(RUN) -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"]["docs"], sep="\n")' | \
	  uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate \
	    --custom-compile-command "make lock" - --output-file requirements-docs.txt
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate \
	    --custom-compile-command "make lock" --extra notebooks --constraint requirements.lock pyproject.toml \
	    --output-file requirements-notebooks.txt

# Reads the code without importing it, hence an environment of its own, without the packages of the pipeline.
docs: $(DOCS_VENV)/requirements-docs.txt
	NO_MKDOCS_2_WARNING=1 $(DOCS_VENV)/bin/python -m mkdocs build

gp-environment: $(GP_VENV)/requirements-gp.txt

datasets: $(VENV)/requirements.lock
	@! PYTHONPATH=workflow $(RUN) -m flatchannels.pipeline.config "$(CONFIG)" | grep -q Gaussian || \
	  $(MAKE) --no-print-directory gp-environment || echo "make: all else is made without them" >&2
	@targets=$$(PYTHONPATH=workflow $(RUN) -m flatchannels.pipeline.dataset_list "$(CONFIG)") || exit 1; \
	$(RUN) -m snakemake --cores $(CORES) --configfile "$(CONFIG)" -- $$targets
	@PYTHONPATH=workflow $(RUN) -m flatchannels.pipeline.dataset_list "$(CONFIG)" --checksums

card: $(VENV)/requirements.lock
	$(RUN) docs/card/make.py $(if $(RESULTS),--datasets $(RESULTS))

findings: $(VENV)/requirements.lock
	$(RUN) docs/findings/make.py

command-line: $(VENV)/requirements.lock
	$(RUN) docs/command_line.py

notebooks: notebooks-environment
	$(NOTEBOOKS_VENV)/bin/python docs/examples/execute.py

notebooks-environment: $(NOTEBOOKS_VENV)/requirements-notebooks.txt

peers-environment: $(PEERS_VENV)/requirements.txt

clean:
	rm -rf $(VENV) $(GP_VENV) $(DOCS_VENV) $(NOTEBOOKS_VENV) $(PEERS_VENV) .snakemake site
	find results -mindepth 1 ! -name README.md -delete

# The environment carries a copy of the lock that it was made from: it is remade when the lock's content changes.
$(VENV)/requirements.lock: requirements.lock
	@cmp -s $< $@ && touch $@ || { \
	  test -n "$(PYTHON)" || { echo "make: no Python >= 3.11 with venv found; install one, or name it: make PYTHON=/path/to/python3" >&2; exit 1; }; \
	  "$(PYTHON)" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' || { echo "make: $(PYTHON) is not a Python >= 3.11 with venv" >&2; exit 1; }; \
	  echo "Installing requirements.lock into $(VENV) ..."; \
	  "$(PYTHON)" -m venv --clear $(VENV) && \
	  $(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $< && \
	  cp $< $@; }

# Made by the interpreter of .venv, and remade when the content of requirements-gp.txt changes.
$(GP_VENV)/requirements-gp.txt: requirements-gp.txt | $(VENV)/requirements.lock
	@cmp -s $< $@ && touch $@ || { \
	  echo "Installing requirements-gp.txt into $(GP_VENV) ..."; \
	  { $(VENV)/bin/python -m venv --clear $(GP_VENV) && \
	    $(GP_VENV)/bin/python -m pip install --quiet --disable-pip-version-check -r $< && \
	    cp $< $@; } || { rm -rf $(GP_VENV); echo "make: no torch, so no Gaussian processes" >&2; exit 1; }; }

# Our package's environment, and the peers: libraries of flows call our kernels in their own process.
$(PEERS_VENV)/requirements.txt: benchmarks/peers/requirements.txt | $(VENV)/requirements.lock
	@cmp -s $< $@ && touch $@ || { \
	  echo "Installing $< into $(PEERS_VENV) ..."; \
	  $(VENV)/bin/python -m venv --clear $(PEERS_VENV) && \
	  $(PEERS_VENV)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock && \
	  $(PEERS_VENV)/bin/python -m pip install --quiet --disable-pip-version-check -r $< && \
	  cp $< $@; }

$(DOCS_VENV)/requirements-docs.txt: requirements-docs.txt | $(VENV)/requirements.lock
	@cmp -s $< $@ && touch $@ || { \
	  echo "Installing requirements-docs.txt into $(DOCS_VENV) ..."; \
	  $(VENV)/bin/python -m venv --clear $(DOCS_VENV) && \
	  $(DOCS_VENV)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $< && \
	  cp $< $@; }

# torch without a hash, at the version of requirements-gp.txt: it comes in several builds.
$(NOTEBOOKS_VENV)/requirements-notebooks.txt: requirements-notebooks.txt requirements-gp.txt | $(VENV)/requirements.lock
	@cmp -s $< $@ && touch $@ || { \
	  echo "Installing requirements-notebooks.txt and torch into $(NOTEBOOKS_VENV) ..."; \
	  { $(VENV)/bin/python -m venv --clear $(NOTEBOOKS_VENV) && \
	    $(NOTEBOOKS_VENV)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $< && \
	    $(NOTEBOOKS_VENV)/bin/python -m pip install --quiet --disable-pip-version-check "$$(grep '^torch==' requirements-gp.txt)" && \
	    cp $< $@; } || { rm -rf $(NOTEBOOKS_VENV); echo "make: the notebooks cannot be run" >&2; exit 1; }; }
