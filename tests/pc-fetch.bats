load helper

# store ID...: a record each, whose vector tells its place
store() {
	printf '%s\n' "$@" | jq -cR '{id: ., values: [input_line_number, 0.5, 0], metadata: {n: input_line_number}}' |
		pc-upsert demo >/dev/null
}

asked() {
	requests 'select(.kind == "fetch") | .path' | jq -r .
}

@test "pc-fetch: records in the order of the ids, as the server spells them" {
	start_fault --dim 3
	pc-upsert demo >/dev/null < <(printf '%s\n' \
		'{"id":"b","values":[1, 2.50,3e0],"metadata":{"text":"\u00e9 / \/"}}' \
		'{"id":"a","values":[0.1,0.2,0.3],"sparse_values":{"indices":[1, 7],"values":[0.5,2]}}')
	run --separate-stderr pc-fetch demo < <(printf '%s\n' '{"id":"b"}' '"a"' '{"values":[9],"id":"b","x":1}')
	[ "$status" -eq 0 ]
	[ "$stderr" = '' ]
	[ "$output" = '{"id":"b","values":[1, 2.50,3e0],"metadata":{"text":"\u00e9 / \/"}}
{"id":"a","values":[0.1,0.2,0.3],"sparse_values":{"indices":[1, 7],"values":[0.5,2]}}
{"id":"b","values":[1, 2.50,3e0],"metadata":{"text":"\u00e9 / \/"}}' ]
	[ "$(asked)" = '/demo/vectors/fetch?ids=b&ids=a&ids=b' ]
	[ "$(requests 'select(.kind == "fetch") | [.method, .body_bytes, .headers."api-key", .headers."x-pinecone-api-version"]')" = \
		'["GET",0,"pc-test","2026-04"]' ]
}

@test "pc-fetch: ids are found however they are spelled, and whatever stands in them" {
	start_fault --dim 3
	store 'a&b=c' 'x #1?' 'ü/%20+' '"q"\'
	run --separate-stderr pc-fetch demo < <(printf '%s\n' '{"id":"\u0061\u0026b=c"}' '"\u00fc\/%20+"' '"x #1?"' '{"id":"\"q\"\\"}')
	[ "$status" -eq 0 ]
	[ "$(jq -c .metadata.n <<<"$output" | tr '\n' ' ')" = '1 3 2 4 ' ]
	[ "$(jq -r .id <<<"$output")" = $'a&b=c\nü/%20+\nx #1?\n"q"\\' ]
}

@test "pc-fetch -l: a line is an id as it stands" {
	start_fault --dim 3
	store 17 '"a"' '{"id":"a"}' ' b'
	run --separate-stderr pc-fetch -l demo < <(printf '17\r\n"a"\n{"id":"a"}\n b')
	[ "$status" -eq 0 ]
	[ "$(jq -c .metadata.n <<<"$output" | tr '\n' ' ')" = '1 2 3 4 ' ]
	run --separate-stderr pc-fetch -l demo < <(printf '17\na\0b\n')
	[ "$status" -eq 65 ]
	[ "$stderr" = 'pc-fetch: line 2: not valid UTF-8 text' ]
	[ "${#lines[@]}" -eq 1 ]
}

@test "pc-fetch: a batch of ids gives a batch of records" {
	start_fault --dim 3
	store a b c
	run --separate-stderr pc-fetch -r "$BATS_TEST_TMPDIR/rejects" demo < <(printf '%s\n' '["b",{"id":"no"},"a"]' '[]' '"c"' '["no"]')
	[ "$status" -eq 1 ]
	[ "$(jq -c '[.. | .id? // empty]' <<<"$output")" = $'["b","a"]\n[]\n["c"]' ]
	[ "$(cat "$BATS_TEST_TMPDIR/rejects")" = $'{"id":"no"}\n"no"' ]
}

@test "pc-fetch: an id that is not there stops it after what came before; with -r it is set aside" {
	start_fault --dim 3
	store a b
	run --separate-stderr pc-fetch demo < <(printf '%s\n' '"a"' '{"id":"none"}' '"b"' '"neither"')
	[ "$status" -eq 65 ]
	[ "$(jq -r .id <<<"$output")" = a ]
	[ "$stderr" = 'pc-fetch: line 2: record "none": no such record in this namespace' ]
	run --separate-stderr pc-fetch -r "$BATS_TEST_TMPDIR/rejects" demo < <(printf '%s\n' '"a"' '{"id":"none"}' '"b"' ' "neither"')
	[ "$status" -eq 1 ]
	[ "$(jq -r .id <<<"$output" | tr '\n' ' ')" = 'a b ' ]
	[ "$(cat "$BATS_TEST_TMPDIR/rejects")" = $'{"id":"none"}\n "neither"' ]
	[ "$stderr" = $'pc-fetch: line 2: record "none": no such record in this namespace\npc-fetch: line 4: record "neither": no such record in this namespace' ]
	[ "$(audit requests.fetch)" -eq 2 ]
}

@test "pc-fetch: a hundred ids that are not there are all set aside: the server has refused none" {
	start_fault --dim 3
	run --separate-stderr pc-fetch -l -r "$BATS_TEST_TMPDIR/rejects" demo < <(seq 100)
	[ "$status" -eq 1 ]
	[ "$output" = '' ]
	diff "$BATS_TEST_TMPDIR/rejects" <(seq 100)
}

@test "pc-fetch: what is no id is named and set aside" {
	start_fault --dim 3
	store a
	run --separate-stderr pc-fetch -r "$BATS_TEST_TMPDIR/rejects" demo < <(printf '%s\n' '{"values":[1]}' '""' '17' 'a' '"\ud800"' '{"id":7}' '["a",null]' '{')
	[ "$status" -eq 1 ]
	[ "$(jq -r '.[].id' <<<"$output")" = a ]
	echo "$stderr"
	[ "$(sed 's/^pc-fetch: //' <<<"$stderr")" = "line 1: no id: it tells which record to fetch
line 2: no id: it tells which record to fetch
line 3: not an id: want an object with id a string, or a JSON string; -l takes lines
line 4: not an id: want an object with id a string, or a JSON string; -l takes lines
line 5: its id is not valid UTF-8
line 6: not an id: want an object with id a string, or a JSON string; -l takes lines
line 7: not an id: want an object with id a string, or a JSON string; -l takes lines
line 8: not JSON" ]
	[ "$(cat "$BATS_TEST_TMPDIR/rejects")" = $'{"values":[1]}\n""\n17\na\n"\\ud800"\n{"id":7}\nnull\n{' ]
}

@test "pc-fetch -n: so many in a request, and no URL is longer than servers take" {
	start_fault --dim 3
	run --separate-stderr pc-fetch -l -r /dev/null demo < <(seq 250)
	[ "$(audit requests.fetch)" -eq 3 ]
	run --separate-stderr pc-fetch -n 7 -l -r /dev/null demo < <(seq 14)
	[ "$(asked | tail -n 1 | tr '&' '\n' | wc -l)" -eq 7 ]
	run --separate-stderr pc-fetch -n 1000 -l -r "$BATS_TEST_TMPDIR/rejects" demo < <(seq -f "%0500.0f/" 300)
	[ "$status" -eq 1 ]
	[ "$(wc -l <"$BATS_TEST_TMPDIR/rejects")" -eq 300 ]
	[ "$(asked | awk '{ if (length > most) most = length } END { print most }')" -le 6100 ]
	[ "$(audit requests.fetch)" -lt 50 ]
	for n in 0 1001 x; do
		run --separate-stderr pc-fetch -n "$n" demo </dev/null
		[ "$status" -eq 64 ]
		[[ $stderr == "pc-fetch: -n $n: want a number from 1 to 1000;"* ]]
	done
}

@test "pc-fetch -j: many requests in flight, order kept, each record in its place, with faults that pass" {
	start_fault --dim 3 --seed 7 --fault 'fetch:1:delay=300' --fault 'fetch:p=0.05:status=503,retry-after=0' --fault 'fetch:5:reset' \
		--fault 'fetch:11:cut' --fault 'fetch:p=0.05:status=429,retry-after=0' --fault 'fetch:p=0.05:status=500,retry-after=0'
	mapfile -t ids < <(seq 600)
	store "${ids[@]}"
	run --separate-stderr pc-fetch -q -j 8 -n 10 -l demo < <(seq 600)
	[ "$status" -eq 0 ]
	[ "$(jq -c '[.id, .values[0], .metadata.n]' <<<"$output")" = "$(seq 600 | jq -c '["\(.)", ., .]')" ]
	[ "$(audit max_concurrent_of.fetch)" -gt 1 ]
}

@test "pc-fetch: where an answer is too large for the server, it is asked in parts, and the limit is remembered" {
	start_fault --dim 3 --fault 'fetch:1:status=413'
	store a b c d e f g h
	run --separate-stderr pc-fetch -j 1 -n 4 demo < <(printf '"%s"\n' a b c d e f g h)
	[ "$status" -eq 0 ]
	[ "$(jq -r .id <<<"$output" | tr '\n' ' ')" = 'a b c d e f g h ' ]
	[ "$stderr" = 'pc-fetch: the server refuses a request of 24 bytes: batches are sent in parts' ]
	[ "$(asked | sed 's/.*?//')" = $'ids=a&ids=b&ids=c&ids=d\nids=a&ids=b\nids=c&ids=d\nids=e&ids=f\nids=g&ids=h' ]
}

@test "pc-fetch: an answer that is none ends the run with 76, behind what is done" {
	start_fault --dim 3 --fault 'fetch:2:notjson,times=100'
	store a b c
	run --separate-stderr pc-fetch -j 1 -n 1 --retries 1 demo < <(printf '"%s"\n' a b c)
	[ "$status" -eq 76 ]
	[ "$(jq -r .id <<<"$output")" = a ]
	[ "$(plain <<<"${stderr_lines[0]}")" = 'pc-fetch: line 2: GET URL/demo/vectors/fetch (record "b"): the answer is not JSON' ]
	[[ ${stderr_lines[1]} == 'pc-fetch: stopped at input line 2: '* ]]
}

@test "pc-fetch -s: from that namespace" {
	start_fault --dim 3
	pc-upsert -s 'a & b' demo >/dev/null <<<'{"id":"x","values":[1,0,0]}'
	run --separate-stderr pc-fetch -s 'a & b' demo <<<'"x"'
	[ "$status" -eq 0 ]
	[ "$output" = '{"id":"x","values":[1,0,0]}' ]
	[ "$(asked)" = '/demo/vectors/fetch?namespace=a%20%26%20b&ids=x' ]
	run --separate-stderr pc-fetch demo <<<'"x"'
	[ "$status" -eq 65 ]
}

@test "pc-fetch -f: all records that match, over pages, and nothing is read" {
	start_fault --dim 3
	seq 250 | jq -c '{id: "r\(. + 1000)", values: [., 0, 0], metadata: {even: (. % 2 == 0)}}' | pc-upsert demo >/dev/null
	run --separate-stderr pc-fetch -f ' {"even":true} ' -n 50 demo < <(printf 'no id\n')
	[ "$status" -eq 0 ]
	[ "$stderr" = '' ]
	[ "$(jq -r .id <<<"$output")" = "$(seq -f 'r%.0f' 1002 2 1250)" ]
	[ "${lines[0]}" = '{"id":"r1002","values":[2,0,0],"metadata":{"even":true}}' ]
	[ "$(requests 'select(.kind == "fetch") | .body' | jq -r . | head -n 2)" = '{"filter":{"even":true},"limit":50,"namespace":""}
{"filter":{"even":true},"limit":50,"namespace":"","paginationToken":"50"}' ]
	[ "$(audit requests.fetch)" -eq 3 ]
}

@test "pc-fetch -f: no object is refused before anything is sent; an operator that does not exist, by the server" {
	start_fault --dim 3
	for filter in '' '{' '[]' 'a=b' '{"a":1}{}'; do
		run --separate-stderr pc-fetch -f "$filter" demo
		[ "$status" -eq 64 ]
		[ "$stderr" = "pc-fetch: -f $filter: not a JSON object: want such as {\"year\":{\"\$gte\":2020}}; see 'man pc-fetch'" ]
	done
	run --separate-stderr pc-fetch -l -f '{"a":1}' demo
	[ "$status" -eq 64 ]
	[ "$(audit total)" -eq 0 ]
	run --separate-stderr pc-fetch -f '{"a":{"$near":1}}' demo
	[ "$status" -eq 65 ]
	[ "$output" = '' ]
	[ "$(plain <<<"$stderr")" = 'pc-fetch: POST URL/demo/vectors/fetch_by_metadata: 400: filter: this server knows $eq only (request ID)' ]
}

@test "pc-fetch: an index that is missing is named; a wrong key is 77; nothing in, nothing out; a full disk is 74" {
	start_fault --index one:3
	run --separate-stderr pc-fetch two <<<'"a"'
	[ "$status" -eq 78 ]
	[ "$stderr" = "pc-fetch: index two: no such index (there are: one): create it with 'pc-index create -d DIMENSION two'" ]
	PINECONE_API_KEY=wrong run --separate-stderr pc-fetch one <<<'"a"'
	[ "$status" -eq 77 ]
	run --separate-stderr pc-fetch one </dev/null
	[ "$status" -eq 0 ]
	[ "$output$stderr" = '' ]
	pc-upsert one >/dev/null <<<'{"id":"a","values":[1,0,0]}'
	run --separate-stderr bash -c 'pc-fetch one >/dev/full' <<<'"a"'
	[ "$status" -eq 74 ]
}

@test "pc-fetch: an id that is read is asked for at once" {
	start_fault --dim 3
	store a b
	mkfifo "$BATS_TEST_TMPDIR/in" "$BATS_TEST_TMPDIR/out"
	pc-fetch demo <"$BATS_TEST_TMPDIR/in" >"$BATS_TEST_TMPDIR/out" 3>&- &
	exec 5>"$BATS_TEST_TMPDIR/in" 6<"$BATS_TEST_TMPDIR/out"
	for id in a b; do
		echo "\"$id\"" >&5
		read -r -t 10 line <&6
		[ "$(jq -r .id <<<"$line")" = "$id" ]
	done
	exec 5>&- 6<&-
	wait $!
}

# numbers of many digits, exponents and signs, and metadata of all kinds
odd_records() {
	seq 500 | jq -c '{id: "id #\(.)/?&%+", values: [(. * 0.1), (1 / (. + 2)), (-1e-7 * .), (. * 123456.789)],
		metadata: {text: "caf\u00e9 \(.) \"\\\n", n: (. / 7), yes: (. % 2 == 0), list: ["a", "\(.)"]}}'
}

@test "pc-fetch with pc-local: pc-list | pc-fetch | pc-upsert gives an equal index, and so does the way by a file" {
	export -f odd_records
	with_local bash -ec 'pc-index create -q -d 4 a >/dev/null; odd_records | pc-upsert -q a >/dev/null
		pc-list a | pc-fetch a >a.ndjson; pc-upsert --create b <a.ndjson >/dev/null
		pc-index create -q -d 4 c >/dev/null; pc-list a | pc-fetch a | pc-upsert c >/dev/null
		for i in b c; do pc-list $i | pc-fetch $i >$i.ndjson; done'
	[ "$status" -eq 0 ]
	[ "$(wc -l <a.ndjson)" -eq 500 ]
	cmp a.ndjson b.ndjson # the server prints each float32 in one way
	cmp a.ndjson c.ndjson
	# and a is what was stored: metadata as JSON, values as float32
	diff <(odd_records | jq -cS '[.id, .metadata]' | sort) <(jq -cS '[.id, .metadata]' a.ndjson | sort)
	[ "$(jq -c 'select(.id == "id #3/?&%+") | .values' a.ndjson)" = '[0.3,0.2,-3e-07,370370.38]' ]
}

@test "pc-fetch with pc-local: a sparse index is copied as well" {
	with_local bash -ec 'curl -sSf -H "Api-Key: $PINECONE_API_KEY" "$PINECONE_CONTROLLER_HOST/indexes" -d "$1" >/dev/null
		echo "$2" | pc-upsert s >/dev/null; pc-list s | pc-fetch s >s.ndjson; pc-list s | pc-delete s >/dev/null
		pc-upsert s <s.ndjson >/dev/null; pc-list s | pc-fetch s' - \
		'{"name":"s","vector_type":"sparse","metric":"dotproduct","spec":{"serverless":{"cloud":"aws","region":"us-east-1"}}}' \
		'{"id":"x","sparse_values":{"indices":[3,9],"values":[0.25,1.5]}}'
	[ "$status" -eq 0 ]
	[ "$output" = '{"id":"x","values":[],"sparse_values":{"indices":[3,9],"values":[0.25,1.5]}}' ]
}

@test "pc-fetch with pc-local: a namespace is copied to another one, of the same index and of another" {
	export -f odd_records
	with_local bash -ec 'pc-index create -q -d 4 a b >/dev/null; odd_records | head -n 120 | pc-upsert -s de a >/dev/null
		pc-list -s de a | pc-fetch -s de a | tee >(pc-upsert -s copy a >/dev/null) | pc-upsert -s fr b >/dev/null; wait
		pc-list -s de a | pc-fetch -s de a >1.ndjson
		pc-list -s fr b | pc-fetch -s fr b >2.ndjson; pc-list a | wc -l'
	[ "$status" -eq 0 ]
	[ "$output" = 0 ]
	[ "$(wc -l <1.ndjson)" -eq 120 ]
	cmp 1.ndjson 2.ndjson
	with_local bash -ec 'pc-list -s copy a | pc-fetch -s copy a'
	diff <(echo "$output") 1.ndjson
}

@test "pc-fetch with pc-local: by metadata, with the filters that it has" {
	export -f odd_records
	with_local bash -ec 'pc-index create -q -d 4 a >/dev/null; odd_records | pc-upsert -q a >/dev/null
		pc-fetch -n 20 -f "{\"\$and\":[{\"yes\":true},{\"n\":{\"\$gt\":60}}]}" a'
	[ "$status" -eq 0 ]
	[ "$(jq -s 'length == 40 and all(.metadata.yes and .metadata.n > 60)' <<<"$output")" = true ]
}
