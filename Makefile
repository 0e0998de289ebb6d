# Every target sets up what it needs: nothing has to run before it. `make` alone lists them.
SHELL := /bin/sh
.DEFAULT_GOAL := help
VENV := .venv/bin
SILLAGE := $(VENV)/python -m sillage
DBT := DBT_PROFILES_DIR=dbt_project DBT_PROJECT_DIR=dbt_project DBT_SEND_ANONYMOUS_USAGE_STATS=False $(VENV)/dbt

# What a shell holds for other Pythons.
unexport PYTHONHOME PYTHONSTARTUP PYTHONINSPECT PYTHONOPTIMIZE PYTHONWARNINGS

.PHONY: help up down status logs backup restore psql run try test-tracking airflow bi demo-data test bench lint audit sbom screenshots docs format pins
# The commands share one home and one virtual environment.
.NOTPARALLEL:

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

up: .venv/.runtime ## start everything; the first time with demo data, and show the delivery statistics
	@$(SILLAGE) up

down: ## stop everything, leave no process behind
	@if [ -x $(VENV)/python ]; then $(SILLAGE) down; else echo "Nothing was ever started here."; fi

status: ## which part runs, and which hour was published last; fails where a part is down
	@if [ -x $(VENV)/python ]; then $(SILLAGE) status; else echo "Nothing was ever started here: make up starts everything."; fi

logs: .venv/.runtime ## the logs of Airflow's components (follows them on a terminal)
	@$(SILLAGE) logs $(if $(shell test -t 1 && echo yes),--follow)

backup: .venv/.runtime ## warehouse, Airflow's metadata and the list of erasures into a new folder: make backup DIR=/backups (SECRETS=1: passwords and keys too)
	@test -n "$(DIR)" || { echo "Say where to: make backup DIR=/backups"; exit 2; }
	@$(SILLAGE) backup "$(DIR)" $(if $(filter-out 0,$(SECRETS)),--secrets)

restore: .venv/.runtime ## a backup into an empty installation: make restore DIR=/backups/sillage-... (ERASURES=list or newer backup)
	@test -n "$(DIR)" || { echo "Say which backup: make restore DIR=/backups/sillage-20260101T000000Z"; exit 2; }
	@$(SILLAGE) restore "$(DIR)" $(if $(ERASURES),--erasures "$(ERASURES)")

psql: .venv/.runtime ## SQL on the warehouse, also from standard input
	@$(SILLAGE) psql

run: .venv/.runtime ## one window through the DAG: make run START=2026-01-01T00 END=2026-01-01T01 (VERBOSE=1: the whole log; ALLOW_VANISHED=1)
	@test -n "$(START)" -a -n "$(END)" || { echo "Say which hours: make run START=2026-01-01T00 END=2026-01-01T01"; exit 2; }
	@$(SILLAGE) run "$(START)" "$(END)" $(if $(filter-out 0,$(VERBOSE)),--verbose) $(if $(filter-out 0,$(ALLOW_VANISHED)),--allow-vanished)

try: .venv/.runtime ## what one file of a source comes to: make try SOURCE=sendgrid FILE=events.json
	@test -n "$(SOURCE)" -a -n "$(FILE)" || { echo "Say which file, and whose: make try SOURCE=sendgrid FILE=events.json"; exit 2; }
	@$(SILLAGE) try "$(SOURCE)" "$(FILE)"

# The server's password stays out of the list of processes.
test-tracking: export SMTP := $(SMTP)
test-tracking: .venv/.dev ## send a mail, open and click it in a real browser, follow it to the tabs (TO=me@example.org SMTP=smtp://...: a real inbox)
	@$(SILLAGE) test-tracking $(if $(TO),--to "$(TO)") $(if $(FROM),--sender "$(FROM)")

airflow: .venv/.runtime ## Airflow's own command line: make airflow CMD="dags list-runs tracking"
	@$(SILLAGE) airflow $(CMD)

bi: .venv/.runtime .venv-bi/.done ## Superset with dashboards on the warehouse (BI_LANGUAGE=fr: in French); needs Python 3.11 or 3.12
	@$(if $(BI_LANGUAGE),SILLAGE_BI_LANGUAGE=$(BI_LANGUAGE)) $(VENV)/python -m bi.superset.serve

demo-data: .venv/.runtime ## make the demo's landing zone without starting anything
	@$(SILLAGE) demo-data

test: .venv/.dev dbt_project/target/manifest.json ## unit, DAG, integration and browser tests
	$(VENV)/python -m pytest $(WORKERS) $(TESTS)

