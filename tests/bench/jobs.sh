#!/usr/bin/env bash
# How near -j auto comes to the best fixed -j, against servers of different kinds: records a second of hf-embed over a
# few seconds, start included, and for auto the share of requests that were refused. Run by `make bench`; VECPIPE_BUILD
# is the folder with the programs.
set -eu
build=${VECPIPE_BUILD:-$(dirname "$0")/../../build}
export PATH="$build:$build/tests:$PATH" HF_TOKEN=bench

run() { # SECONDS JOBS OPTION...: records a second, and refused requests in a hundred, with a server of its own
	seconds=$1 jobs=$2
	shift 2
	exec 3< <(exec fault --dim 64 --max-batch 64 --lifetime 60 "$@")
	pid=$!
	read -r _ port <&3
	seq 20000000 | vec-batch -l |
		{ hf-embed -q -j "$jobs" --deadline "${seconds}s" --stats "http://127.0.0.1:$port" 2>&1 >/dev/null || true; } |
		jq -Rr 'fromjson? | "\(.records_per_second) \(100 * (.retries["429"] // 0) / .requests)"'
	kill "$pid"
	exec 3<&-
}
server() { # NAME SECONDS OPTION...
	printf '%-26s' "$1"
	shift
	best=0
	for jobs in 1 2 4 8 16 auto; do
		read -r rate refused < <(run "$1" "$jobs" "${@:2}")
		printf ' %8.0f' "$rate"
		[ "$jobs" = auto ] || best=$(printf '%s\n%s\n' "$best" "$rate" | sort -g | tail -n 1)
	done
	awk -v a="$rate" -v b="$best" -v r="$refused" 'BEGIN { printf " %11.2f %8.1f%%\n", a / b, r }'
}

printf '%-26s %8s %8s %8s %8s %8s %8s %11s %9s\n' 'records/s; server' -j1 -j2 -j4 -j8 -j16 auto 'auto/best' refused
server '0 ms' 1 --delay 0
server '5 ms, one worker' 2 --delay 5 --workers 1
server '5 ms, many workers' 2 --delay 5
server '50 ms, one worker' 2 --delay 50 --workers 1
server '50 ms, 4 workers' 3 --delay 50 --workers 4
server '50 ms, many workers' 3 --delay 50
server '500 ms, many workers' 8 --delay 500
server '5 ms, 40 requests/s' 12 --delay 5 --rate 40
