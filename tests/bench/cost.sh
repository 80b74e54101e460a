#!/usr/bin/env bash
# What the pipe vec-batch | hf-embed | pc-upsert costs: 20,000 records of 768 dimensions, numbers of 17 digits as the
# inference toolkit prints them, in batches of 64: CPU seconds for each 1,000 records, records a second, peak memory.
# First against servers that answer at once, then with 50 ms for an embedding and 20 ms for an upsert and -j 16 (one
# request after the other would take 28 s, the latency alone is 1.0 s). RECORDS=N for another number of records.
set -eu
build=${VECPIPE_BUILD:-$(dirname "$0")/../../build}
export PATH="$build:$build/tests:$PATH" HF_TOKEN=bench PINECONE_API_KEY=bench
records=${RECORDS:-20000}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
seq -f 'a sentence, number %.0f' "$records" >"$work/lines"

server() { # VARIABLE OPTION...: sets VARIABLE to its address, and SERVERS
	coproc fault --dim 768 --digits 17 --max-batch 64 --lifetime 600 "${@:2}"
	servers+=("$COPROC_PID")
	read -r _ port <&"${COPROC[0]}"
	export "$1=http://127.0.0.1:$port"
}
stage() { # PROGRAM ARGUMENT...: run it, its time and memory to a file
	/usr/bin/time -o "$work/$1" -f '%U %S %M' "$@"
}
pipe() { # NAME OPTION...
	name=$1
	shift
	pc-index create -q -d 768 --if-missing bench >"$work/index"
	start=$(date +%s%N)
	stage vec-batch -l <"$work/lines" | stage hf-embed -q "$@" | stage pc-upsert -q "$@" bench >"$work/receipts"
	end=$(date +%s%N)
	[ "$(jq -n '[inputs.upsertedCount] | add' "$work/receipts")" -eq "$records" ]
	cat "$work/vec-batch" "$work/hf-embed" "$work/pc-upsert" |
		awk -v name="$name" -v n="$records" -v ns=$((end - start)) '
			{ cpu[NR] = ($1 + $2) / n * 1000; kb[NR] = $3 }
			END {
				printf "%-24s %8.4f %8.4f %8.4f %8.4f %9.0f %8.2f %7.1f %7.1f %7.1f\n", name, cpu[1], cpu[2], cpu[3],
					cpu[1] + cpu[2] + cpu[3], n / ns * 1e9, ns / 1e9, kb[1] / 1024, kb[2] / 1024, kb[3] / 1024
			}'
}

printf '%-24s %35s %9s %8s %23s\n' '' 'CPU s / 1,000 records' '' '' 'peak MiB'
printf '%-24s %8s %8s %8s %8s %9s %8s %7s %7s %7s\n' '' batch embed upsert all records/s seconds batch embed upsert
servers=()
server HF_ENDPOINT_URL
export PINECONE_CONTROLLER_HOST=$HF_ENDPOINT_URL
for _ in 1 2 3; do
	pipe 'no latency, -j auto'
done
kill "${servers[@]}"
wait
servers=()
exec 2>/dev/null # bash warns that there are two coprocesses
server HF_ENDPOINT_URL --delay 50
server PINECONE_CONTROLLER_HOST --fault 'upsert:*:delay=20'
for _ in 1 2 3; do
	pipe '50 ms + 20 ms, -j 16' -j 16
done
kill "${servers[@]}"
