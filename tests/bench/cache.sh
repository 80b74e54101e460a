#!/usr/bin/env bash
# What hf-embed --cache saves, and what it takes. First with a real model: TEXTS texts (10,000) embedded by hf-local with
# an empty cache, again, and with every hundredth changed. Then RECORDS records (20,000) of 768 numbers against a
# server that answers at once, without a cache, with an empty one and with a full one: as the 17 digits of the inference
# toolkit, which are kept as text, and as short decimals, which are kept as float32 but where one of the 768 has an
# exponent: with this server, every other vector.
set -eu
build=${VECPIPE_BUILD:-$(dirname "$0")/../../build}
model=${VECPIPE_MODEL:?the folder of a model}
PATH=$(cd "$build" && pwd):$(cd "$build" && pwd)/tests:$PATH
export PATH HF_TOKEN=bench
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export work

embed() { # NAME OPTION...: from $in; prints requests, hits, seconds, CPU seconds, peak memory and the cache's size
	/usr/bin/time -o "$work/time" -f '%U %S %M' hf-embed -q --stats "${@:2}" <"$in" 2>"$work/stats" >"$work/out"
	jq -r --arg name "$1" --arg time "$(<"$work/time")" --arg size "$(stat -c %s "$work/db" 2>/dev/null || echo 0)" '
		($time | split(" ") | map(tonumber)) as $t |
		[$name, .requests, .cache_hits // 0, .seconds, (.records_per_second | round), $t[0] + $t[1], $t[2] / 1024,
			($size | tonumber) / 1e6 | if type == "number" then . * 100 | round / 100 else . end] | @tsv' "$work/stats"
}
export -f embed

titles() {
	printf '%s\t' "$@" | sed 's/\t$/\n/'
}

{
	titles '' requests hits seconds records/s CPU-s peak-MiB cache-MB
	seq -f 'a sentence, number %.0f, about a horse' "${TEXTS:-10000}" | vec-batch -l >"$work/same"
	seq -f 'a sentence, number %.0f, about a horse' "${TEXTS:-10000}" | awk 'NR % 100 == 0 { $0 = $0 " and a dog" } 1' |
		vec-batch -l >"$work/changed"
	# shellcheck disable=SC2016 # for the inner shell
	hf-local "$model" -- bash -euc '
		in=$work/same
		embed "model, no cache"
		embed "model, cache empty" --cache "$work/db"
		embed "model, again" --cache "$work/db"
		in=$work/changed
		embed "model, 1 % changed" --cache "$work/db"'
	for digits in short 17; do
		rm -f "$work/db"
		coproc fault --dim 768 --digits "$digits" --max-batch 64 --lifetime 600
		read -r _ port <&"${COPROC[0]}"
		export HF_ENDPOINT_URL=http://127.0.0.1:$port
		seq -f 'a sentence, number %.0f' "${RECORDS:-20000}" | vec-batch -l >"$work/records"
		in=$work/records
		embed "$digits digits, no cache"
		embed "$digits digits, empty" --cache "$work/db"
		embed "$digits digits, again" --cache "$work/db"
		kill "$COPROC_PID"
		wait
	done
} | column -ts "$(printf '\t')"
