#!/usr/bin/env bash
# setup.sh FOLDER: one virtual environment for each peer, under FOLDER (outside the checkout), with torch as the CPU build.
set -euo pipefail
folder=${1:?Give a folder for the environments.}
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$folder"
for peer in haystack txtai floors; do
  "${PYTHON:-python3}" -m venv "$folder/$peer"
  "$folder/$peer/bin/pip" install --quiet --disable-pip-version-check \
    --constraint "$here/../../constraints.txt" --requirement "$here/requirements-$peer.txt"
done
