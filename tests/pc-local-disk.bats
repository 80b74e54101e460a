load helper
load pc-local

# pc-local: what has been acknowledged is on the disk.

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

# VECPIPE_KILLS=100 for a longer run; each takes some tenths of a second.
@test "pc-local: what was acknowledged survives ${VECPIPE_KILLS:-20} times kill -9 in the middle of writing" {
	local writers w line kill missing=0 wanted=0

	touch "$BATS_TEST_TMPDIR/acknowledged"
	for ((kill = 1; kill <= ${VECPIPE_KILLS:-20}; kill++)); do
		start_local "$BATS_TEST_TMPDIR/db"
		[ "$kill" -gt 1 ] || make_demo
		writers=()
		for w in 1 2 3; do
			write_on "$kill.$w" 3>&- &
			writers+=("$!")
		done
		wanted=$((wanted + 5 + kill % 4))
		until [ "$(wc -l <"$BATS_TEST_TMPDIR/acknowledged")" -ge "$wanted" ]; do
			kill -0 "$LOCAL_PID"
		done
		kill -KILL "$LOCAL_PID"
		wait "$LOCAL_PID" || true
		SERVERS=()
		wait "${writers[@]}"
	done
	run pc-local --check "$BATS_TEST_TMPDIR/db"
	[ "$status" -eq 0 ]

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

@test "pc-local: --backup copies a file that is being written, and the copy is sound and can be served" {
	local k n

	start_local "$BATS_TEST_TMPDIR/db"
	make_demo
	touch "$BATS_TEST_TMPDIR/acknowledged"
	write_on 1 3>&- &
	for k in 1 2 3 4 5; do
		until [ "$(wc -l <"$BATS_TEST_TMPDIR/acknowledged")" -ge $((k * 4)) ]; do
			kill -0 "$LOCAL_PID"
		done
		n=$(wc -l <"$BATS_TEST_TMPDIR/acknowledged")
		pc-local --backup "$BATS_TEST_TMPDIR/copy$k" "$BATS_TEST_TMPDIR/db"
	done
	stop_servers
	wait
	for k in 1 2 3 4 5; do
		run --separate-stderr pc-local --check "$BATS_TEST_TMPDIR/copy$k"
		[ "$status" -eq 0 ]
		[[ $output = '{"indexes":1,"namespaces":1,"records":'*'0,"backups":0}' ]]
	done
	# what had been acknowledged before the last one began is in it
	start_local "$BATS_TEST_TMPDIR/copy5"
	call -d '{}' "$HOST/describe_index_stats" | jq -e ".totalVectorCount >= $((n * 10))"
	run --separate-stderr pc-local --backup "$BATS_TEST_TMPDIR/copy1" "$BATS_TEST_TMPDIR/db"
	[ "$status" -eq 66 ]
	[ "$stderr" = "pc-local: $BATS_TEST_TMPDIR/db: $BATS_TEST_TMPDIR/copy1: File exists" ]
}

@test "pc-local: --check names what is wrong with a file" {
	command -v sqlite3 >/dev/null || skip 'sqlite3 is not installed'
	start_local "$BATS_TEST_TMPDIR/db"
	make_demo
	call -d '{"vectors":[{"id":"a","values":[1,2,3,4]},{"id":"b","values":[1,2,3,4]}]}' "$HOST/vectors/upsert"
	run --separate-stderr pc-local --check "$BATS_TEST_TMPDIR/db"
	[ "$status" -eq 0 ]
	[ "$output" = '{"indexes":1,"namespaces":1,"records":2,"backups":0}' ]
	stop_servers
	sqlite3 "$BATS_TEST_TMPDIR/db" "UPDATE records SET id = 'a'"
	run --separate-stderr pc-local --check "$BATS_TEST_TMPDIR/db"
	[ "$status" -eq 65 ]
	[ "$stderr" = "pc-local: $BATS_TEST_TMPDIR/db: is damaged: id 'a' is there twice" ]
	sqlite3 "$BATS_TEST_TMPDIR/db" "UPDATE records SET vector = x'00'"
	run --separate-stderr pc-local --check "$BATS_TEST_TMPDIR/db"
	[ "$status" -eq 65 ]
	[[ $stderr = *'has a vector of another dimension' ]]
	echo 'dear diary' >"$BATS_TEST_TMPDIR/diary"
	run --separate-stderr pc-local --check "$BATS_TEST_TMPDIR/diary"
	[ "$status" -eq 65 ]
	[ "$stderr" = "pc-local: $BATS_TEST_TMPDIR/diary: not a pc-local file" ]
	run --separate-stderr pc-local --check "$BATS_TEST_TMPDIR/none"
	[ "$status" -eq 66 ]
	[ ! -e "$BATS_TEST_TMPDIR/none" ]
}

@test "pc-local: --compact gives room back, keeps what is there, and refuses a file that is served" {
	local before after

	start_local "$BATS_TEST_TMPDIR/db"
	make_demo
	jq -nc '{vectors: [range(60) | {id: "\(.)", values: [1, 2, 3, 4], metadata: {t: ("x" * 30000)}}]}' |
		call -d @- "$HOST/vectors/upsert"
	call -d '{"ids":["0"],"namespace":""}' "$HOST/vectors/delete"
	call -d '{"filter":{"t":{"$exists":true}},"namespace":""}' "$HOST/vectors/delete"
	call -d '{"vectors":[{"id":"kept","values":[1,2,3,4]}]}' "$HOST/vectors/upsert"
	run --separate-stderr pc-local --compact "$BATS_TEST_TMPDIR/db"
	[ "$status" -eq 69 ]
	[[ $stderr = *'another pc-local has it'* ]]
	stop_servers
	before=$(wc -c <"$BATS_TEST_TMPDIR/db")
	run --separate-stderr pc-local --compact "$BATS_TEST_TMPDIR/db"
	[ "$status" -eq 0 ]
	after=$(wc -c <"$BATS_TEST_TMPDIR/db")
	[ "$stderr" = "pc-local: $BATS_TEST_TMPDIR/db: is $((before - after)) bytes smaller" ]
	[ $((before - after)) -gt 1500000 ]
	start_local "$BATS_TEST_TMPDIR/db"
	call "$HOST/vectors/fetch?ids=kept" | jq -e '.vectors.kept.values == [1,2,3,4]'
}

@test "pc-local: names that SQLite knows otherwise are those of files; without a name there is no file" {
	cd "$BATS_TEST_TMPDIR"
	for name in :memory: file:x 'file:x?mode=memory'; do
		run --separate-stderr pc-local "$name" -- pc-index create -q -d 2 demo
		said 0
		run --separate-stderr pc-local "$name" -- pc-index list
		said 0
		[ "$(jq -r .name <<<"$output")" = demo ]
		run --separate-stderr pc-local --backup "$name.copy" "$name"
		said 0
		for file in "$name" "$name.copy"; do
			run --separate-stderr pc-local --check "$file"
			said 0
			[ "$(jq .indexes <<<"$output")" = 1 ]
		done
	done
	rm file:x
	run --separate-stderr pc-local --backup file:x :memory:
	said 0
	[ -s "$PWD/file:x" ]
	[ ! -e x ]
	run --separate-stderr pc-local '' -- true
	said 64 "pc-local: '': want the name of a file; see 'man pc-local'"
	run --separate-stderr pc-local --backup '' :memory:
	said 64 "pc-local: --backup '': want the name of a file; see 'man pc-local'"
}

@test "pc-local: a file of a newer format is refused and left alone" {
	command -v sqlite3 >/dev/null || skip 'sqlite3 is not installed'
	pc-local "$BATS_TEST_TMPDIR/db" -- true
	sqlite3 "$BATS_TEST_TMPDIR/db" "UPDATE meta SET value = 3 WHERE key = 'format'"
	run --separate-stderr pc-local "$BATS_TEST_TMPDIR/db" -- true
	[ "$status" -eq 65 ]
	[ "$stderr" = "pc-local: $BATS_TEST_TMPDIR/db: format 3 of the file is newer than this program (2): use a newer pc-local" ]
}

@test "pc-local: a file of the format before is brought up to date, and all is there" {
	command -v sqlite3 >/dev/null || skip 'sqlite3 is not installed'
	sqlite3 "$BATS_TEST_TMPDIR/db" <"$REPO/tests/data/pc-local-format-1.sql"
	run --separate-stderr pc-local --check "$BATS_TEST_TMPDIR/db"
	[ "$status" -eq 0 ]
	[ "$output" = '{"indexes":1,"namespaces":1,"records":2,"backups":0}' ]
	[ "$(sqlite3 "$BATS_TEST_TMPDIR/db" "SELECT value FROM meta")" = 1 ] # a look changes nothing
	start_local "$BATS_TEST_TMPDIR/db"
	call "$HOST/vectors/fetch?ids=a&ids=b" |
		jq -e '.vectors == {"a":{"id":"a","values":[1,0.5]},"b":{"id":"b","values":[2,0.5],"metadata":{"g":"x"}}}'
	call -d '{}' "$PINECONE_CONTROLLER_HOST/indexes/demo/backups" | jq -e '.record_count == 2'
	call -d '{"ids":["a"]}' "$HOST/vectors/delete"
	stop_servers
	[ "$(sqlite3 "$BATS_TEST_TMPDIR/db" "SELECT value FROM meta")" = 2 ]
	run --separate-stderr pc-local --check "$BATS_TEST_TMPDIR/db"
	[ "$output" = '{"indexes":1,"namespaces":1,"records":1,"backups":1}' ]
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
