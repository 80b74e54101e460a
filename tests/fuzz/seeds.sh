#!/usr/bin/env bash
# seeds.sh TARGET FOLDER: write what a fuzz target begins with, out of the data of the tests.
set -eu
cd "$(dirname "$0")/.."
target=$1 to=$2
mkdir -p "$to"
cp data/fuzz/"$target"/* "$to"

prefixed() { # PREFIX FILE: the file behind bytes that the target looks at first
	{ printf '%b' "$1" && cat "$2"; } >"$to/$(basename "$2").$RANDOM"
}
case $target in
json)
	cp data/JSONTestSuite/*.json "$to"
	;;
lines)
	for f in data/JSONTestSuite/*newline*.json data/models/README.md; do
		prefixed '\x00\x05' "$f"
		prefixed '\x28\x0b' "$f"
	done
	;;
vectors)
	for f in data/JSONTestSuite/*array*.json data/JSONTestSuite/*number*.json; do
		prefixed '\x00\x00' "$f"
	done
	;;
answer)
	for f in data/JSONTestSuite/*object*.json data/JSONTestSuite/*string*.json; do
		prefixed '\x05' "$f"
	done
	;;
tensors)
	for f in data/models/*/model.safetensors; do
		head -c 6000 "$f" >"$to/$(basename "$(dirname "$f")")"
	done
	;;
tokenizer)
	for f in data/models/*/tokenizer.json; do # few words of the vocabulary do
		jq -c '.model.vocab |= (if type == "array" then .[:60] else with_entries(select(.value < 60)) end)
			| if .model.merges then .model.merges |= .[:40] else . end' "$f" >"$to/$(basename "$(dirname "$f")")"
	done
	;;
esac
