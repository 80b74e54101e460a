#!/bin/sh
# The official Python client's Inference Endpoints against hf-local --models, unchanged. Needs the network once, for pip.
#
#	tests/check-hub.sh [build folder [version ...]]
#
# A version is one of the package huggingface_hub. What has been installed stays in the build folder for the next time.
set -eu

build=${1:-build}
[ $# -gt 0 ] && shift
[ $# -gt 0 ] || set -- 0.36.0 1.0.0 2.4.0
tests=$(cd "$(dirname "$0")" && pwd)

# A folder of models as the Hub's cache is: one model with two revisions; and a model that can't be loaded.
models=$(mktemp -d)
trap 'rm -rf "$models"' EXIT
mkdir -p "$models/models--org--tiny/refs" "$models/models--org--tiny/snapshots" "$models/org/broken"
ln -s "$tests/data/models/bert-mean" "$models/models--org--tiny/snapshots/0123abc"
ln -s "$tests/data/models/bert-cls" "$models/models--org--tiny/snapshots/4567def"
printf 0123abc >"$models/models--org--tiny/refs/main"
printf 4567def >"$models/models--org--tiny/refs/next"

for version; do
	at=$build/clients/hub=$version
	if [ ! -x "$at/bin/python" ]; then
		python3 -m venv "$at"
		"$at/bin/pip" install --quiet "huggingface_hub==$version" numpy
	fi
	"$build/hf-local" --models "$models" -- "$at/bin/python" "$tests/check-hub.py"
done
