#!/bin/sh
# pc-local beside what else searches vectors on one machine, in one run on the same vectors: sqlite-vec (exact, in the
# process), hnswlib (approximate, in the process) and a Chroma server (approximate, over HTTP). Needs the network once,
# for pip; what is installed stays in the build folder.
#
#	tests/bench/pc-local.sh [build folder [records [dimension]]]
set -eu

build=${1:-build}
records=${2:-50000}
dimension=${3:-768}
venv=$build/clients/bench
if [ ! -x "$venv/bin/chroma" ]; then
	python3 -m venv "$venv"
	"$venv/bin/pip" install --quiet numpy apsw sqlite-vec hnswlib chromadb
fi
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"$build/pc-local" "$folder/db" -- "$venv/bin/python" "$(dirname "$0")/pc-local.py" "$folder" "$records" "$dimension"
