# pc-local: what its test files share: `load helper`, then `load pc-local`.
#
# start_local [OPTION]... FILE   starts the server, takes over the two lines that it prints; sets LOCAL_PID, LOCAL_ERR,
#                                and HOST, where the index "demo" is. LIMIT, if set, is the size that a file of the
#                                server may have, in blocks of 1024 bytes
# setup_demo [OPTION]..., make_index NAME MEMBERS  an index; the first starts the server before. Set HOST
# control, data METHOD PATH [BODY]     the answer's body; code is its status
# is FILTER                      a jq condition holds for what comes in

# The pipe does not end before the server does.
take_over() {
	local one='' two=''

	{ read -r one && read -r two; } <"$1" || true
	eval "$one; $two"
}

start_local() {
	local at

	at=$(mktemp -d "$BATS_TEST_TMPDIR/local.XXXXXX")/local
	LOCAL_ERR=$at.err
	mkfifo "$at.out"
	unset PINECONE_API_KEY # one that was set is not printed
	ulimit -S -f "${LIMIT:-unlimited}"
	pc-local "$@" >"$at.out" 2>"$at.err" </dev/null 3>&- &
	LOCAL_PID=$!
	SERVERS+=("$LOCAL_PID")
	ulimit -S -f unlimited
	take_over "$at.out"
	HOST=$PINECONE_CONTROLLER_HOST/data.plane/demo
}

make_index() {
	HOST=$(control POST /indexes "{\"name\":\"$1\",$2,\"spec\":{\"serverless\":{\"cloud\":\"aws\",\"region\":\"us-east-1\"}}}" |
		jq -r .host)
}

setup_demo() {
	start_local "$@" "$BATS_TEST_TMPDIR/db"
	make_index demo '"dimension":3'
}

ask() {
	curl -sS -o "$BATS_TEST_TMPDIR/body" -w '%{http_code}' -H "Api-Key: $PINECONE_API_KEY" -X "$1" ${3+-d "$3"} "${@:4}" \
		"$2" >"$BATS_TEST_TMPDIR/code"
	cat "$BATS_TEST_TMPDIR/body"
}
control() { ask "$1" "$PINECONE_CONTROLLER_HOST$2" "${@:3}"; }
data() { ask "$1" "$HOST$2" "${@:3}"; }
code() { cat "$BATS_TEST_TMPDIR/code"; }

is() { jq -e "$1" >/dev/null; }
