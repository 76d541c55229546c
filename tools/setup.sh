#!/bin/sh
# Everything a fresh Debian 12 (or Raspberry Pi OS) machine needs to run and test the agent: system packages that are
# missing, a virtual environment, the pinned Python packages, the project itself. Does nothing that is done already.
set -eu
cd "$(dirname "$0")/.."

missing=""
for package in python3-venv python3-dev gcc linux-libc-dev mosquitto mosquitto-clients fonts-noto-core \
    tesseract-ocr tesseract-ocr-ben tesseract-ocr-eng; do
    dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || missing="$missing $package"
done
if [ -n "$missing" ]; then
    root=""
    [ "$(id -u)" -eq 0 ] || root="sudo"
    echo "setup: installing$missing"
    # A policy that starts no service: the tests run their own brokers on their own ports.
    $root apt-get update -qq
    $root env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -y -qq --no-install-recommends $missing >/dev/null
fi

python=${PYTHON:-python3.11}
command -v "$python" >/dev/null 2>&1 || python=python3
stamp=.venv/.set-up-for
wanted=$(cat requirements/*.txt pyproject.toml | sha256sum | cut -d' ' -f1)
if [ "$(cat "$stamp" 2>/dev/null || true)" != "$wanted" ]; then
    echo "setup: Python packages into .venv"
    [ -x .venv/bin/python ] || "$python" -m venv .venv
    .venv/bin/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements/build.txt
    .venv/bin/python -m pip install -q --disable-pip-version-check --no-build-isolation --require-hashes \
        -r requirements/dev.txt
    .venv/bin/python -m pip install -q --disable-pip-version-check --no-build-isolation --no-deps -e .
    rm -rf ./*.egg-info # left by the build; a stale one would hide entry points from programs started here
    echo "$wanted" >"$stamp"
fi
# As an installed package is: a program that compiles itself at each start takes a third longer to come up.
.venv/bin/python -m compileall -q edge_agent drivers simulators >/dev/null || true
