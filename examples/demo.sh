#!/bin/sh
# The whole job: one-line descriptions of software are embedded, stored, and searched by meaning.
#
# It runs on this machine, with hf-local and pc-local; where HF_ENDPOINT_URL and PINECONE_API_KEY are set, with the real
# services. The database is kept, so a second run asks at once.
#
#	N=10000       lines to take, evenly out of all; N=all for all of them
#	CORPUS=FILE   take the lines of FILE instead
#	INDEX=NAME    store in that index instead of demo, or of one made for CORPUS
#	DEMO_DB=FILE  where pc-local keeps the index
set -eu
n=${N:-10000}
index=${INDEX:-demo${CORPUS:+-$(cksum <"$CORPUS" | cut -d " " -f 1)}} # a corpus has an index of its own
db=${DEMO_DB:-${XDG_CACHE_HOME:-$HOME/.cache}/vecpipe/demo.db}

if [ -z "${HF_ENDPOINT_URL:-}" ] || [ -z "${PINECONE_API_KEY:-}" ]; then
	model=$("$(dirname "$0")/model.sh")
	mkdir -p "$(dirname "$db")"
	exec hf-local "$model" -- pc-local "$db" -- "$0"
fi

# name: what it is
corpus() {
	if [ -n "${CORPUS:-}" ]; then
		cat -- "$CORPUS"
	elif command -v apt-cache >/dev/null && apt-cache dumpavail 2>/dev/null | grep -q '^Package: '; then
		apt-cache dumpavail | awk '
			/^Package: / { name = $2 }
			/^Description(-en)?: / { sub(/^[^:]*: /, ""); print name ": " $0 }'
	else
		apropos . | sed 's/ *([^)]*) *- /: /'
	fi
}
# N lines, evenly out of all
sample() {
	awk -v n="$n" '
		{ line[NR] = $0 }
		END {
			if (n == "all" || n > NR)
				n = NR
			for (i = 0; i < n; i++)
				print line[int(i * NR / n) + 1]
		}'
}
stored() {
	pc-index stats "$index" | jq .totalVectorCount
}
ask() {
	printf '\n%s\n' "$1"
	printf '%s\n' "$1" | vec-batch -l | hf-embed -q | pc-query -q -k 5 "$index" |
		jq -r '.matches[] | "  \(.score * 1000 | round / 1000)\t\(.metadata.text)"'
}

start=$(date +%s)
lines=$(mktemp)
trap 'rm -f "$lines"' EXIT
trap 'exit 1' HUP INT TERM
corpus | sample >"$lines"
wanted=$(vec-batch -l -u -1 <"$lines" | wc -l)
if [ "$wanted" -eq 0 ]; then
	echo "demo.sh: no text found here: name a file of lines with CORPUS=FILE" >&2
	exit 1
fi

pc-index create -q -d 384 --if-missing "$index" >/dev/null
if [ "$(stored)" -lt "$wanted" ]; then
	echo "embedding and storing $wanted lines, such as:"
	sed -n '1p;1000p;3000p' "$lines" | sed 's/^/  /'
	vec-batch -l -u <"$lines" | hf-embed | pc-upsert -q "$index" | jq -n '[inputs.upsertedCount] | add' |
		sed 's/$/ records acknowledged/'
fi
echo "index $index holds $(stored) records"

ask 'draw a graph of some measurements'
ask 'listen to music from the command line'
ask 'keep my passwords safe'

echo
echo "done in $(($(date +%s) - start)) s; the index is kept: the next run asks at once"
