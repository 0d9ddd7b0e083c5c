#!/bin/sh
# Builds dist/loft.wasm. The tool stands in a virtual environment of this folder.
set -eu
cd "$(dirname "$0")"
if [ ! -x .venv/bin/componentize-py ]; then
    python3 -m venv .venv
    .venv/bin/pip install --quiet --requirement requirements.txt
fi
mkdir -p dist
.venv/bin/componentize-py --quiet --wit-path ../../wit/v2 --world planner \
    componentize --stub-wasi --output dist/loft.wasm plugin
