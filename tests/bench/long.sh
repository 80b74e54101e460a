#!/usr/bin/env bash
# A long run: RECORDS (1,000,000) records of DIM (128) numbers through vec-batch, hf-embed (against a loopback server that
# answers at once) and pc-upsert into pc-local. Every record must be there afterwards, and between the first tenth of the
# records and the last one no filter may come to have more descriptors open, or 1 MiB more memory at most. JOBS (8) requests
# are in flight: with JOBS=auto their number is tried out, and may be found only after the first tenth, so that memory is
# printed but not judged.
set -euo pipefail
build=${VECPIPE_BUILD:-$(dirname "$0")/../../build}
export PATH="$build:$build/tests:$PATH" HF_TOKEN=bench PINECONE_API_KEY=bench
records=${RECORDS:-1000000} dim=${DIM:-128} jobs=${JOBS:-8}

if [ "${1:-}" != inside ]; then
	work=$(mktemp -d)
	trap 'rm -rf "$work"' EXIT
	coproc fault --dim "$dim" --digits 17 --max-batch 64 --lifetime 2h
	trap 'kill "$COPROC_PID"; rm -rf "$work"' EXIT
	read -r _ port <&"${COPROC[0]}"
	HF_ENDPOINT_URL=http://127.0.0.1:$port WATCH=$work pc-local "$work/db" -- "$0" inside
	exit
fi

pc-index create -q -d "$dim" long >/dev/null
touch "$WATCH/receipts" "$WATCH/samples"
start=$(date +%s%N)
seq -f 'a sentence, number %.0f' "$records" |
	vec-batch -l 2>"$WATCH/said" | hf-embed -j "$jobs" 2>>"$WATCH/said" |
	pc-upsert -j "$jobs" long >"$WATCH/receipts" 2>>"$WATCH/said" &
job=$!
# lines "PART PROGRAM KIBIBYTES DESCRIPTORS" while it runs: PART is first or last, the tenth that it is in
while kill -0 $job 2>/dev/null; do
	done_=$(($(wc -l <"$WATCH/receipts") * 64))
	part=middle
	if [ $done_ -gt 0 ] && [ $done_ -le $((records / 10)) ]; then
		part=first
	elif [ $done_ -ge $((records * 9 / 10)) ]; then
		part=last
	fi
	for program in vec-batch hf-embed pc-upsert; do
		for pid in $(pgrep -P $$ -x $program); do
			memory=$(awk '/^VmRSS/ { print $2 }' "/proc/$pid/status" 2>/dev/null) || continue
			descriptors=$(find "/proc/$pid/fd" -mindepth 1 2>/dev/null | wc -l)
			[ -z "$memory" ] || [ "$descriptors" -eq 0 ] || echo "$part $program $memory $descriptors"
		done
	done >>"$WATCH/samples"
	sleep 0.2
done
wait $job
seconds=$((($(date +%s%N) - start) / 1000000))
stored=$(pc-index stats long | jq .totalVectorCount)
echo "$records records in $seconds ms, $stored of them in the index"
awk -v judged="$([ "$jobs" = auto ] || echo 1)" '
	$3 > memory[$1, $2] { memory[$1, $2] = $3 }
	$4 > descriptors[$1, $2] { descriptors[$1, $2] = $4 }
	END {
		split("vec-batch hf-embed pc-upsert", program, " ")
		for (i = 1; i <= 3; i++) {
			p = program[i]
			printf "%-10s first tenth %6d KiB, %2d descriptors; last tenth %6d KiB, %2d descriptors\n", p,
				memory["first", p], descriptors["first", p], memory["last", p], descriptors["last", p]
			if (!memory["first", p] || !memory["last", p] || descriptors["last", p] > descriptors["first", p])
				bad = 1
			if (judged && memory["last", p] > memory["first", p] + 1024)
				bad = 1
		}
		exit bad
	}' "$WATCH/samples"
[ "$stored" -eq "$records" ]
