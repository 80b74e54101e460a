#!/usr/bin/env bash
# From nothing to clean-up: make an endpoint and wait until it runs, stream a data set, make an index, embed and store
# its sentences, look at the index, ask it, and delete both.
#
#	tutorial.sh           on Hugging Face and Pinecone, where HF_TOKEN and PINECONE_API_KEY are set: it costs a little
#	tutorial.sh --local   on this machine, without an account; also without those two variables
#
#	N=50000       sentences to store, at most
#	SNLI=FILE     rows of SNLI as NDJSON, instead of the Hub's
#	NAME=NAME     of the endpoint and of the index; neither may exist yet (vecpipe-tutorial)
set -euo pipefail
name=${NAME:-vecpipe-tutorial} n=${N:-50000}
repository=sentence-transformers/all-MiniLM-L6-v2
dataset=stanfordnlp/snli
here=$(cd "$(dirname "$0")" && pwd)

# On this machine: both servers beside this script, the model under its name on the Hub.
if [ "${1:-}" = --local ] || [ -z "${HF_TOKEN:-}" ] || [ -z "${PINECONE_API_KEY:-}" ]; then
	model=$("$here/model.sh")
	work=$(mktemp -d)
	trap 'rm -rf "$work"' EXIT
	trap 'exit 1' HUP INT TERM
	mkdir -p "$work/models/${repository%/*}"
	ln -s "$model" "$work/models/$repository"
	unset PINECONE_API_KEY HF_TOKEN
	hf-local --models "$work/models" -- pc-local "$work/index.db" -- "$0"
	exit
fi

made_endpoint=
made_index=
# What was made is deleted however this ends: an endpoint that runs costs money.
clean_up() {
	if [ -n "$made_index" ]; then
		step "Delete the index"
		pc-index delete -qy "$name"
	fi
	if [ -n "$made_endpoint" ]; then
		step "Delete the endpoint"
		hf-endpoint delete -qy "$name"
	fi
}
trap clean_up EXIT
trap 'exit 1' HUP INT TERM

step() {
	printf '\n== %s\n' "$*"
}

# Rows of SNLI: a file that was named, the Hub's, or the few that come with the sources.
snli() {
	if [ -n "${SNLI:-}" ]; then
		cat -- "$SNLI"
	elif hf-dataset -q --retries 1 --timeout 10s --splits "$dataset" >/dev/null 2>&1; then
		hf-dataset -s train "$dataset"
	else
		echo "the Hub can't be reached: taking the rows that come with vecpipe" >&2
		cat "$here/../tests/data/snli-dev.ndjson"
	fi
}

step "Make an endpoint for $repository, and wait until it runs"
hf-endpoint create -m "$repository" "$name" >/dev/null
made_endpoint=yes
hf-endpoint wait --wait 20m "$name" | jq -c '{name, model: .model.repository, state: .status.state}'
HF_ENDPOINT_URL=$(hf-endpoint url "$name")
export HF_ENDPOINT_URL

step "Ask it for one embedding: the dimension"
dimension=$(echo 'Hello, world!' | hf-embed -l | jq '.values | length')
echo "$dimension"

step "Make an index of that dimension"
pc-index create -d "$dimension" -m cosine "$name" | jq -c '{name, dimension, metric, state: .status.state}'
made_index=yes

step "Embed and store $n sentences, none of them twice"
{ snli || [ $? -eq 141 ]; } | # which ends by SIGPIPE where there are more rows than wanted
	vec-batch -t .hypothesis -u -N "$n" | hf-embed | pc-upsert "$name" |
	jq -n '[inputs.upsertedCount] | add' | sed 's/$/ records acknowledged/'

step "What the index says"
pc-index stats "$name" | jq -c '{dimension, totalVectorCount}'

step "Ask it: the five sentences nearest to each premise"
printf '%s\n' 'A person on a horse jumps over a broken down airplane.' 'Children smile and wave at a camera.' \
	'Two dogs run through the snow.' |
	vec-batch -l | hf-embed | pc-query -k 5 "$name" |
	jq -r '"", .metadata.text, (.matches[] | "  \(.score * 1000 | round / 1000)\t\(.metadata.text)")'
