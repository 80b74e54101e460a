#!/usr/bin/env bash
# The job of vec-batch | hf-embed | pc-upsert with curl and jq, for report.py: rivals-client.sh FILE. 64 texts make a
# request, one after the other. Prints the number of records that were acknowledged.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
post() { # HEADER URL: what comes in is the body
	curl -sSf -H "$1" -H 'Content-Type: application/json' --data-binary @- "$2"
}
host=$(curl -sSf -H "Api-Key: $PINECONE_API_KEY" "$PINECONE_CONTROLLER_HOST/indexes/demo" | jq -r .host)
split -l 64 -a 4 "$1" "$work/batch."
number=0
for batch in "$work"/batch.*; do
	jq -Rs '{inputs: split("\n")[:-1]}' "$batch" | post "Authorization: Bearer $HF_TOKEN" "$HF_ENDPOINT_URL" >"$work/vectors"
	jq -c --argjson first "$number" --rawfile texts "$batch" '
		($texts | split("\n")) as $texts
		| {vectors: [.embeddings | to_entries[] | {id: ($first + .key | tostring), values: .value, metadata: {text: $texts[.key]}}]}' \
		"$work/vectors" | post "Api-Key: $PINECONE_API_KEY" "$host/vectors/upsert" >>"$work/answers"
	number=$((number + 64))
done
jq -s '[.[].upsertedCount] | add' "$work/answers"
