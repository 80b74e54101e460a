load helper

# store N [OPTION]...: records r0001 to rN, with a vector each
store() {
	seq -f 'r%04.0f' "$1" | jq -cR '{id: ., values: [1, 2, 3]}' | pc-upsert "${@:2}" demo >/dev/null
}

@test "pc-list: a line with the id for each record, over all pages, in the server's order" {
	start_fault --dim 3
	store 250
	run --separate-stderr pc-list demo
	[ "$status" -eq 0 ]
	[ "$stderr" = '' ]
	[ "$output" = "$(seq -f '{"id":"r%04.0f"}' 250)" ]
	[ "$(requests 'select(.kind == "list") | .path')" = \
		$'"/demo/vectors/list"\n"/demo/vectors/list?paginationToken=100"\n"/demo/vectors/list?paginationToken=200"' ]
}

@test "pc-list: as many as fill their pages exactly, one, and none" {
	start_fault --dim 3
	run --separate-stderr pc-list demo
	[ "$status" -eq 0 ]
	[ "$output$stderr" = '' ]
	store 1
	run --separate-stderr pc-list demo
	[ "$output" = '{"id":"r0001"}' ]
	store 200
	run --separate-stderr pc-list demo
	[ "$status" -eq 0 ]
	[ "${#lines[@]}" -eq 200 ]
	[ "$(audit requests.list)" -eq 4 ]
}

@test "pc-list -n: so many in a page" {
	start_fault --dim 3
	store 5
	run --separate-stderr pc-list -n 2 demo
	[ "$status" -eq 0 ]
	[ "${#lines[@]}" -eq 5 ]
	[ "$(requests 'select(.kind == "list") | .path' | head -n 2)" = \
		$'"/demo/vectors/list?limit=2"\n"/demo/vectors/list?limit=2&paginationToken=2"' ]
	for n in 0 10001 x ''; do
		run --separate-stderr pc-list -n "$n" demo
		[ "$status" -eq 64 ]
		[[ $stderr == "pc-list: -n $n: want a number from 1 to 10000;"* ]]
	done
}

@test "pc-list -p, -s: only that prefix, only that namespace, whatever stands in them" {
	start_fault --dim 3
	pc-upsert -s 'a & b/ü' demo >/dev/null < <(printf '%s\n' \
		'{"id":"x#1?","values":[1,0,0]}' '{"id":"x#2%","values":[1,0,0]}' '{"id":"x","values":[1,0,0]}')
	store 2
	run --separate-stderr pc-list -s 'a & b/ü' -p 'x#' demo
	[ "$status" -eq 0 ]
	[ "$output" = $'{"id":"x#1?"}\n{"id":"x#2%"}' ]
	run --separate-stderr pc-list -s '' demo
	[ "$output" = $'{"id":"r0001"}\n{"id":"r0002"}' ]
	run --separate-stderr pc-list -s nobody demo
	[ "$status" -eq 0 ]
	[ "$output" = '' ]
	run --separate-stderr pc-list -s $'\xff' demo
	[ "$status" -eq 64 ]
	[[ $stderr == "pc-list: -s: not valid UTF-8;"* ]]
	run --separate-stderr pc-list -p $'\xff' demo
	[ "$status" -eq 64 ]
	[[ $stderr == "pc-list: -p: not valid UTF-8;"* ]]
}

@test "pc-list: faults that pass cost no id and double none" {
	start_fault --dim 3 --seed 5 --fault 'list:2:status=503,retry-after=0' --fault 'list:3:cut' \
		--fault 'list:4:status=429,retry-after=0' --fault 'list:6:reset'
	store 450
	run --separate-stderr pc-list -q demo
	[ "$status" -eq 0 ]
	[ "$output" = "$(seq -f '{"id":"r%04.0f"}' 450)" ]
	[ "$(audit requests.list)" -eq 9 ]
}

@test "pc-list: a page is written before the next one is there" {
	start_fault --dim 3 --fault 'list:2:hang'
	store 150
	mkfifo "$BATS_TEST_TMPDIR/out"
	pc-list demo >"$BATS_TEST_TMPDIR/out" 3>&- &
	for _ in $(seq 100); do
		read -r -t 20 line
	done <"$BATS_TEST_TMPDIR/out"
	kill $!
	[ "$line" = '{"id":"r0100"}' ]
}

@test "pc-list: what stops it is said in the server's words, and the pages before stay, whole" {
	start_fault --dim 3 --fault 'list:3:status=400'
	store 450
	run --separate-stderr bash -c 'pc-list demo >"$1"' - "$BATS_TEST_TMPDIR/ids"
	[ "$status" -eq 65 ]
	[ "$(plain <<<"$stderr")" = 'pc-list: GET URL/demo/vectors/list: 400: The request is not valid. (request ID)' ]
	diff "$BATS_TEST_TMPDIR/ids" <(seq -f '{"id":"r%04.0f"}' 200)
}

