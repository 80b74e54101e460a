load helper

# store: four records in the plane of the first two of three dimensions, at 0, 30, 60 and 90 degrees
store() {
	pc-upsert "$@" demo >/dev/null < <(printf '%s\n' \
		'{"id":"d0","values":[1,0,0],"metadata":{"deg":0,"kind":"axis"}}' \
		'{"id":"d30","values":[0.866,0.5,0],"metadata":{"deg":30,"kind":"between"}}' \
		'{"id":"d60","values":[0.5,0.866,0],"metadata":{"deg":60,"kind":"between"}}' \
		'{"id":"d90","values":[0,1,0],"metadata":{"deg":90,"kind":"axis"}}')
}

# ids: of the matches, in order
ids() {
	jq -c '[.matches[].id]' <<<"$output"
}

@test "pc-query: a line for the query, with its own id and metadata, and the nearest records best first" {
	start_fault --dim 3
	store
	run --separate-stderr pc-query demo <<<'{"id":"q","values":[1, 0.1,0.0],"metadata":{"text":"which \u00e9?"}}'
	[ "$status" -eq 0 ]
	[ "$stderr" = '' ]
	[ "${#lines[@]}" -eq 1 ]
	[[ $output == '{"id":"q","metadata":{"text":"which \u00e9?"},"namespace":"","matches":[{"id":"d0","score":0.99'*'"usage":{"readUnits":1}}' ]]
	[ "$(ids)" = '["d0","d30","d60","d90"]' ]
	[ "$(jq -c .matches[1].metadata <<<"$output")" = '{"deg":30,"kind":"between"}' ]
	[ "$(sent query)" = '{"vector":[1, 0.1,0.0],"topK":10,"includeMetadata":true,"includeValues":false,"namespace":""}' ]
}

