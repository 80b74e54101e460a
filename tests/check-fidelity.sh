#!/usr/bin/env bash
# hf-local against sentence-transformers on 2,000 lines: tests/check-fidelity.sh BUILD MODEL [FILE]. The lines are those of
# FILE, else one-line descriptions of Debian packages, else of the manual. Installs sentence-transformers in a venv in BUILD.
set -euo pipefail
cd "$(dirname "$0")/.."
build=$1 model=$2 venv=${VENV:-$1/rivals} work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export PATH="$build:$PATH"
[ -x "$venv/bin/python" ] || python3 -m venv "$venv"
"$venv/bin/python" -c 'import sentence_transformers' 2>"$work/err" || "$venv/bin/pip" install -q sentence-transformers

if [ $# -gt 2 ]; then
	cat -- "$3"
elif command -v apt-cache >/dev/null; then
	apt-cache dumpavail | sed -n 's/^Description\(-en\)\?: //p'
else
	apropos .
fi | grep . | sort -u | shuf -n 2000 --random-source=<(yes) >"$work/lines"
for precision in int16 f32; do
	hf-local --precision $precision "$model" -- hf-embed -q -l <"$work/lines" | jq -c .values >"$work/$precision"
done
"$venv/bin/python" - "$model" "$work" <<'END'
import json, sys
import numpy
from sentence_transformers import SentenceTransformer

model, work = sys.argv[1:]
lines = open(work + "/lines").read().splitlines()
want = SentenceTransformer(model, device="cpu").encode(lines, normalize_embeddings=True).astype("f8")
for precision in "int16", "f32":
    got = numpy.array([json.loads(line) for line in open(f"{work}/{precision}")])
    got /= numpy.linalg.norm(got, axis=1, keepdims=True)
    cosine = (got * want).sum(axis=1)
    print(f"{precision}: {len(lines)} lines, least cosine {cosine.min():.9f}, largest difference {abs(got - want).max():.2e}")
    assert len(got) == len(lines) and cosine.min() >= 0.99999
END
