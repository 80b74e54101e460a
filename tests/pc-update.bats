load helper

# store N [OPTION]...: records 1 to N, even ones marked
store() {
	seq "$1" | jq -c '{id: "\(.)", values: [1, 2, 3], metadata: {even: (. % 2 == 0), n: .}}' | pc-upsert "${@:2}" demo >/dev/null
}

@test "pc-update: what a record has is changed, and nothing else; a receipt for each" {
	start_fault --dim 3
	store 4
	run --separate-stderr pc-update -j 1 demo < <(printf '%s\n' '{"id":"1","values":[4, 5.0,6e0]}' \
		'[{"id":"2","metadata":{"new":"\u00e9","n":7}},{"id":"3","values":null,"sparse_values":{"indices":[1],"values":[2]},"metadata":{}}]' \
		'{"id":"4","values":[],"metadata":{"n": 9},"score":1}')
	[ "$status" -eq 0 ]
	[ "$stderr" = '' ]
	[ "$output" = "$(seq 4 | jq -c '{updatedCount: 1, first: "\(.)", last: "\(.)", namespace: ""}')" ]
	[ "$(sent update)" = '{"id":"1","values":[4, 5.0,6e0],"namespace":""}
{"id":"2","setMetadata":{"new":"\u00e9","n":7},"namespace":""}
{"id":"3","sparseValues":{"indices":[1],"values":[2]},"setMetadata":{},"namespace":""}
{"id":"4","setMetadata":{"n": 9},"namespace":""}' ]
	[ "$(seq 2 | pc-fetch -l demo)" = '{"id":"1","values":[4, 5.0,6e0],"metadata":{"even":false,"n":1}}
{"id":"2","values":[1,2,3],"metadata":{"even":true,"new":"\u00e9","n":7}}' ]
	[ "$(requests 'select(.kind == "update") | [.method, .path, .headers."api-key", .headers."x-pinecone-api-version"]' | head -n 1)" = \
		'["POST","/demo/vectors/update","pc-test","2026-04"]' ]
}

@test "pc-update: of many changes to the same record the last one wins, however many requests are in flight" {
	start_fault --dim 3 --seed 9 --fault 'update:1:delay=300' --fault 'update:p=0.05:status=500,retry-after=0' --fault 'update:9:lost' \
		--fault 'update:p=0.05:status=429,retry-after=0'
	store 3
	run --separate-stderr pc-update -q -j 8 demo < <(seq 90 | jq -c '{id: "\(. % 3 + 1)", values: [., 0, 0]}')
	[ "$status" -eq 0 ]
	[ "${#lines[@]}" -eq 90 ]
	[ "$(jq -r .first <<<"$output" | head -n 4 | tr '\n' ' ')" = '2 3 1 2 ' ]
	[ "$(seq 3 | pc-fetch -l demo | jq -c '.values[0]' | tr '\n' ' ')" = '90 88 89 ' ]
	[ "$(audit max_concurrent_of.update)" -gt 1 ]
}

@test "pc-update: a record without an id, or without a change, stops it after what came before, or is set aside" {
	start_fault --dim 3
	store 3
	run --separate-stderr pc-update demo < <(printf '%s\n' '{"id":"1","metadata":{"x":1}}' '{"id":"2"}' '{"id":"3","metadata":{"x":1}}')
	[ "$status" -eq 65 ]
	[ "$stderr" = 'pc-update: line 2: nothing to change: want values, sparse_values or metadata' ]
	[ "$(jq -r .first <<<"$output")" = 1 ]
	run --separate-stderr pc-update -r "$BATS_TEST_TMPDIR/rejects" demo < <(printf '%s\n' '{"metadata":{"x":1}}' '{"id":"2","values":[],"metadata":null}' '"3"' '{"id":"3","metadata":{"x":1}}')
	[ "$status" -eq 1 ]
	[ "$(jq -r .first <<<"$output")" = 3 ]
	[ "$(cat "$BATS_TEST_TMPDIR/rejects")" = $'{"metadata":{"x":1}}\n{"id":"2","values":[],"metadata":null}\n"3"' ]
	[ "$stderr" = 'pc-update: line 1: no id: it tells which record to change
pc-update: line 2: nothing to change: want values, sparse_values or metadata
pc-update: line 3: not a record: want an object with id a string, values an array, metadata an object' ]
}

@test "pc-update: an answer that is none ends it with 76, without a receipt" {
	start_fault --dim 3 --fault 'update:2:notjson,times=100'
	run --separate-stderr pc-update -j 1 --retries 0 demo < <(printf '{"id":"%s","metadata":{}}\n' a b c)
	[ "$status" -eq 76 ]
	[ "$(jq -r .first <<<"$output")" = a ]
	[ "$(plain <<<"${stderr_lines[0]}")" = 'pc-update: line 2: POST URL/demo/vectors/update (record "b"): the answer is not a JSON object' ]
	[[ ${stderr_lines[1]} == 'pc-update: stopped at input line 2: '* ]]
}

@test "pc-update -s: in that namespace only" {
	start_fault --dim 3
	store 1
	store 1 -s 'a "b"'
	run --separate-stderr pc-update -s 'a "b"' demo <<<'{"id":"1","metadata":{"n":5}}'
	[ "$status" -eq 0 ]
	[ "$output" = '{"updatedCount":1,"first":"1","last":"1","namespace":"a \"b\""}' ]
	[ "$(pc-fetch -l demo <<<1 | jq .metadata.n)" -eq 1 ]
	[ "$(pc-fetch -s 'a "b"' -l demo <<<1 | jq .metadata.n)" -eq 5 ]
}

@test "pc-update -f -m: all that match are changed by one request; --dry-run only counts; nothing is read" {
	start_fault --dim 3
	store 9
	run --separate-stderr pc-update -f '{"even":true}' --dry-run demo < <(echo nothing)
	[ "$status" -eq 0 ]
	[ "$output" = '{"matchedRecords":4,"dryRun":true,"filter":{"even":true},"namespace":""}' ]
	[ "$(pc-fetch -f '{"x":"y"}' demo)" = '' ]
	run --separate-stderr pc-update -f $' {"even":\ntrue}' -m $'{ "x":\n"y"}' demo < <(echo nothing)
	[ "$status" -eq 0 ]
	[ "$stderr" = '' ]
	[ "$output" = '{"matchedRecords":4,"dryRun":false,"filter":{"even": true},"namespace":""}' ]
	[ "$(pc-fetch -f '{"x":"y"}' demo | jq -c .metadata.n | tr '\n' ' ')" = '2 4 6 8 ' ]
	[ "$(sent update)" = $'{"filter":{"even":true},"dryRun":true,"namespace":""}\n{"filter":{"even":\ntrue},"setMetadata":{ "x":\n"y"},"namespace":""}' ]
}

@test "pc-update: options that do not go together, or are no objects, are refused before anything is sent" {
	start_fault --dim 3
	refused() {
		run --separate-stderr pc-update "${@:2}" demo </dev/null
		[ "$status" -eq 64 ]
		[ "$output" = '' ]
		[ "$stderr" = "pc-update: $1; see 'man pc-update'" ]
	}
	refused '-f: what is to be set in the records that match? give -m, or --dry-run' -f '{"a":1}'
	refused '-m is for -f: without it, each record of the input says what to change' -m '{"a":1}'
	refused '--dry-run is for -f: without it, each record of the input says what to change' --dry-run
	refused '-f a: not a JSON object: want such as {"year":{"$gte":2020}}' -f a -m '{"a":1}'
	refused '-m [1]: not a JSON object: want such as {"checked":true}' -f '{"a":1}' -m '[1]'
	refused '-s: not valid UTF-8' -s $'\xff'
	[ "$(audit total)" -eq 0 ]
	run --separate-stderr pc-update -f '{"a":{"$near":1}}' -m '{"a":1}' demo
	[ "$status" -eq 65 ]
	[ "$(plain <<<"$stderr")" = 'pc-update: POST URL/demo/vectors/update: 400: filter: this server knows $eq only (request ID)' ]
}

@test "pc-update: an index that is missing is named; a wrong key is 77; nothing in, nothing out; a full disk is 74" {
	start_fault --index demo:3
	run --separate-stderr pc-update two </dev/null
	[ "$status" -eq 78 ]
	[ "$stderr" = "pc-update: index two: no such index (there are: demo): create it with 'pc-index create -d DIMENSION two'" ]
	PINECONE_API_KEY=wrong run --separate-stderr pc-update demo <<<'{"id":"a","metadata":{}}'
	[ "$status" -eq 77 ]
	run --separate-stderr pc-update demo </dev/null
	[ "$status" -eq 0 ]
	[ "$output$stderr" = '' ]
	run --separate-stderr bash -c 'pc-update demo >/dev/full' <<<'{"id":"a","metadata":{}}'
	[ "$status" -eq 74 ]
	run --separate-stderr bash -c "pc-update -f '{\"a\":1}' --dry-run demo >/dev/full"
	[ "$status" -eq 74 ]
}

@test "pc-update with pc-local: vectors and metadata, merged key by key; a bad record is refused in the server's words" {
	export -f store
	with_local bash -ec 'pc-index create -q -d 3 demo >/dev/null; store 3; pc-update -r rejects demo <"$1" >receipts || echo $?
		seq 3 | pc-fetch -l demo' - <(printf '%s\n' '{"id":"1","metadata":{"n":10,"new":["a"]}}' \
			'{"id":"2","values":[0.5,0,0]}' '{"id":"2","values":[1,2]}' '{"id":"3","metadata":{"n":null}}' '{"id":"nobody","metadata":{"n":1}}')
	[ "$status" -eq 0 ]
	[ "${lines[0]}" = 1 ]
	[ "$(jq -cS . <<<"$(printf '%s\n' "${lines[@]:1}")")" = '{"id":"1","metadata":{"even":false,"n":10,"new":["a"]},"values":[1,2,3]}
{"id":"2","metadata":{"even":true,"n":2},"values":[0.5,0,0]}
{"id":"3","metadata":{"even":false,"n":3},"values":[1,2,3]}' ]
	[ "$(cat "$BATS_TEST_TMPDIR/rejects")" = $'{"id":"2","values":[1,2]}\n{"id":"3","metadata":{"n":null}}' ]
	[[ ${stderr_lines[0]} == 'pc-update: line 3: record "2": 400: '*3*'(request '*')' ]]
	[[ ${stderr_lines[1]} == 'pc-update: line 4: record "3": 400: '*'(request '*')' ]]
	[ "$(jq -r .first "$BATS_TEST_TMPDIR/receipts" | tr '\n' ' ')" = '1 2 nobody ' ]
}

@test "pc-update with pc-local: by metadata" {
	export -f store
	with_local bash -ec 'pc-index create -q -d 3 demo >/dev/null; store 100
		pc-update -f "{\"n\":{\"\$gt\":90}}" --dry-run demo; pc-update -f "{\"n\":{\"\$gt\":90}}" -m "{\"late\":true}" demo
		pc-fetch -f "{\"late\":true}" demo | wc -l'
	[ "$status" -eq 0 ]
	[ "$(jq -c '.matchedRecords? // .' <<<"$output" | tr '\n' ' ')" = '10 10 10 ' ]
}

@test "pc-update with pc-local: all of many records, over and over, and each keeps its vector" {
	with_local timeout 30 bash -ec 'pc-index create -q -d 256 demo >/dev/null
		seq 1000 | jq -c "{id: \"\(.)\", values: [., range(255)], metadata: {k: 1}}" | pc-upsert -q demo >/dev/null
		for i in 1 2 3; do pc-update --retries 0 -f "{\"k\":1}" -m "{\"run\":$i}" demo; done
		pc-fetch -f "{\"run\":3}" demo | jq -c "select((.values | add) == 32385 + (.id | tonumber))" | wc -l'
	[ "$status" -eq 0 ]
	[ "$(jq -c '.matchedRecords? // .' <<<"$output" | tr '\n' ' ')" = '1000 1000 1000 1000 ' ]
}
