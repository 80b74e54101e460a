# helper: what all test files share: `load helper` first.
#
# start_fault [OPTION]...  a fault server (tests/fault.c) with those options beside a token, a key and a
#                          log; sets and exports what a client needs to find it, and stops with the test
# audit FILTER             a member of what the server counted: `audit upserted.distinct`
# requests FILTER          its log, a JSON line for each request, through `jq -c FILTER`
# sent KIND                the bodies of its requests of a kind
# lines N, records N       N texts, N records with an id and metadata.text, from 0
# stripped                 records without their vectors
# embed ARG...             hf-embed on standard input, with a limit on how long a bug may hang
# with_local COMMAND...    beside pc-local over one file, db in the test's folder, where it runs too: each call
#                          is a run of its own that finds what the one before has left
# said STATUS [STDERR]     how `run` ended, and all that it said
# says STDERR              all that it said, through plain
# plain                    text without what differs from run to run: the server's address and request ids
bats_require_minimum_version 1.5.0

REPO=$(cd "${BASH_SOURCE[0]%/*}/.." && pwd)
BUILD=$(cd "$REPO" && cd "${VECPIPE_BUILD:-build}" && pwd)
export PATH="$BUILD:$BUILD/tests:$PATH"
export LC_ALL=C.UTF-8
# Nothing of the user's own configuration reaches a test.
unset HF_ENDPOINT_URL HF_TOKEN HF_TOKEN_PATH HUGGING_FACE_HUB_TOKEN XDG_CACHE_HOME PINECONE_API_KEY \
	PINECONE_CONTROLLER_HOST PINECONE_INDEX_HOST PINECONE_ADDITIONAL_HEADERS PINECONE_API_VERSION \
	HF_ENDPOINTS_API HF_ENDPOINT HF_DATASETS_SERVER HF_HUB_CACHE \
	http_proxy https_proxy all_proxy no_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY NO_PROXY
export HF_HOME=$BATS_TEST_TMPDIR/hf

SERVERS=()

# Sets FAULT_URL, FAULT_PID, FAULT_LOG; exports HF_ENDPOINT_URL, HF_TOKEN, PINECONE_CONTROLLER_HOST and
# PINECONE_API_KEY. With several servers in a test they stand for the one started last. Not for a
# subshell such as $(...): the test would not know what to stop.
start_fault() {
	local at word port

	at=$(mktemp -d "$BATS_TEST_TMPDIR/fault.XXXXXX")
	FAULT_LOG=$at/log
	export HF_TOKEN=hf_test PINECONE_API_KEY=pc-test
	mkfifo "$at/port"
	fault --token "$HF_TOKEN" --api-key "$PINECONE_API_KEY" --log "$FAULT_LOG" "$@" \
		>"$at/port" 2>"$at/err" </dev/null 3>&- &
	FAULT_PID=$!
	SERVERS+=("$FAULT_PID")
	read -r word port <"$at/port" || true # blocks until the server speaks, or ends without a word
	if [ "$word" != port ]; then
		cat "$at/err" >&2
		return 1
	fi
	FAULT_URL=http://127.0.0.1:$port
	export HF_ENDPOINT_URL=$FAULT_URL PINECONE_CONTROLLER_HOST=$FAULT_URL
}

# End what start_fault started. A sanitiser's complaint about a server fails the test.
stop_servers() {
	local pid status=0

	for pid in "${SERVERS[@]}"; do
		kill "$pid" 2>/dev/null || true
		wait "$pid" || status=1
	done
	SERVERS=()
	[ "$status" -eq 0 ] || cat "$BATS_TEST_TMPDIR"/fault.*/err >&2
	return "$status"
}

teardown() {
	stop_servers
}

audit() {
	curl -sS "$FAULT_URL/audit" | jq -rc ".$1"
}

requests() {
	jq -c "$1" "$FAULT_LOG"
}

lines() {
	seq -f 'text number %.0f' 0 $(($1 - 1))
}

records() {
	lines "$1" | awk '{ printf "{\"id\":\"%d\",\"metadata\":{\"text\":\"%s\"}}\n", NR - 1, $0 }'
}

sent() {
	requests "select(.kind == \"$1\") | .body" | jq -r .
}

stripped() {
	sed 's/"values":\[[^]]*\],//g'
}

embed() {
	run --separate-stderr timeout -k 1 20 hf-embed "$@"
}

with_local() {
	cd "$BATS_TEST_TMPDIR" || return
	run --separate-stderr pc-local db -- "$@"
}

said() {
	[ "$status" -eq "$1" ] && [ "$stderr" = "${2-}" ] || {
		echo "status $status, stderr: $stderr"
		return 1
	}
}

says() {
	[ "$(plain <<<"$stderr")" = "$1" ] || {
		plain <<<"$stderr"
		return 1
	}
}

plain() {
	sed -E "s|$FAULT_URL|URL|g; s/\(request [^)]*/(request ID/"
}