@test "pc-list: a signal ends it with 75, behind a whole page" {
	start_fault --dim 3 --fault 'list:3:delay=500'
	store 450
	mkfifo "$BATS_TEST_TMPDIR/err"
	pc-list -v demo >"$BATS_TEST_TMPDIR/ids" 2>"$BATS_TEST_TMPDIR/err" 3>&- &
	exec 6<"$BATS_TEST_TMPDIR/err"
	for _ in 1 2 3; do # the index is found, two pages are there
		read -r -t 20 line <&6
	done
	[[ $line == *vectors/list* ]]
	kill $!
	status=0
	wait $! || status=$?
	[ "$status" -eq 75 ]
	[ "$(tail -n 1 <&6)" = 'pc-list: interrupted' ]
	exec 6<&-
	diff "$BATS_TEST_TMPDIR/ids" <(seq -f '{"id":"r%04.0f"}' "$(wc -l <"$BATS_TEST_TMPDIR/ids")")
	[[ $(wc -l <"$BATS_TEST_TMPDIR/ids") =~ ^[23]00$ ]]
}

@test "pc-list: an answer that is none ends it with 76; so does one that leads in a circle" {
	start_fault --dim 3 --fault 'list:1:notjson' --fault 'list:3:samepage'
	store 250
	run --separate-stderr pc-list demo
	[ "$status" -eq 76 ]
	[ "$output" = '' ]
	[ "$(plain <<<"$stderr")" = 'pc-list: GET URL/demo/vectors/list: 200: the answer is not a JSON object' ]
	run --separate-stderr pc-list demo
	[ "$status" -eq 76 ]
	[ "$output" = "$(seq -f '{"id":"r%04.0f"}' 200)" ]
	[ "$(plain <<<"$stderr")" = 'pc-list: GET URL/demo/vectors/list: the answer does not lead to a next page' ]
}

@test "pc-list: an index that is missing is named, with those that there are; one that goes is, too" {
	start_fault --index one:3
	run --separate-stderr pc-list two
	[ "$status" -eq 78 ]
	[ "$output" = '' ]
	[ "$stderr" = "pc-list: index two: no such index (there are: one): create it with 'pc-index create -d DIMENSION two'" ]
	PINECONE_INDEX_HOST=$FAULT_URL/gone run --separate-stderr pc-list two
	[ "$status" -eq 78 ]
	[ "$(plain <<<"$stderr")" = "pc-list: GET URL/gone/vectors/list: 404: Index gone not found (request ID): the index is gone: 'pc-index list' shows which there are" ]
}

@test "pc-list: a wrong key is 77, once; no key is 78" {
	start_fault --dim 3
	PINECONE_API_KEY=wrong-secret run --separate-stderr pc-list demo
	[ "$status" -eq 77 ]
	[[ $stderr == *'set PINECONE_API_KEY to a key of the project that has the index' ]]
	[[ $stderr != *wrong-secret* ]]
	[ "$(audit total)" -eq 1 ]
	unset PINECONE_API_KEY
	run --separate-stderr pc-list demo
	[ "$status" -eq 78 ]
}

@test "pc-list: output that can't be written is 74; a reader that leaves ends it quietly" {
	start_fault --dim 3
	store 300
	run --separate-stderr bash -c 'pc-list demo >/dev/full'
	[ "$status" -eq 74 ]
	[ "$stderr" = 'pc-list: standard output: No space left on device' ]
	run --separate-stderr bash -c 'pc-list demo | head -n 1'
	[ "$status" -eq 0 ]
	[ "$output" = '{"id":"r0001"}' ]
	[ "$stderr" = '' ]
}

@test "pc-list: one operand, that can be a name; -s is not for --namespaces" {
	start_fault --dim 3
	for args in '' 'a b' '..'; do
		run --separate-stderr pc-list $args
		[ "$status" -eq 64 ]
	done
	run --separate-stderr pc-list --namespaces -s x demo
	[ "$status" -eq 64 ]
	[ "$stderr" = "pc-list: --namespaces lists all of them: -s is not for it; see 'man pc-list'" ]
	[ "$(audit total)" -eq 0 ]
}

@test "pc-list with pc-local: ids over many pages, by prefix and namespace; namespaces over pages" {
	with_local pc-index create -q -d 3 demo
	[ "$status" -eq 0 ]
	export -f store
	with_local bash -c 'store 1234; for i in $(seq 12); do store 1 -s "n$i"; done'
	[ "$status" -eq 0 ]
	with_local pc-list demo
	[ "$status" -eq 0 ]
	[ "$output" = "$(seq -f '{"id":"r%04.0f"}' 1234)" ]
	with_local pc-list -n 7 -p r12 demo
	[ "$output" = "$(seq -f '{"id":"r%04.0f"}' 1200 1234)" ]
	with_local pc-list -s n7 demo
	[ "$output" = '{"id":"r0001"}' ]
	with_local pc-list --namespaces -n 5 demo
	[ "$status" -eq 0 ]
	[ "${#lines[@]}" -eq 13 ]
	[ "$(jq -c 'select(.name == "__default__" or .name == "n12") | [.name, .record_count]' <<<"$output")" = \
		$'["__default__",1234]\n["n12",1]' ]
	with_local pc-list --namespaces -p n1 demo
	[ "$(jq -r .name <<<"$output" | tr '\n' ' ')" = 'n1 n10 n11 n12 ' ]
}
