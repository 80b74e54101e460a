load helper

# pc-local: what has been acknowledged is on the disk.

# The two lines that the server prints before it waits; the pipe does not end before it does.
take_over() {
	local one='' two=''

	{ read -r one && read -r two; } <"$1" || true
	eval "$one; $two"
}

# LIMIT, if set, is the size that a file of the server may have, in blocks of 1024 bytes.
start_local() {
	local at

	at=$(mktemp -d "$BATS_TEST_TMPDIR/local.XXXXXX")/local
	LOCAL_ERR=$at.err
	mkfifo "$at.out"
	ulimit -S -f "${LIMIT:-unlimited}"
	pc-local "$@" >"$at.out" 2>"$at.err" </dev/null 3>&- &
	LOCAL_PID=$!
	SERVERS+=("$LOCAL_PID")
	ulimit -S -f unlimited
	take_over "$at.out"
	HOST=$PINECONE_CONTROLLER_HOST/data.plane/demo
}

call() {
	curl -sS -H "Api-Key: $PINECONE_API_KEY" "$@"
}

make_demo() {
	call -d '{"name":"demo","dimension":4,"spec":{"serverless":{"cloud":"aws","region":"us-east-1"}},"tags":{"a":"b"}}' \
		"$PINECONE_CONTROLLER_HOST/indexes" >/dev/null
}

# Upsert batch after batch of ten records until the server is gone; each one that was acknowledged is noted.
write_on() {
	local batch

	for ((batch = 0; ; batch++)); do
		jq -nc --arg w "$1" --argjson b "$batch" \
			'{namespace: "w\($w)", vectors: [range(10) | {id: "\($w)-\($b)-\(.)", values: [1, $b, ., 0.5], metadata: {b: $b}}]}' |
			curl -sS -f -H "Api-Key: $PINECONE_API_KEY" -d @- "$HOST/vectors/upsert" 2>/dev/null | grep -q upsertedCount || return 0
		echo "$1-$batch" >>"$BATS_TEST_TMPDIR/acknowledged"
	done
}

@test "pc-local: everything is there again after a stop and a start" {
	start_local "$BATS_TEST_TMPDIR/db"
	make_demo
	call -d '{"namespace":"n","vectors":[{"id":"a","values":[1,2,3,4],"metadata":{"g":"x"}},{"id":"b","values":[4,3,2,1]}]}' "$HOST/vectors/upsert"
	call -d '{"namespace":"n","vectors":[{"id":"a","values":[0.1,2,3,4],"metadata":{"g":"y"}}]}' "$HOST/vectors/upsert"
	call -d '{"namespace":"n","ids":["b"]}' "$HOST/vectors/delete"
	call -d '{"name":"empty","schema":{"fields":{"g":{"filterable":true}}}}' "$HOST/namespaces"
	call "$PINECONE_CONTROLLER_HOST/indexes/demo" | jq 'del(.host)' >"$BATS_TEST_TMPDIR/before"
	stop_servers
	start_local "$BATS_TEST_TMPDIR/db"
	call "$PINECONE_CONTROLLER_HOST/indexes/demo" | jq 'del(.host)' | diff - "$BATS_TEST_TMPDIR/before"
	call -d '{}' "$HOST/describe_index_stats" | jq -e '.namespaces == {"empty":{"vectorCount":0},"n":{"vectorCount":1}}'
	call "$HOST/vectors/fetch?ids=a&ids=b&namespace=n" |
		jq -e '.vectors == {"a":{"id":"a","values":[0.1,2,3,4],"metadata":{"g":"y"}}}'
	call "$HOST/namespaces/empty" | jq -e '.schema.fields.g.filterable'
	call -d '{"namespace":"n","topK":1,"id":"a","filter":{"g":"y"}}' "$HOST/query" | jq -e '.matches[0].id == "a"'
}

@test "pc-local: the file can be read with sqlite3 while it is served" {
	command -v sqlite3 >/dev/null || skip 'sqlite3 is not installed'
	start_local "$BATS_TEST_TMPDIR/db"
	make_demo
	call -d '{"vectors":[{"id":"a","values":[1,2,3,4],"metadata":{"g":"x"}}]}' "$HOST/vectors/upsert"
	run sqlite3 "$BATS_TEST_TMPDIR/db" "SELECT i.name, n.name, r.id, length(r.vector), r.metadata
		FROM records r JOIN namespaces n ON n.id = r.namespace_id JOIN indexes i ON i.id = n.index_id"
	[ "$status" -eq 0 ]
	[ "$output" = 'demo|__default__|a|16|{"g":"x"}' ]
	call -d '{"vectors":[{"id":"b","values":[1,2,3,4]}]}' "$HOST/vectors/upsert" | jq -e '.upsertedCount == 1'
}

@test "pc-local: what was acknowledged survives a kill -9 in the middle of writing" {
	local writers=() w line missing=0

	start_local "$BATS_TEST_TMPDIR/db"
	make_demo
	touch "$BATS_TEST_TMPDIR/acknowledged"
	for w in 1 2 3; do
		write_on "$w" 3>&- &
		writers+=("$!")
	done
	until [ "$(wc -l <"$BATS_TEST_TMPDIR/acknowledged")" -ge 60 ]; do
		kill -0 "$LOCAL_PID"
	done
	kill -KILL "$LOCAL_PID"
	wait "$LOCAL_PID" || true
	SERVERS=()
	wait "${writers[@]}"

	start_local "$BATS_TEST_TMPDIR/db"
	while IFS=- read -r w line; do
		call "$HOST/vectors/fetch?namespace=w$w$(printf "&ids=$w-$line-%d" {0..9})" |
			jq -e --argjson b "$line" '(.vectors | length) == 10 and all(.vectors[]; .metadata.b == $b and .values[1] == $b)' >/dev/null ||
			missing=$((missing + 1))
	done <"$BATS_TEST_TMPDIR/acknowledged"
	[ "$missing" -eq 0 ]
	# no batch is there by half: each namespace holds a multiple of ten
	call -d '{}' "$HOST/describe_index_stats" | jq -e '[.namespaces[].vectorCount % 10] | add == 0'
}

@test "pc-local: a full disk is said, stores nothing by half, and leaves reading as it was" {
	local count=0 code

	LIMIT=1500 start_local "$BATS_TEST_TMPDIR/db"
	make_demo
	while [ "$count" -lt 100 ]; do
		code=$(jq -nc --argjson b "$count" '{vectors: [range(5) | {id: "\($b)-\(.)", values: [1, 2, 3, .], metadata: {t: ("x" * 30000)}}]}' |
			call -d @- -o "$BATS_TEST_TMPDIR/answer" -w '%{http_code}' "$HOST/vectors/upsert")
		[ "$code" = 200 ] || break
		count=$((count + 1))
	done
	[ "$count" -gt 0 ]
	[ "$code" = 507 ]
	jq -e '.code == 8 and (.message | contains("nothing was stored"))' "$BATS_TEST_TMPDIR/answer"
	grep -q 'nothing was stored' "$LOCAL_ERR"
	call -d '{}' "$HOST/describe_index_stats" | jq -e ".totalVectorCount == $((count * 5))"
	call -d '{"topK":1,"id":"0-1"}' "$HOST/query" | jq -e '.matches[0].id == "0-1"'
	stop_servers
	start_local "$BATS_TEST_TMPDIR/db"
	call -d '{}' "$HOST/describe_index_stats" | jq -e ".totalVectorCount == $((count * 5))"
	call -d '{"vectors":[{"id":"room again","values":[1,2,3,4]}]}' "$HOST/vectors/upsert" | jq -e '.upsertedCount == 1'
}
