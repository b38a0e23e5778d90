#!/bin/sh
# Bring .venv up to a list of pinned requirements, and install this checkout into it. Called by the Makefile.
set -eu

list=$1
wanted='import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))'

if [ ! -x .venv/bin/python ]; then
    # Unless one is named: the distribution's, which is built with profile-guided optimisation, before whatever else is on the PATH.
    if [ -n "${PYTHON:-}" ]; then
        python=$PYTHON
    elif /usr/bin/python3 -c "$wanted" 2>/dev/null; then
        python=/usr/bin/python3
    else
        python=python3
    fi
    if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
        echo "gaios needs Python 3.11 or later; '$python' is not. Name another one: make PYTHON=/path/to/python3.11 …" >&2
        exit 2
    fi
    echo "creating .venv with $python"
    if ! "$python" -m venv .venv; then
        rm -rf .venv
        echo "'$python -m venv' failed; on Debian: apt-get install python3-venv" >&2
        exit 2
    fi
fi
echo "installing $list into .venv"
.venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement "$list"
# The build's own tools are in the list, so nothing unpinned is fetched for it.
.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps --editable .
