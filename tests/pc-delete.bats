load helper

# store N [OPTION]...: records 1 to N, even ones marked
store() {
	seq "$1" | jq -c '{id: "\(.)", values: [1, 2, 3], metadata: {even: (. % 2 == 0)}}' | pc-upsert "${@:2}" demo >/dev/null
}

# left [OPTION]...: the ids that are there, in one line
left() {
	pc-list "$@" demo | jq -r .id | sort -n | tr '\n' ' '
}

@test "pc-delete: the records with these ids go, and no others; a receipt for each request" {
	start_fault --dim 3
	store 9
	run --separate-stderr pc-delete demo < <(printf '%s\n' '{"id":"2","values":[1]}' '"\u0034"' '["6",{"id":"9"}]' '[]')
	[ "$status" -eq 0 ]
	[ "$stderr" = '' ]
	[ "$output" = '{"deletedCount":2,"first":"2","last":"\u0034","namespace":""}
{"deletedCount":2,"first":"6","last":"9","namespace":""}' ]
	[ "$(left)" = '1 3 5 7 8 ' ]
	[ "$(sent delete)" = $'{"ids":["2","\\u0034"],"namespace":""}\n{"ids":["6","9"],"namespace":""}' ]
	[ "$(requests 'select(.kind == "delete") | [.method, .path, .headers."api-key", .headers."x-pinecone-api-version"]' | head -n 1)" = \
		'["POST","/demo/vectors/delete","pc-test","2026-04"]' ]
}

@test "pc-delete: an id that is not there is acknowledged, too, and a run can be repeated" {
	start_fault --dim 3
	store 3
	for _ in 1 2; do
		run --separate-stderr pc-delete -l demo < <(printf '%s\n' 2 nobody)
		[ "$status" -eq 0 ]
		[ "$output" = '{"deletedCount":2,"first":"2","last":"nobody","namespace":""}' ]
		[ "$(left)" = '1 3 ' ]
	done
}

@test "pc-delete: loose ids in groups of 1000, or -n; a larger batch in parts" {
	start_fault --dim 3
	run --separate-stderr pc-delete -l demo < <(seq 2500)
	[ "$(jq -c .deletedCount <<<"$output" | tr '\n' ' ')" = '1000 1000 500 ' ]
	run --separate-stderr pc-delete -n 2 -l demo < <(seq 5)
	[ "$(jq -c '[.deletedCount, .first, .last]' <<<"$output")" = $'[2,"1","2"]\n[2,"3","4"]\n[1,"5","5"]' ]
	run --separate-stderr pc-delete demo < <(seq 1001 | jq -c 'tostring' | jq -cs .)
	[ "$(jq -c .deletedCount <<<"$output" | tr '\n' ' ')" = '1000 1 ' ]
	for n in 0 1001 x; do
		run --separate-stderr pc-delete -n "$n" demo </dev/null
		[ "$status" -eq 64 ]
		[[ $stderr == "pc-delete: -n $n: want a number from 1 to 1000;"* ]]
	done
}

@test "pc-delete: what is no id stops it after what came before; with -r it is set aside" {
	start_fault --dim 3
	store 5
	run --separate-stderr pc-delete demo < <(printf '%s\n' '"1"' '{"values":[1]}' '"2"')
	[ "$status" -eq 65 ]
	[ "$stderr" = 'pc-delete: line 2: no id: it tells which record to delete' ]
	[ "$(left)" = '2 3 4 5 ' ]
	run --separate-stderr pc-delete -r "$BATS_TEST_TMPDIR/rejects" demo < <(printf '%s\n' '"2"' '3' '""' '"4"')
	[ "$status" -eq 1 ]
	[ "$(left)" = '3 5 ' ]
	[ "$(cat "$BATS_TEST_TMPDIR/rejects")" = $'3\n""' ]
	[ "$stderr" = 'pc-delete: line 2: not an id: want an object with id a string, or a JSON string; -l takes lines
pc-delete: line 3: no id: it tells which record to delete' ]
}

@test "pc-delete: one id that the server refuses is found and set aside, the others go" {
	start_fault --dim 3 --fault 'delete:contains="13",*:status=400'
	store 20
	run --separate-stderr pc-delete -l -r "$BATS_TEST_TMPDIR/rejects" demo < <(seq 20)
	[ "$status" -eq 1 ]
	[ "$(left)" = '13 ' ]
	[ "$(cat "$BATS_TEST_TMPDIR/rejects")" = 13 ]
	[ "$(plain <<<"$stderr")" = 'pc-delete: line 13: record "13": 400: The request is not valid. (request ID)' ]
	[ "$(jq -s 'map(.deletedCount) | add' <<<"$output")" -eq 19 ]
}

@test "pc-delete: faults that pass leave nothing behind, and no receipt comes before its request is acknowledged" {
	start_fault --dim 3 --seed 3 --fault 'delete:2:lost' --fault 'delete:p=0.1:status=503,retry-after=0' --fault 'delete:p=0.1:reset' \
		--fault 'delete:p=0.1:status=429,retry-after=0'
	store 300
	run --separate-stderr pc-delete -q -j 4 -n 10 -l demo < <(seq 300)
	[ "$status" -eq 0 ]
	[ "$(left)" = '' ]
	[ "$(jq -c '[.first, .last]' <<<"$output")" = "$(seq 1 10 300 | jq -c '["\(.)", "\(. + 9)"]')" ]
}

@test "pc-delete: an answer that is none ends it with 76, without a receipt" {
	start_fault --dim 3 --fault 'delete:2:notjson,times=100'
	run --separate-stderr pc-delete -j 1 -n 1 --retries 0 -l demo < <(seq 3)
	[ "$status" -eq 76 ]
	[ "$output" = '{"deletedCount":1,"first":"1","last":"1","namespace":""}' ]
	[ "$(plain <<<"${stderr_lines[0]}")" = 'pc-delete: line 2: POST URL/demo/vectors/delete (record "2"): the answer is not a JSON object' ]
	[[ ${stderr_lines[1]} == 'pc-delete: stopped at input line 2: '* ]]
}

@test "pc-delete -s: in that namespace only" {
	start_fault --dim 3
	store 3
	store 3 -s 'a "b"'
	run --separate-stderr pc-delete -s 'a "b"' -l demo < <(seq 2)
	[ "$status" -eq 0 ]
	[ "$output" = '{"deletedCount":2,"first":"1","last":"2","namespace":"a \"b\""}' ]
	[ "$(left)" = '1 2 3 ' ]
	[ "$(left -s 'a "b"')" = '3 ' ]
}

@test "pc-delete -f: what matches goes, by one request, and nothing is read" {
	start_fault --dim 3
	store 9
	run --separate-stderr pc-delete -f $' {"even":\n{"$eq":true}}\n' demo < <(echo 'no id')
	[ "$status" -eq 0 ]
	[ "$stderr" = '' ]
	[ "$output" = '{"deleted":true,"filter":{"even": {"$eq":true}},"namespace":""}' ]
	[ "$(left)" = '1 3 5 7 9 ' ]
	[ "$(sent delete)" = $'{"filter":{"even":\n{"$eq":true}},"namespace":""}' ]
}

@test "pc-delete -f: no object, or an empty one, is refused before anything is sent; a bad operator by the server" {
	start_fault --dim 3
	store 2
	before=$(audit total)
	for filter in '' '[]' 'a=b' '{"a":1}{}'; do
		run --separate-stderr pc-delete -f "$filter" demo
		[ "$status" -eq 64 ]
		[ "$stderr" = "pc-delete: -f $filter: not a JSON object: want such as {\"year\":{\"\$gte\":2020}}; see 'man pc-delete'" ]
	done
	run --separate-stderr pc-delete -f ' { } ' demo
	[ "$status" -eq 64 ]
	[ "$stderr" = "pc-delete: -f  { } : names nothing: --all deletes all records; see 'man pc-delete'" ]
	for args in '--all -l' '-l -f {"a":1}' '--all -f {"a":1}'; do
		run --separate-stderr pc-delete $args demo
		[ "$status" -eq 64 ]
		[ "$stderr" = "pc-delete: --all, -f and -l: want one of them at most; see 'man pc-delete'" ]
	done
	[ "$(audit total)" -eq "$before" ]
	run --separate-stderr pc-delete -f '{"a":{"$near":1}}' demo
	[ "$status" -eq 65 ]
	[ "$output" = '' ]
	[ "$(plain <<<"$stderr")" = 'pc-delete: POST URL/demo/vectors/delete: 400: filter: this server knows $eq only (request ID)' ]
	[ "$(left)" = '1 2 ' ]
}

@test "pc-delete --all: without a terminal and without -y nothing is deleted, also if the input says yes" {
	start_fault --dim 3
	store 3
	run --separate-stderr pc-delete --all demo <<<y
	[ "$status" -eq 64 ]
	[ "$output" = '' ]
	[ "$stderr" = 'pc-delete: all records of namespace "" of index demo: not deleted: -y is wanted where nobody can be asked' ]
	[ "$(sent delete)" = '' ]
	[ "$(left)" = '1 2 3 ' ]
}

@test "pc-delete --all -y: the namespace is empty, the others are not" {
	start_fault --dim 3
	store 3
	store 3 -s other
	run --separate-stderr pc-delete --all -y -s other demo </dev/null
	[ "$status" -eq 0 ]
	[ "$output" = '{"deleted":true,"all":true,"namespace":"other"}' ]
	[ "$(left -s other)" = '' ]
	[ "$(left)" = '1 2 3 ' ]
	[ "$(sent delete)" = '{"deleteAll":true,"namespace":"other"}' ]
}

@test "pc-delete --all: on a terminal it asks, and only y deletes" {
	start_fault --dim 3
	store 3
	for answer in '' n; do
		run script -qec "pc-delete --all demo" /dev/null <<<"$answer"
		[ "$status" -eq 64 ]
		[[ $output == *'delete all records of namespace "" of index demo? [y/N] '*': not deleted'* ]]
	done
	[ "$(left)" = '1 2 3 ' ]
	run script -qec "pc-delete --all demo" /dev/null <<<y
	[ "$status" -eq 0 ]
	[[ $output == *'{"deleted":true,"all":true,"namespace":""}'* ]]
	[ "$(left)" = '' ]
}

@test "pc-delete: an index that is missing is named, before anything is asked; a wrong key is 77; a full disk is 74" {
	start_fault --index demo:3
	run --separate-stderr pc-delete --all two </dev/null
	[ "$status" -eq 78 ]
	[ "$stderr" = "pc-delete: index two: no such index (there are: demo): create it with 'pc-index create -d DIMENSION two'" ]
	PINECONE_API_KEY=wrong run --separate-stderr pc-delete demo <<<'"a"'
	[ "$status" -eq 77 ]
	run --separate-stderr pc-delete demo </dev/null
	[ "$status" -eq 0 ]
	[ "$output$stderr" = '' ]
	run --separate-stderr bash -c 'pc-delete demo >/dev/full' <<<'"a"'
	[ "$status" -eq 74 ]
	run --separate-stderr bash -c 'pc-delete --all -y demo >/dev/full'
	[ "$status" -eq 74 ]
}

@test "pc-delete with pc-local: every record older than a date, and all whose ids begin alike" {
	with_local bash -ec 'pc-index create -q -d 2 demo >/dev/null
		seq 20250101 20250130 | jq -c "{id: \"d\(.)\", values: [1, .], metadata: {day: .}}" | pc-upsert demo >/dev/null
		pc-update -f "{\"day\":{\"\$lt\":20250111}}" --dry-run demo
		pc-delete -f "{\"day\":{\"\$lt\":20250111}}" demo
		pc-list -p d2025013 demo | pc-delete demo
		pc-list demo'
	[ "$status" -eq 0 ]
	[ "$stderr" = '' ]
	[ "${lines[0]}" = '{"matchedRecords":10,"dryRun":true,"filter":{"day":{"$lt":20250111}},"namespace":""}' ]
	[ "${lines[1]}" = '{"deleted":true,"filter":{"day":{"$lt":20250111}},"namespace":""}' ]
	[ "${lines[2]}" = '{"deletedCount":1,"first":"d20250130","last":"d20250130","namespace":""}' ]
	[ "$(printf '%s\n' "${lines[@]:3}")" = "$(seq -f '{"id":"d%.0f"}' 20250111 20250129)" ]
}

@test "pc-delete with pc-local: a namespace that does not exist is said, with where to look" {
	with_local bash -c 'pc-index create -q -d 2 demo >/dev/null; pc-delete -s none --all -y demo'
	[ "$status" -eq 78 ]
	[ "$output" = '' ]
	[[ $stderr == "pc-delete: POST http://"*"/vectors/delete: 404: Namespace not found (request "*"): see 'pc-list --namespaces' and 'pc-index list' for what there is" ]]
	with_local pc-delete -s none demo <<<'"a"'
	[ "$status" -eq 78 ]
	[[ ${stderr_lines[0]} == *"404: Namespace not found"*"see 'pc-list --namespaces' and 'pc-index list' for what there is" ]]
}
