.DEFAULT_GOAL := help
PY := .venv/bin/python
BIN := .venv/bin

help:  ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

.venv/.installed: requirements.lock pyproject.toml
	@test -x $(PY) || python3 -m venv .venv || { echo "cannot make a virtual environment: install python3-venv"; exit 1; }
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r .ci/uv.lock
	@$(BIN)/uv pip sync --quiet --python $(PY) --require-hashes requirements.lock
	@$(BIN)/uv pip install --quiet --python $(PY) --no-deps --no-build-isolation --editable .
	@touch $@

install: .venv/.installed  ## Make the virtual environment from the lock file

lock:  ## Resolve the dependencies again
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
		--all-extras pyproject.toml --output-file requirements.lock
	@echo uv==$$(sed -nE 's/^uv==([^ ]+).*/\1/p' requirements.lock) | $(BIN)/uv pip compile --quiet --universal \
		--python-version 3.11 --generate-hashes --no-header --no-annotate - --output-file .ci/uv.lock

generate: .venv/.installed  ## Write protos/gen from protos/tams
	@rm -rf protos/gen/tams && mkdir -p protos/gen/tams && touch protos/gen/tams/py.typed
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(PY) -m grpc_tools.protoc -Iprotos --python_out=protos/gen --grpc_python_out=protos/gen \
		--mypy_out=protos/gen --mypy_grpc_out=protos/gen $$(find protos/tams -name '*.proto' | LC_ALL=C sort)