@test "pc-query: the request carries key, version and the program's name" {
	start_fault --dim 3
	run --separate-stderr pc-query demo <<<'{"values":[1,0,0]}'
	[ "$status" -eq 0 ]
	[ "$output" = '{"namespace":"","matches":[],"usage":{"readUnits":1}}' ]
	[ "$(requests 'select(.kind == "query") | [.method, .path, .headers."api-key", .headers."x-pinecone-api-version", .headers."content-type"]')" = \
		'["POST","/demo/query","pc-test","2026-04","application/json"]' ]
	[[ $(requests 'select(.kind == "query") | .headers."user-agent"') =~ ^\"vecpipe/[0-9.]+\ \(pc-query\)\"$ ]]
}

@test "pc-query: an id alone asks with that record's vector, which is then among the matches" {
	start_fault --dim 3
	store
	run --separate-stderr pc-query -k 2 demo <<<'{"id":"d60"}'
	[ "$status" -eq 0 ]
	[ "$(ids)" = '["d60","d30"]' ]
	[ "$(sent query)" = '{"id":"d60","topK":2,"includeMetadata":true,"includeValues":false,"namespace":""}' ]
	run --separate-stderr pc-query demo <<<'{"id":"d60","values":[]}'
	[ "$status" -eq 0 ]
	[ "$(ids | jq -r '.[0]')" = d60 ]
}

@test "pc-query: an id that is not there has no matches, and that is no error" {
	start_fault --dim 3
	store
	run --separate-stderr pc-query demo < <(printf '%s\n' '{"id":"nobody"}' '{"id":"d0"}')
	[ "$status" -eq 0 ]
	[ "$stderr" = '' ]
	[ "${lines[0]}" = '{"id":"nobody","namespace":"","matches":[],"usage":{"readUnits":1}}' ]
	[ "$(jq -r .id <<<"${lines[1]}")" = d0 ]
}

@test "pc-query: a record with values and id asks with its values" {
	start_fault --dim 3
	store
	run --separate-stderr pc-query -k 1 demo <<<'{"id":"d0","values":[0,1,0]}'
	[ "$status" -eq 0 ]
	[ "$(jq -c '[.id, .matches[0].id]' <<<"$output")" = '["d0","d90"]' ]
	[ "$(sent query | jq 'has("id")')" = false ]
}

@test "pc-query: sparse values are sent as such, alone or beside dense ones" {
	start_fault --dim 3
	run --separate-stderr pc-query -j 1 -r "$BATS_TEST_TMPDIR/rejects" demo < <(printf '%s\n' \
		'{"id":"a","values":[1,0,0],"sparse_values":{"indices":[1, 5],"values":[0.5,2]}}' \
		'{"id":"b","values":[],"sparse_values":{"indices":[1],"values":[0.5]}}')
	[ "$(sent query | head -2)" = '{"vector":[1,0,0],"sparseVector":{"indices":[1, 5],"values":[0.5,2]},"topK":10,"includeMetadata":true,"includeValues":false,"namespace":""}
{"sparseVector":{"indices":[1],"values":[0.5]},"topK":10,"includeMetadata":true,"includeValues":false,"namespace":""}' ]
}

@test "pc-query -k: so many matches" {
	start_fault --dim 3
	store
	run --separate-stderr pc-query -k 3 demo <<<'{"values":[1,0,0]}'
	[ "$status" -eq 0 ]
	[ "$(ids)" = '["d0","d30","d60"]' ]
	for k in 0 10001 x ''; do
		run --separate-stderr pc-query -k "$k" demo <<<'{"values":[1,0,0]}'
		[ "$status" -eq 64 ]
		[[ $stderr == "pc-query: -k $k: want a number from 1 to 10000;"* ]]
	done
	[ "$(audit requests.query)" -eq 1 ]
}

@test "pc-query --values: with the matches' vectors" {
	start_fault --dim 3
	store
	run --separate-stderr pc-query --values -k 1 demo <<<'{"values":[1,0,0]}'
	[ "$status" -eq 0 ]
	[ "$(jq -c .matches[0].values <<<"$output")" = '[1,0,0]' ]
	run --separate-stderr pc-query -k 1 demo <<<'{"values":[1,0,0]}'
	[ "$(jq -c '.matches[0] | has("values")' <<<"$output")" = false ]
}

@test "pc-query -f: only records that match" {
	start_fault --dim 3
	store
	run --separate-stderr pc-query -f ' {"kind": {"$eq":"axis"}}' demo <<<'{"values":[1,0,0]}'
	[ "$status" -eq 0 ]
	[ "$(ids)" = '["d0","d90"]' ]
	[ "$(sent query | jq -c .filter)" = '{"kind":{"$eq":"axis"}}' ]
}

@test "pc-query -f: what is no JSON object is refused before anything is sent" {
	start_fault --dim 3
	for filter in '' '{' '[]' 'kind=axis' '"kind"' '{"a":1}{}' "{'a':1}"; do
		run --separate-stderr pc-query -f "$filter" demo <<<'{"values":[1,0,0]}'
		[ "$status" -eq 64 ]
		[ "$output" = '' ]
		[ "$stderr" = "pc-query: -f $filter: not a JSON object: want such as {\"year\":{\"\$gte\":2020}}; see 'man pc-query'" ]
	done
	[ "$(audit total)" -eq 0 ]
}

@test "pc-query -f: an operator that does not exist is refused in the server's words" {
	start_fault --dim 3
	run --separate-stderr pc-query -f '{"deg":{"$near":1}}' demo < <(printf '%s\n' '{"id":"q1","values":[1,0,0]}' '{"id":"q2","values":[1,0,0]}')
	[ "$status" -eq 65 ]
	[ "$output" = '' ]
	[ "$(plain <<<"$stderr")" = 'pc-query: line 1: record "q1": 400: filter: this server knows $eq only (request ID)' ]
}

@test "pc-query -s: searches that namespace" {
	start_fault --dim 3
	store -s 'my "space"'
	run --separate-stderr pc-query -s 'my "space"' -k 1 demo <<<'{"values":[1,0,0]}'
	[ "$status" -eq 0 ]
	[ "$(jq -c '[.namespace, .matches[0].id]' <<<"$output")" = '["my \"space\"","d0"]' ]
	run --separate-stderr pc-query demo <<<'{"values":[1,0,0]}'
	[ "$status" -eq 0 ]
	[ "$(ids)" = '[]' ]
}

@test "pc-query: one line for each query, in order, from batches and loose records alike" {
	start_fault --dim 3
	store
	run --separate-stderr pc-query -k 1 demo < <(printf '%s\n' \
		'[{"id":"a","values":[1,0,0]},{"id":"b","values":[0,1,0]},{"id":"a","values":[1,0.6,0]}]' '' '[]' '{"id":"c","values":[1,0,0]}')
	[ "$status" -eq 0 ]
	[ "$stderr" = '' ]
	[ "$(jq -c '[.id, .matches[0].id]' <<<"$output")" = $'["a","d0"]\n["b","d90"]\n["a","d30"]\n["c","d0"]' ]
}

@test "pc-query -j: order is kept with many requests in flight and slow answers" {
	start_fault --dim 3 --fault 'query:1:delay=200' --fault 'query:5:delay=100' --fault 'query:p=0.1:status=500' --seed 3
	store
	run --separate-stderr pc-query -j 8 -k 1 demo < <(seq 100 | jq -c '{id: "q\(.)", values: [1, ., 0]}')
	[ "$status" -eq 0 ]
	[ "$(jq -r .id <<<"$output" | tr '\n' ' ')" = "$(seq -f 'q%.0f' 100 | tr '\n' ' ')" ]
	[ "$(audit max_concurrent_of.query)" -gt 1 ]
	# each answer stands with its own question
	[ "$(jq -c '[.id, .matches[0].id]' <<<"$output" | sed -n '1p;2p;4p')" = $'["q1","d30"]\n["q2","d60"]\n["q4","d90"]' ]
}

@test "pc-query: an answer comes as soon as the question is there" {
	start_fault --dim 3
	store
	mkfifo "$BATS_TEST_TMPDIR/in" "$BATS_TEST_TMPDIR/out"
	pc-query -k 1 demo <"$BATS_TEST_TMPDIR/in" >"$BATS_TEST_TMPDIR/out" 3>&- &
	exec 5>"$BATS_TEST_TMPDIR/in" 6<"$BATS_TEST_TMPDIR/out"
	for id in first second; do
		echo "{\"id\":\"$id\",\"values\":[1,0,0]}" >&5
		read -r -t 10 line <&6
		[ "$(jq -r .id <<<"$line")" = "$id" ]
	done
	exec 5>&- 6<&-
	wait $!
}

@test "pc-query: a query with neither vector nor id is named and set aside" {
	start_fault --dim 3
	store
	run --separate-stderr pc-query -k 1 demo < <(printf '%s\n' '{"id":"a","values":[1,0,0]}' '{"metadata":{"text":"x"}}' '{"id":"b","values":[1,0,0]}')
	[ "$status" -eq 65 ]
	[ "$(jq -r .id <<<"$output")" = a ]
	[ "$stderr" = 'pc-query: line 2: neither values nor id: hf-embed gives a record its vector' ]
	run --separate-stderr pc-query -r "$BATS_TEST_TMPDIR/rejects" -k 1 demo < <(printf '%s\n' '{"id":"","values":null}' '{"id":7}' '[]' '{' '{"id":"b","values":[1,0,0]}')
	[ "$status" -eq 1 ]
	[ "$(jq -r .id <<<"$output")" = b ]
	[ "$(cat "$BATS_TEST_TMPDIR/rejects")" = $'{"id":"","values":null}\n{"id":7}\n{' ]
	[ "${#stderr_lines[@]}" -eq 3 ]
}

@test "pc-query: a vector of another dimension is refused in the server's words, alone" {
	start_fault --dim 3
	store
	run --separate-stderr pc-query -r "$BATS_TEST_TMPDIR/rejects" -k 1 demo < <(printf '%s\n' '[{"id":"a","values":[1,0,0]},{"id":"b","values":[1,0]},{"id":"c","values":[1,0,0]}]')
	[ "$status" -eq 1 ]
	[ "$(jq -r .id <<<"$output" | tr '\n' ' ')" = 'a c ' ]
	[ "$(plain <<<"$stderr")" = 'pc-query: line 1: record "b": 400: vector: want 3 numbers, the dimension of the index (request ID)' ]
	[ "$(cat "$BATS_TEST_TMPDIR/rejects")" = '{"id":"b","values":[1,0]}' ]
}

@test "pc-query: an answer that is none ends the run with 76, and nothing is made up" {
	start_fault --dim 3 --fault 'query:2:notjson,times=100'
	store
	run --separate-stderr pc-query -j 1 -k 1 demo < <(printf '{"id":"%s","values":[1,0,0]}\n' a b c)
	[ "$status" -eq 76 ]
	[ "$(jq -r .id <<<"$output")" = a ]
	[ "$(plain <<<"${stderr_lines[0]}")" = 'pc-query: line 2: POST URL/demo/query (record "b"): the answer has no matches' ]
	[[ ${stderr_lines[1]} == 'pc-query: stopped at input line 2'* ]]
}

@test "pc-query: an answer in chunks, or with a long tail of blanks, becomes one line" {
	start_fault --dim 3 --fault 'query:1:chunked' --fault 'query:2:hugebody=3000000'
	store
	run --separate-stderr pc-query -k 1 demo < <(printf '{"id":"%s","values":[1,0,0]}\n' a b)
	[ "$status" -eq 0 ]
	[ "${#lines[@]}" -eq 2 ]
	[ "$(jq -r .id <<<"$output" | tr '\n' ' ')" = 'a b ' ]
}

@test "pc-query: an index that is missing is named, with those that there are" {
	start_fault --index one:3
	run --separate-stderr pc-query two <<<'{"values":[1,0,0]}'
	[ "$status" -eq 78 ]
	[ "$output" = '' ]
	[ "$stderr" = "pc-query: index two: no such index (there are: one): create it with 'pc-index create -d DIMENSION two'" ]
}

@test "pc-query: PINECONE_INDEX_HOST is used without asking the control plane" {
	start_fault --dim 3
	store
	export PINECONE_INDEX_HOST=$FAULT_URL/demo PINECONE_CONTROLLER_HOST=http://127.0.0.1:1
	run --separate-stderr pc-query -k 1 whatever <<<'{"values":[1,0,0]}'
	[ "$status" -eq 0 ]
	[ "$(ids)" = '["d0"]' ]
}

@test "pc-query: without PINECONE_API_KEY, 78 and what to do; a wrong one is 77, once" {
	run --separate-stderr pc-query demo <<<'{"values":[1,0,0]}'
	[ "$status" -eq 78 ]
	[ "$output" = '' ]
	[ "$stderr" = 'pc-query: PINECONE_API_KEY: not set: set it to a key of your project, or run under pc-local' ]
	start_fault --dim 3
	PINECONE_API_KEY=wrong-secret run --separate-stderr pc-query demo <<<'{"values":[1,0,0]}'
	[ "$status" -eq 77 ]
	[ "$output" = '' ]
	[[ $stderr == *'401: Invalid API key.'*'set PINECONE_API_KEY to a key of the project that has the index' ]]
	[[ $stderr != *wrong-secret* ]]
	[ "$(audit total)" -eq 1 ]
}

@test "pc-query: PINECONE_ADDITIONAL_HEADERS are sent with each query" {
	start_fault --dim 3
	PINECONE_ADDITIONAL_HEADERS='{"X-Tenant":"t1"}' run --separate-stderr pc-query demo <<<'{"values":[1,0,0]}'
	[ "$status" -eq 0 ]
	[ "$(requests 'select(.kind == "query") | .headers."x-tenant"')" = '"t1"' ]
}

@test "pc-query: faults that pass cost no answer" {
	start_fault --dim 3 --seed 11 --fault 'query:p=0.1:status=503' --fault 'query:p=0.1:reset' \
		--fault 'query:p=0.1:cut' --fault 'query:p=0.1:status=429,retry-after=0'
	store
	run --separate-stderr pc-query -q -j 8 -k 1 demo < <(seq 60 | jq -c '{id: "q\(.)", values: [1, ., 0]}')
	[ "$status" -eq 0 ]
	[ "$(jq -r .id <<<"$output" | tr '\n' ' ')" = "$(seq -f 'q%.0f' 60 | tr '\n' ' ')" ]
}

@test "pc-query: nothing in, nothing out; output that can't be written is 74" {
	start_fault --dim 3
	run --separate-stderr pc-query demo </dev/null
	[ "$status" -eq 0 ]
	[ "$output" = '' ]
	[ "$stderr" = '' ]
	run --separate-stderr bash -c 'pc-query demo >/dev/full' <<<'{"values":[1,0,0]}'
	[ "$status" -eq 74 ]
	[ "${stderr_lines[0]}" = 'pc-query: standard output: No space left on device' ]
}

@test "pc-query: one index name, and one that can be one" {
	start_fault
	run --separate-stderr pc-query </dev/null
	[ "$status" -eq 64 ]
	[[ $stderr == *'pc-query: an operand is missing;'* ]]
	for name in '' .. $'de\nmo'; do
		run --separate-stderr pc-query "$name" </dev/null
		[ "$status" -eq 64 ]
		[[ $stderr == *'no name that an index can have'* ]]
	done
	[ "$(audit total)" -eq 0 ]
}

@test "pc-query with pc-local: by vector, by id, with filter, values and namespace" {
	with_local pc-index create -q -d 3 demo
	[ "$status" -eq 0 ]
	export -f store
	with_local bash -c 'store && store -s ns'
	[ "$status" -eq 0 ]
	with_local pc-query -k 2 demo <<<'{"id":"q","values":[1,0.1,0],"metadata":{"text":"\u00e9"}}'
	[ "$status" -eq 0 ]
	[ "$stderr" = '' ]
	[ "$(ids)" = '["d0","d30"]' ]
	[[ $output == '{"id":"q","metadata":{"text":"\u00e9"},"namespace":"","matches":[{"id":"d0","score":'* ]]
	[ "$(jq -c '[.matches[0].metadata, (.matches[0] | has("values"))]' <<<"$output")" = '[{"deg":0,"kind":"axis"},false]' ]
	with_local pc-query -s ns -k 2 demo <<<'{"id":"d60"}'
	[ "$(ids)" = '["d60","d30"]' ]
	with_local pc-query -f '{"$and":[{"kind":"axis"},{"deg":{"$gte":1}}]}' --values demo <<<'{"values":[1,0,0]}'
	[ "$(ids)" = '["d90"]' ]
	[ "$(jq -c .matches[0].values <<<"$output")" = '[0,1,0]' ]
	with_local pc-query demo < <(printf '%s\n' '{"id":"nobody"}' '{"id":"d0"}')
	[ "$status" -eq 0 ]
	[ "$(jq -c '[.id, (.matches | length)]' <<<"$output")" = $'["nobody",0]\n["d0",4]' ]
	with_local pc-query -s empty demo <<<'{"values":[1,0,0]}'
	[ "$status" -eq 0 ]
	[ "$(ids)" = '[]' ]
}

@test "pc-query with pc-local: refused in the server's words: an unknown operator, another dimension" {
	with_local pc-index create -q -d 3 demo
	[ "$status" -eq 0 ]
	with_local pc-query -f '{"deg":{"$near":1}}' demo <<<'{"id":"q","values":[1,0,0]}'
	[ "$status" -eq 65 ]
	[ "$output" = '' ]
	[[ $stderr == 'pc-query: line 1: record "q": 400: '*'$near'*'(request '*')' ]]
	with_local pc-query -r "$BATS_TEST_TMPDIR/rejects" demo <<<'[{"id":"a","values":[1,0]},{"id":"b","values":[1,0,0]}]'
	[ "$status" -eq 1 ]
	[ "$(jq -r .id <<<"$output")" = b ]
	[[ $stderr == 'pc-query: line 1: record "a": 400: '*3* ]]
	[ "$(cat "$BATS_TEST_TMPDIR/rejects")" = '{"id":"a","values":[1,0]}' ]
}

@test "pc-query with pc-local: order is kept over a thousand queries in flight" {
	with_local pc-index create -q -d 3 demo
	export -f store
	with_local bash -c 'store && seq 1000 | jq -c "{id: \"q\(.)\", values: [1, ., 0]}" | pc-query -j 16 -k 1 demo'
	[ "$status" -eq 0 ]
	[ "$(jq -r .id <<<"$output" | tr '\n' ' ')" = "$(seq -f 'q%.0f' 1000 | tr '\n' ' ')" ]
}

@test "pc-query: a text that has no vector yet is no question by id" {
	start_fault --dim 3
	run --separate-stderr pc-query demo <<<'{"id":"0","metadata":{"text":"who is cooking"}}'
	[ "$status" -eq 65 ]
	[ "$stderr" = 'pc-query: line 1: a text without values: hf-embed gives a record its vector' ]
	[ "$(audit requests.query)" -eq 0 ]
}