# Tests that share fixtures stay in one process (tests/conftest.py); in the files' own order, which begins with the long ones.
# One process more than there are cores: with one each, a sixth of two cores stood idle.
WORKERS ?= -n $(shell expr $$(getconf _NPROCESSORS_ONLN) + 1) --maxprocesses 5 --dist loadfile --no-loadscope-reorder --durations=25

bench: .venv/.dev .venv/.spark dbt_project/target/manifest.json ## every benchmark, and the README's table (hours; 45 GB of disk; HISTORY=folder keeps the history; ONLY="pages locks")
	$(VENV)/python bench/all.py "$(HISTORY)" $(ONLY)

lint: .venv/.dev ## ruff, mypy, codespell, sqlfluff, dbt parse
	$(VENV)/ruff check .
	$(VENV)/ruff format --check .
	$(VENV)/mypy
	git ls-files -z | xargs -0 $(VENV)/codespell
	$(DBT) parse --warn-error-options '{"error": ["Deprecations"]}' --no-partial-parse
	$(VENV)/python tools/lint_sql.py

audit: .venv/audit/.made ## known weaknesses of the pinned packages (asks the package index about each of them)
	.venv/audit/bin/pip-audit --require-hashes --disable-pip --progress-spinner off --requirement constraints.txt

sbom: .venv/audit/.made ## the list of parts of what is installed, as CycloneDX: sbom.cdx.json
	.venv/audit/bin/cyclonedx-py requirements --output-reproducible --pyproject pyproject.toml --output-file sbom.cdx.json constraints.txt

screenshots: .venv/.dev dbt_project/target/manifest.json ## pictures of the tabs for the docs, and of every page in every look in screenshots/ (needs Chromium)
	SILLAGE_SCREENSHOTS=docs/images SILLAGE_LOOKS=screenshots $(VENV)/python -m pytest tests/browser/test_screenshots.py

docs: .venv/.dev .venv-docs/.done ## a site of the pages and of dbt's description of every table, in docs-site/
	$(VENV)/python tools/build_docs.py docs-site

format: .venv/.dev ## put the code into the form that lint wants
	$(VENV)/ruff check --fix .
	$(VENV)/ruff format .

pins: .venv/.dev ## write constraints.txt and constraints-dev.txt anew from the requirements
	$(VENV)/uv pip compile $(PIN) requirements.txt requirements-dev.txt -o constraints-dev.txt
	$(VENV)/uv pip compile $(PIN) -c constraints-dev.txt requirements.txt -o constraints.txt
	$(VENV)/uv pip compile $(PIN) -c constraints-dev.txt requirements.txt requirements-celery.txt -o constraints-celery.txt
	$(VENV)/uv pip compile $(PIN) -c constraints-dev.txt requirements-spark.txt -o constraints-spark.txt
	$(VENV)/uv pip compile $(PIN) requirements-audit.txt -o constraints-audit.txt
	$(VENV)/uv pip compile $(PIN) bi/superset/requirements.txt -o bi/superset/constraints.txt
	$(VENV)/uv pip compile $(PIN) tools/docs-requirements.txt -o tools/docs-constraints.txt
PIN := --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-emit-index-url --no-emit-find-links --custom-compile-command "make pins"

.venv-bi/.done: bi/superset/constraints.txt tools/venv.sh
	@tools/venv.sh bi/superset/constraints.txt .venv-bi 3.12
	@touch $@

.venv-docs/.done: tools/docs-constraints.txt tools/venv.sh
	@tools/venv.sh tools/docs-constraints.txt .venv-docs
	@touch $@

# Spark, for who has a lake (docs/lake.md): 340 MB that nobody else needs.
.venv/.spark: constraints-spark.txt .venv/.runtime
	@tools/venv.sh constraints-spark.txt
	@touch $@

.venv/.runtime: constraints.txt tools/venv.sh
	@tools/venv.sh constraints.txt
	@touch $@

.venv/.dev: constraints-dev.txt constraints.txt tools/venv.sh
	@tools/venv.sh constraints-dev.txt
	@touch .venv/.runtime $@

.venv/audit/.made: .venv/.runtime constraints-audit.txt
	@$(VENV)/uv venv --quiet --clear --python $(VENV)/python .venv/audit
	@$(VENV)/uv pip install --quiet --python .venv/audit --require-hashes --no-deps -r constraints-audit.txt
	@touch $@

dbt_project/target/manifest.json: .venv/.dev $(shell find dbt_project -path dbt_project/target -prune -o -type f -name '*.[syc][qms][lv]' -print)
	$(DBT) --quiet parse
	@touch $@
