load helper

# vectors N DIM: N records whose vectors have DIM numbers of 11 bytes each
vectors() {
	awk -v n="$1" -v dim="$2" 'BEGIN {
		for (i = 1; i < dim; i++)
			rest = rest ",-0.12345678"
		for (i = 0; i < n; i++)
			printf "{\"id\":\"%d\",\"values\":[%d.500000%s]}\n", i, i % 10, rest
	}'
}

# batch: loose records as one array
batch() {
	paste -sd, | sed 's/.*/[&]/'
}

upserts() {
	requests "select(.kind == \"upsert\") | $1"
}

acknowledged() {
	jq -s 'map(.upsertedCount) | add' <<<"$output"
}

# What is stored under an id, as the server has it.
stored() {
	curl -sS -H "Api-Key: $PINECONE_API_KEY" "$FAULT_URL/demo/vectors/fetch?ids=$1" | jq -c ".vectors[\"$1\"]"
}

@test "pc-upsert: one request for what fits in one, and one receipt for it" {
	start_fault --dim 3
	run --separate-stderr pc-upsert demo < <(vectors 3 3)
	[ "$status" -eq 0 ]
	[ "$stderr" = '' ]
	[ "$output" = '{"upsertedCount":3,"first":"0","last":"2","namespace":""}' ]
	[ "$(upserts '[.method, .path]')" = '["POST","/demo/vectors/upsert"]' ]
	[ "$(upserts '.headers | [."api-key", ."x-pinecone-api-version", ."content-type"]')" = '["pc-test","2026-04","application/json"]' ]
	[[ $(upserts '.headers."user-agent"') =~ ^\"vecpipe/[0-9.]+\ \(pc-upsert\)\"$ ]]
}

@test "pc-upsert: the bytes of id, values, sparse values and metadata reach the server unchanged, and nothing else does" {
	start_fault --dim 3
	run --separate-stderr pc-upsert demo < <(printf '%s\n' \
		'{"x":1,"metadata": {"n":1.50,"t":"\u00e9\/"},"values":[1.0, 2e0,-0.30000000000000004],"id":"\u0061", "namespace":"evil"}' \
		'{"id":"b","values":[1,2,3],"sparse_values":{"indices":[1, 7],"values":[0.5,2]},"metadata":null}' \
		'{"id":"c","values":[1,2,3],"sparseValues":{"indices":[2],"values":[1]},"score":0.5}')
	[ "$status" -eq 0 ]
	[ "$stderr" = '' ]
	[ "$(upserts .body | jq -r .)" = '{"vectors":[{"id":"\u0061","values":[1.0, 2e0,-0.30000000000000004],"metadata":{"n":1.50,"t":"\u00e9\/"}},{"id":"b","values":[1,2,3],"sparseValues":{"indices":[1, 7],"values":[0.5,2]}},{"id":"c","values":[1,2,3],"sparseValues":{"indices":[2],"values":[1]}}],"namespace":""}' ]
	[ "$(audit upserted.unknown_members)" -eq 0 ]
	[ "$output" = '{"upsertedCount":3,"first":"\u0061","last":"c","namespace":""}' ]
}

@test "pc-upsert: a record with sparse values only has no dense ones sent; whether that will do, the server says" {
	start_fault --dim 3
	run --separate-stderr pc-upsert demo <<<'{"id":"a","sparse_values":{"indices":[1],"values":[0.5]}}'
	[ "$status" -eq 65 ]
	[[ $stderr == 'pc-upsert: line 1: record "a": 400: '* ]]
	[ "$(upserts .body | jq -r .)" = '{"vectors":[{"id":"a","sparseValues":{"indices":[1],"values":[0.5]}}],"namespace":""}' ]
}

@test "pc-upsert -s: namespace in the request and in the receipt" {
	start_fault --dim 3
	run --separate-stderr pc-upsert -s 'a "b" é' demo < <(vectors 1 3)
	[ "$status" -eq 0 ]
	[ "$output" = '{"upsertedCount":1,"first":"0","last":"0","namespace":"a \"b\" é"}' ]
	[ "$(upserts '.body | fromjson | .namespace')" = '"a \"b\" é"' ]
	[ "$(pc-index stats demo | jq -c .namespaces)" = '{"a \"b\" é":{"vectorCount":1}}' ]
	run --separate-stderr pc-upsert -s $'\xff' demo < <(vectors 1 3)
	[ "$status" -eq 64 ]
	[[ $stderr == 'pc-upsert: -s: not valid UTF-8;'* ]]
}

@test "pc-upsert: no request has more than 1000 records, loose or in a batch" {
	start_fault --dim 3
	vectors 2500 3 >"$BATS_TEST_TMPDIR/in"
	run --separate-stderr pc-upsert demo <"$BATS_TEST_TMPDIR/in"
	[ "$status" -eq 0 ]
	[ "$(jq -c '[.upsertedCount, .first, .last]' <<<"$output")" = $'[1000,"0","999"]\n[1000,"1000","1999"]\n[500,"2000","2499"]' ]
	run --separate-stderr pc-upsert demo < <(batch <"$BATS_TEST_TMPDIR/in")
	[ "$status" -eq 0 ]
	[ "$(jq -c '[.upsertedCount, .first, .last]' <<<"$output")" = $'[1000,"0","999"]\n[1000,"1000","1999"]\n[500,"2000","2499"]' ]
	[ "$(audit 'statuses["400"] // 0')" -eq 0 ]
	[ "$(audit upserted.distinct)" -eq 2500 ]
}

@test "pc-upsert: no request has more than 2 MB, loose or in one batch of several times that" {
	start_fault --dim 4000
	vectors 150 4000 >"$BATS_TEST_TMPDIR/in" # 48 kB each: 43 fit
	for form in cat batch; do
		run --separate-stderr pc-upsert demo < <($form <"$BATS_TEST_TMPDIR/in")
		[ "$status" -eq 0 ]
		[ "$stderr" = '' ]
		[ "$(jq -c '[.upsertedCount, .first, .last]' <<<"$output")" = $'[43,"0","42"]\n[43,"43","85"]\n[43,"86","128"]\n[21,"129","149"]' ]
	done
	[ "$(upserts .body_bytes | sort -n | tail -1)" -le $((2 * 1024 * 1024)) ]
	[ "$(upserts .status | sort -u)" = 200 ]
	[ "$(audit upserted.distinct)" -eq 150 ]
}

@test "pc-upsert -n: so many loose records in a request; a batch stays as it is" {
	start_fault --dim 3
	run --separate-stderr pc-upsert -n 2 demo < <(vectors 5 3)
	[ "$status" -eq 0 ]
	[ "$(jq -c .upsertedCount <<<"$output" | tr '\n' ' ')" = '2 2 1 ' ]
	run --separate-stderr pc-upsert -n 2 demo < <(vectors 5 3 | batch)
	[ "$(jq -c .upsertedCount <<<"$output" | tr '\n' ' ')" = '5 ' ]
	run --separate-stderr pc-upsert -n 1001 demo </dev/null
	[ "$status" -eq 64 ]
	[[ $stderr == 'pc-upsert: -n 1001: want a number from 1 to 1000;'* ]]
}

@test "pc-upsert: loose records, batches and blank lines may be mixed; order is kept" {
	start_fault --dim 3
	run --separate-stderr pc-upsert demo < <(
		vectors 2 3
		echo
		vectors 3 3 | batch
		echo '[]'
		vectors 1 3
	)
	[ "$status" -eq 0 ]
	[ "$stderr" = '' ]
	[ "$(jq -c '[.upsertedCount, .last]' <<<"$output")" = $'[2,"1"]\n[3,"2"]\n[1,"0"]' ]
}

@test "pc-upsert --stats is one JSON object with the run's figures" {
	start_fault --fault 'upsert:2:status=500' --fault 'upsert:4:status=429,retry-after=0'
	run --separate-stderr pc-upsert --stats -q -j 1 -n 10 -r "$BATS_TEST_TMPDIR/rejects" demo < <(
		vectors 50 8
		echo '{"id":"none"}'
	)
	[ "$status" -eq 1 ]
	[ "${#stderr_lines[@]}" -eq 2 ]
	[ "$(jq -c 'del(.seconds, .records_per_second, .bytes_received)' <<<"${stderr_lines[1]}")" = \
		'{"program":"pc-upsert","records":50,"batches":5,"requests":7,"retries":{"500":1,"429":1},"rejected":1,"bytes_sent":'"$(upserts .body_bytes | jq -s add)"'}' ]
	jq -e '.bytes_received > 0 and .seconds > 0 and .records_per_second > 0' <<<"${stderr_lines[1]}"
}

@test "pc-upsert: nothing in, nothing out, nothing sent" {
	start_fault --dim 3
	run --separate-stderr pc-upsert demo </dev/null
	[ "$status" -eq 0 ]
	[ "$output" = '' ]
	[ "$stderr" = '' ]
	[ "$(audit requests.upsert)" -eq 0 ]
}

@test "pc-upsert: receipts keep the order of the input with many requests in flight" {
	start_fault --dim 3 --fault 'upsert:1:delay=200' --fault 'upsert:4:delay=100'
	run --separate-stderr pc-upsert -j 8 -n 10 demo < <(vectors 200 3)
	[ "$status" -eq 0 ]
	[ "$(jq -r .first <<<"$output" | tr '\n' ' ')" = "$(seq 0 10 190 | tr '\n' ' ')" ]
	[ "$(audit max_concurrent_of.upsert)" -gt 1 ]
	[ "$(audit upserted.distinct)" -eq 200 ]
}

# Each receipt is of records that the server has, and no record has two.
audited() {
	jq -r 'range(.first | tonumber; (.last | tonumber) + 1)' <<<"$output" | sort >"$BATS_TEST_TMPDIR/receipts"
	[ -z "$(uniq -d "$BATS_TEST_TMPDIR/receipts")" ]
	curl -sS "$FAULT_URL/audit/ids" | sort >"$BATS_TEST_TMPDIR/ids"
	[ -z "$(comm -23 "$BATS_TEST_TMPDIR/receipts" "$BATS_TEST_TMPDIR/ids")" ]
}

@test "pc-upsert: faults that pass cost no record and make no receipt twice" {
	start_fault --dim 3 --seed 7 --fault 'upsert:p=0.1:status=500' --fault 'upsert:p=0.1:lost' \
		--fault 'upsert:p=0.1:cut' --fault 'upsert:p=0.1:status=429,retry-after=0' --fault 'upsert:7:notjson' \
		--fault 'upsert:20:empty'
	run --separate-stderr pc-upsert -j 8 -n 5 demo < <(vectors 300 3)
	[ "$status" -eq 0 ]
	[ "$(acknowledged)" -eq 300 ]
	[ "$(jq -r .first <<<"$output" | tr '\n' ' ')" = "$(seq 0 5 295 | tr '\n' ' ')" ]
	[ "$(audit upserted.distinct)" -eq 300 ]
	audited
}

@test "pc-upsert: a receipt comes after the server's answer, not before" {
	start_fault --dim 3 --fault 'upsert:2:hang'
	run --separate-stderr pc-upsert -q -j 1 -n 1 --deadline 1500ms demo < <(vectors 3 3)
	[ "$status" -eq 75 ]
	[ "$output" = '{"upsertedCount":1,"first":"0","last":"0","namespace":""}' ]
	[[ $stderr == *'stopped at input line 2'* ]]
	audited
}

@test "pc-upsert: an answer that is none makes no receipt" {
	start_fault --dim 3 --fault 'upsert:*:notjson'
	run --separate-stderr pc-upsert demo < <(vectors 3 3)
	[ "$status" -eq 76 ]
	[ "$output" = '' ]
	[ "$(plain <<<"${stderr_lines[0]}")" = 'pc-upsert: line 1: POST URL/demo/vectors/upsert (3 records, "0" to "2"): the answer has no upsertedCount' ]
	[[ ${stderr_lines[-1]} == 'pc-upsert: stopped at input line 1'* ]]
}

@test "pc-upsert: a count that is one short is asked again in parts until all are acknowledged" {
	start_fault --dim 3 --fault 'upsert:1:shortcount'
	run --separate-stderr pc-upsert demo < <(vectors 4 3)
	[ "$status" -eq 0 ]
	[ "$stderr" = '' ]
	[ "$(jq -c '[.upsertedCount, .first, .last]' <<<"$output")" = $'[2,"0","1"]\n[2,"2","3"]' ]
	[ "$(audit upserted.distinct)" -eq 4 ]
	audited
}

@test "pc-upsert: a record that is never acknowledged is named, without a receipt; those before it have theirs" {
	start_fault --dim 3 --fault 'upsert:*,contains="2":shortcount'
	run --separate-stderr pc-upsert demo < <(vectors 4 3)
	[ "$status" -eq 76 ]
	[ "$output" = '{"upsertedCount":2,"first":"0","last":"1","namespace":""}' ]
	[ "${stderr_lines[0]}" = 'pc-upsert: line 3: record "2": the server acknowledged 0 of 1 records' ]
	[[ "${stderr_lines[1]}" == 'pc-upsert: stopped at input line 3: '* ]]
	run --separate-stderr pc-upsert -r "$BATS_TEST_TMPDIR/rejects" demo < <(vectors 4 3)
	[ "$status" -eq 1 ]
	[ "$(jq -c '[.upsertedCount, .first, .last]' <<<"$output")" = $'[2,"0","1"]\n[1,"3","3"]' ]
	[ "$stderr" = 'pc-upsert: line 3: record "2": the server acknowledged 0 of 1 records' ]
	cmp "$BATS_TEST_TMPDIR/rejects" <(vectors 4 3 | sed -n 3p)
}

@test "pc-upsert: records that are there twice in a request are one for the server, and no reason to doubt" {
	start_fault --dim 3
	run --separate-stderr pc-upsert demo <<<'[{"id":"a","values":[1,2,3]},{"id":"b","values":[1,2,3]},{"id":"a","values":[3,2,1]}]'
	[ "$status" -eq 0 ]
	[ "$(jq -c '[.first, .last]' <<<"$output")" = '["a","a"]' ]
	[ "$(stored a | jq -c .values)" = '[3,2,1]' ]
}

@test "pc-upsert: of records with the same id the last one stays, however slow or unlucky the first one was" {
	start_fault --dim 3 --fault 'upsert:1:delay=300' --fault 'upsert:3:status=500' --fault 'upsert:6:lost'
	for id in a b c; do
		run --separate-stderr pc-upsert -j 4 -n 1 demo < <(printf '{"id":"%s","values":%s}\n' \
			$id '[1,1,1]' other '[5,5,5]' $id '[2,2,2]')
		[ "$status" -eq 0 ]
		[ "$(stored $id | jq -c .values)" = '[2,2,2]' ]
		# the same in one batch that goes in parts
		run --separate-stderr pc-upsert -j 4 demo < <(seq 1500 | jq -c --arg id "$id" '{id: $id, values: [., ., .]}' | batch)
		[ "$status" -eq 0 ]
		[ "$(stored $id | jq -c .values)" = '[1500,1500,1500]' ]
	done
}

@test "pc-upsert: an id that comes again does not keep the others from going at once" {
	start_fault --dim 3 --delay 20
	run --separate-stderr pc-upsert -j 8 -n 5 demo < <({ vectors 100 3; vectors 20 3; vectors 100 3; })
	[ "$status" -eq 0 ]
	[ "$(acknowledged)" -eq 220 ]
	[ "$(audit max_concurrent_of.upsert)" -gt 4 ]
}

# bad RECORD REASON: the record between two good ones is refused with that reason, before it is sent
bad() {
	local good='{"id":"a","values":[1,2,3]}' end='{"id":"z","values":[1,2,3]}'

	echo "$1"
	run --separate-stderr pc-upsert demo < <(printf '%s\n' "$good" "$1" "$end")
	[ "$status" -eq 65 ]
	[ "$output" = '{"upsertedCount":1,"first":"a","last":"a","namespace":""}' ]
	[ "$stderr" = "pc-upsert: line 2: $2" ]
	run --separate-stderr pc-upsert -r "$BATS_TEST_TMPDIR/rejects" demo < <(printf '[%s,%s,%s]\n' "$good" "$1" "$end")
	[ "$status" -eq 1 ]
	[ "$output" = '{"upsertedCount":2,"first":"a","last":"z","namespace":""}' ]
	[ "$stderr" = "pc-upsert: line 1: $2" ]
	[ "$(cat "$BATS_TEST_TMPDIR/rejects")" = "$1" ]
}

@test "pc-upsert: a record without id or values, or with one of a wrong type, is named and set aside" {
	start_fault --dim 3
	bad '{"values":[1,2,3]}' 'no id: a record needs one (vec-batch makes them)'
	bad '{"id":"","values":[1,2,3]}' 'no id: a record needs one (vec-batch makes them)'
	bad '{"id":null,"values":[1,2,3]}' 'no id: a record needs one (vec-batch makes them)'
	bad '{"id":"b"}' 'no values: hf-embed gives a record its vector'
	bad '{"id":"b","values":null}' 'no values: hf-embed gives a record its vector'
	for record in '{"id":7,"values":[1,2,3]}' '{"id":"b","values":"1,2,3"}' '{"id":"b","values":[1,2,3],"metadata":"x"}' \
		'{"id":"b","sparse_values":[1]}' '"b"' 17; do
		bad "$record" 'not a record: want an object with id a string, values an array, metadata an object'
	done
	bad '{"id":"b","id":"c","values":[1,2,3]}' 'not a record: a member stands there twice'
	[ "$(audit 'statuses["400"] // 0')" -eq 0 ]
}

@test "pc-upsert: an id may have 512 characters, however it is spelled, and not 513" {
	start_fault --dim 3
	long=$(printf 'a%.0s' {1..512})
	run --separate-stderr pc-upsert demo <<<"{\"id\":\"$long\",\"values\":[1,2,3]}"
	[ "$status" -eq 0 ]
	run --separate-stderr pc-upsert demo <<<"{\"id\":\"${long//a/\\u0061}\",\"values\":[1,2,3]}"
	[ "$status" -eq 0 ]
	[ "$(audit upserted.distinct)" -eq 1 ]
	bad "{\"id\":\"a$long\",\"values\":[1,2,3]}" 'its id is over 512 characters'
	bad "{\"id\":\"\\u00e9$long\",\"values\":[1,2,3]}" 'its id is over 512 characters'
}

@test "pc-upsert: a line that is no JSON is named, and is set aside whole" {
	start_fault --dim 3
	run --separate-stderr pc-upsert -r "$BATS_TEST_TMPDIR/rejects" demo < <(
		vectors 1 3
		printf '%s\n' '[{"id":"x","values":[1,2,3]},' '{"id":"y","values":[NaN]}'
		vectors 1 3
	)
	[ "$status" -eq 1 ]
	[ "$(acknowledged)" -eq 2 ]
	[ "$stderr" = $'pc-upsert: line 2: not JSON\npc-upsert: line 3: not JSON' ]
	[ "$(cat "$BATS_TEST_TMPDIR/rejects")" = $'[{"id":"x","values":[1,2,3]},\n{"id":"y","values":[NaN]}' ]
	[ "$(audit upserted.distinct)" -eq 1 ]
}

@test "pc-upsert: a last line that was cut is named as cut, after what came before it" {
	start_fault --dim 3
	run --separate-stderr pc-upsert demo < <(vectors 3 3 | head -c -20)
	[ "$status" -eq 65 ]
	[ "$output" = '{"upsertedCount":2,"first":"0","last":"1","namespace":""}' ]
	[ "$stderr" = 'pc-upsert: line 3: not JSON; the last line has no end: was it cut?' ]
	run --separate-stderr pc-upsert demo < <(vectors 3 3 | batch | head -c -20)
	[ "$status" -eq 65 ]
	[ "$output" = '' ]
	[ "$stderr" = 'pc-upsert: line 1: not JSON; the last line has no end: was it cut?' ]
	run --separate-stderr pc-upsert demo < <(vectors 3 3 | head -c -1) # only the LF is missing
	[ "$status" -eq 0 ]
	[ "$(acknowledged)" -eq 3 ]
}

@test "pc-upsert: what the server refuses is found among a thousand, and the others are stored" {
	start_fault --dim 3
	vectors 1000 3 | sed '400s/.*/{"id":"short","values":[1,2]}/; 777s/.*/{"id":"words","values":["x",1,2]}/' >"$BATS_TEST_TMPDIR/in"
	run --separate-stderr pc-upsert -r "$BATS_TEST_TMPDIR/rejects" demo <"$BATS_TEST_TMPDIR/in"
	[ "$status" -eq 1 ]
	[ "$(acknowledged)" -eq 998 ]
	[ "$(plain <<<"$stderr" | sort)" = 'pc-upsert: line 400: record "short": 400: Vector dimension 2 does not match the dimension of the index 3 (request ID)
pc-upsert: line 777: record "words": 400: vectors[0]: values must be finite numbers (request ID)' ]
	[ "$(sort "$BATS_TEST_TMPDIR/rejects")" = $'{"id":"short","values":[1,2]}\n{"id":"words","values":["x",1,2]}' ]
	[ "$(audit upserted.distinct)" -eq 998 ]
	[ "$(audit requests.upsert)" -le 45 ] # not one for each record
}

@test "pc-upsert: without -r the refused record ends the run; receipts are for what comes before it" {
	start_fault --dim 3
	run --separate-stderr pc-upsert -n 10 -j 4 demo < <(vectors 100 3 | sed '25s/.*/{"id":"short","values":[1,2]}/')
	[ "$status" -eq 65 ]
	says 'pc-upsert: line 25: record "short": 400: Vector dimension 2 does not match the dimension of the index 3 (request ID)'
	[ "$(acknowledged)" -eq 24 ]
	[ "$(jq -r .last <<<"$output" | tail -1)" = 23 ]
}

@test "pc-upsert: the rejects can be mended and fed in again" {
	start_fault --dim 3
	run --separate-stderr pc-upsert -r "$BATS_TEST_TMPDIR/rejects" demo < <(vectors 5 3 | sed 's/"id":"3"/"id":3/')
	[ "$status" -eq 1 ]
	run --separate-stderr pc-upsert demo < <(jq -c '.id |= tostring' "$BATS_TEST_TMPDIR/rejects")
	[ "$status" -eq 0 ]
	[ "$output" = '{"upsertedCount":1,"first":"3","last":"3","namespace":""}' ]
	[ "$(audit upserted.distinct)" -eq 5 ]
}

@test "pc-upsert -r: a file that can't be written is told before anything is sent" {
	start_fault --dim 3
	run --separate-stderr pc-upsert -r /nowhere/rejects demo < <(vectors 5 3)
	[ "$status" -eq 74 ]
	[ "$stderr" = 'pc-upsert: -r /nowhere/rejects: No such file or directory' ]
	[ "$(audit requests.upsert)" -eq 0 ]
}

@test "pc-upsert: a server that takes less than 2 MB is believed" {
	start_fault --dim 3 --fault 'upsert:*:max-bytes=3000'
	run --separate-stderr pc-upsert -q demo < <(vectors 200 3)
	[ "$status" -eq 0 ]
	[ "$stderr" = '' ]
	[ "$(acknowledged)" -eq 200 ]
	[ "$(audit upserted.distinct)" -eq 200 ]
	[ "$(upserts 'select(.status == 400)' | wc -l)" -le 4 ] # the limit is remembered
}

@test "pc-upsert: a record that is too large alone is rejected, the others are stored" {
	start_fault --dim 3
	run --separate-stderr pc-upsert -q -r "$BATS_TEST_TMPDIR/rejects" demo < <(
		vectors 2 3
		awk 'BEGIN { printf "{\"id\":\"big\",\"values\":[1,2,3],\"metadata\":{\"t\":\""; for (i = 0; i < 250000; i++) printf "0123456789"; print "\"}}" }'
		vectors 1 3
	)
	[ "$status" -eq 1 ]
	[ "$(acknowledged)" -eq 3 ]
	[[ $stderr == 'pc-upsert: line 3: record "big": 4'* ]]
	[ "${#stderr_lines[@]}" -eq 1 ]
	[ "$(jq -r .id "$BATS_TEST_TMPDIR/rejects")" = big ]
}

@test "pc-upsert: an index that is missing is named, with those that there are and what to do" {
	start_fault --index one:3 --index two:4
	run --separate-stderr pc-upsert three < <(vectors 3 3)
	[ "$status" -eq 78 ]
	[ "$output" = '' ]
	[ "$stderr" = "pc-upsert: index three: no such index (there are: one, two): create it with 'pc-index create -d DIMENSION three'" ]
	[ "$(audit requests.upsert)" -eq 0 ]
}

@test "pc-upsert: an index that goes away in the middle ends the run at its line" {
	start_fault --dim 3 --fault 'upsert:3:status=404,times=100'
	run --separate-stderr pc-upsert -j 1 -n 1 demo < <(vectors 9 3)
	[ "$status" -eq 78 ]
	[ "$(acknowledged)" -eq 2 ]
	[ "$(plain <<<"${stderr_lines[0]}")" = "pc-upsert: line 3: POST URL/demo/vectors/upsert (record \"2\"): 404: Resource not found (request ID): the index is gone: 'pc-index list' shows which there are" ]
	[[ ${stderr_lines[1]} == 'pc-upsert: stopped at input line 3'* ]]
	[ "$(audit requests.upsert)" -eq 3 ]
}

@test "pc-upsert --create: makes a missing index with the dimension of the first record, and waits for it" {
	start_fault --ready-after 2
	run --separate-stderr pc-upsert --create --metric dotproduct new < <(vectors 5 7)
	[ "$status" -eq 0 ]
	[ "$(acknowledged)" -eq 5 ]
	[ "${stderr_lines[0]}" = 'pc-upsert: index new: creating it with dimension 7 and metric dotproduct' ]
	[ "${stderr_lines[1]}" = 'pc-upsert: index new: waiting until it is ready, up to 600 s' ]
	[ "${#stderr_lines[@]}" -eq 2 ]
	[ "$(pc-index describe new | jq -c '[.dimension, .metric, .spec]')" = '[7,"dotproduct",{"serverless":{"cloud":"aws","region":"us-east-1"}}]' ]
	[ "$(pc-index stats new | jq .totalVectorCount)" -eq 5 ]
}

@test "pc-upsert --create: from a batch, too, and behind one that is empty" {
	start_fault
	run --separate-stderr pc-upsert -q --create new < <(
		echo '[]'
		vectors 5 7 | batch
		vectors 2 7 | batch
	)
	[ "$status" -eq 0 ]
	[ "$stderr" = '' ]
	[ "$(jq -c .upsertedCount <<<"$output" | tr '\n' ' ')" = '5 2 ' ]
	[ "$(pc-index describe new | jq -c '[.dimension, .metric]')" = '[7,"cosine"]' ]
}

@test "pc-upsert --create: an index that is there is used as it is" {
	start_fault --dim 3
	run --separate-stderr pc-upsert --create demo < <(vectors 5 3)
	[ "$status" -eq 0 ]
	[ "$stderr" = '' ]
	[ "$(acknowledged)" -eq 5 ]
	[ "$(audit requests.create)" -eq 0 ]
}

@test "pc-upsert --create: without a record, or a vector in the first one, nothing is made" {
	start_fault
	run --separate-stderr pc-upsert --create new </dev/null
	[ "$status" -eq 65 ]
	[ "$output" = '' ]
	[ "$stderr" = 'pc-upsert: index new: not created: there is no record that could tell its dimension' ]
	for record in '{"id":"a","sparse_values":{"indices":[1],"values":[1]}}' '{"id":"a","values":["x"]}'; do
		run --separate-stderr pc-upsert --create new <<<"$record"
		[ "$status" -eq 65 ]
		[ "$stderr" = 'pc-upsert: index new: not created: the first record has no vector of numbers that could tell its dimension' ]
	done
	run --separate-stderr pc-upsert --create new <<<'{"id":"a","values":[]}'
	[ "$status" -eq 65 ]
	[ "$stderr" = 'pc-upsert: line 1: no values: hf-embed gives a record its vector' ]
	run --separate-stderr pc-upsert --create -r "$BATS_TEST_TMPDIR/rejects" new <<<'{"id":"a","values":[]}'
	[ "$status" -eq 1 ]
	[ "$(cat "$BATS_TEST_TMPDIR/rejects")" = '{"id":"a","values":[]}' ]
	[ "$(audit requests.create)" -eq 0 ]
}

@test "pc-upsert --create: a first line that is no record is named, and nothing is made" {
	start_fault
	run --separate-stderr pc-upsert --create new < <(
		echo '{nonsense'
		vectors 2 3
	)
	[ "$status" -eq 65 ]
	[ "$output" = '' ]
	[ "$stderr" = 'pc-upsert: line 1: not JSON' ]
	[ "$(audit requests.create)" -eq 0 ]
	run --separate-stderr pc-upsert -q -r "$BATS_TEST_TMPDIR/rejects" --create new < <(
		echo '{nonsense'
		vectors 2 3
	)
	[ "$status" -eq 1 ]
	[ "$(acknowledged)" -eq 2 ]
	[ "$stderr" = 'pc-upsert: line 1: not JSON' ]
}

@test "pc-upsert --create: a lost answer makes one index, and all records come to be in it" {
	start_fault --fault 'create:1:lost'
	run --separate-stderr pc-upsert -q --create new < <(vectors 5 3)
	[ "$status" -eq 0 ]
	[ "$(acknowledged)" -eq 5 ]
	[ "$(pc-index stats new | jq .totalVectorCount)" -eq 5 ]
}

@test "pc-upsert --metric: what it may be" {
	start_fault
	run --separate-stderr pc-upsert --create --metric far new </dev/null
	[ "$status" -eq 64 ]
	[[ $stderr == 'pc-upsert: --metric far: want cosine, dotproduct or euclidean;'* ]]
	[ "$(audit total)" -eq 0 ]
}

@test "pc-upsert: PINECONE_INDEX_HOST is used without asking the control plane" {
	start_fault --dim 3
	export PINECONE_INDEX_HOST=$FAULT_URL/demo/ PINECONE_CONTROLLER_HOST=http://127.0.0.1:1
	run --separate-stderr pc-upsert --create whatever < <(vectors 2 3)
	[ "$status" -eq 0 ]
	[ "$(acknowledged)" -eq 2 ]
	[ "$(requests .path)" = '"/demo/vectors/upsert"' ]
}

@test "pc-upsert: without PINECONE_API_KEY, 78, what to do, and no input read" {
	start_fault
	vectors 2 3 >"$BATS_TEST_TMPDIR/in"
	PINECONE_API_KEY= run --separate-stderr bash -c '{ pc-upsert demo; status=$?; cat; exit "$status"; }' <"$BATS_TEST_TMPDIR/in"
	[ "$status" -eq 78 ]
	[ "$output" = "$(cat "$BATS_TEST_TMPDIR/in")" ]
	[ "$stderr" = 'pc-upsert: PINECONE_API_KEY: not set: set it to a key of your project, or run under pc-local' ]
}

@test "pc-upsert: a wrong key is 77, once, and never shown" {
	start_fault --dim 3
	PINECONE_API_KEY=wrong-secret run --separate-stderr pc-upsert -v demo < <(vectors 20 3)
	[ "$status" -eq 77 ]
	[ "$output" = '' ]
	[[ $stderr == *'401: Invalid API key.'*'set PINECONE_API_KEY to a key of the project that has the index'* ]]
	[[ $stderr != *wrong-secret* ]]
	[ "$(audit total)" -eq 1 ]
}

@test "pc-upsert: a key that is withdrawn in the middle ends the run; nothing more is sent" {
	start_fault --dim 3 --fault 'upsert:3:status=401,times=100'
	run --separate-stderr pc-upsert -j 1 -n 1 demo < <(vectors 9 3)
	[ "$status" -eq 77 ]
	[ "$(acknowledged)" -eq 2 ]
	[[ ${stderr_lines[-1]} == 'pc-upsert: stopped at input line 3'* ]]
	[ "$(audit requests.upsert)" -eq 3 ]
}

@test "pc-upsert: extra headers are sent, also with the records" {
	start_fault --dim 3
	PINECONE_ADDITIONAL_HEADERS='{"X-Tenant":"t1"}' run --separate-stderr pc-upsert demo < <(vectors 2 3)
	[ "$status" -eq 0 ]
	[ "$(requests '.headers."x-tenant"' | sort -u)" = '"t1"' ]
	[ "$(requests .kind | wc -l)" -eq 2 ]
}

@test "pc-upsert: receipts that can't be written are 74, and where to go on is said" {
	start_fault --dim 3
	run --separate-stderr bash -c 'pc-upsert -n 1 demo >/dev/full' < <(vectors 3 3)
	[ "$status" -eq 74 ]
	[ "${stderr_lines[0]}" = 'pc-upsert: standard output: No space left on device' ]
	[[ ${stderr_lines[-1]} == 'pc-upsert: stopped at input line 1'* ]]
}

@test "pc-upsert: one index name, and one that can be one" {
	start_fault
	run --separate-stderr pc-upsert </dev/null
	[ "$status" -eq 64 ]
	[[ $stderr == *'pc-upsert: an operand is missing;'* ]]
	run --separate-stderr pc-upsert a b </dev/null
	[ "$status" -eq 64 ]
	for name in '' .. $'de\nmo'; do
		run --separate-stderr pc-upsert "$name" </dev/null
		[ "$status" -eq 64 ]
		[[ $stderr == *'no name that an index can have'* ]]
	done
	[ "$(audit total)" -eq 0 ]
}

@test "pc-upsert with pc-local: an index is made, and what was acknowledged is there in the next run" {
	with_local pc-upsert -q --create demo < <(vectors 2500 8)
	[ "$status" -eq 0 ]
	[ "$stderr" = '' ]
	[ "$(acknowledged)" -eq 2500 ]
	with_local pc-upsert -s other demo < <(vectors 10 8 | batch)
	[ "$status" -eq 0 ]
	[ "$output" = '{"upsertedCount":10,"first":"0","last":"9","namespace":"other"}' ]
	with_local pc-upsert demo < <(vectors 10 8) # again: nothing changes
	[ "$(acknowledged)" -eq 10 ]
	with_local pc-index stats demo
	[ "$(jq -c '[.dimension, .totalVectorCount, .namespaces.other.vectorCount]' <<<"$output")" = '[8,2510,10]' ]
}

@test "pc-upsert with pc-local: a batch over 2 MB and 1000 records is stored in parts" {
	with_local pc-upsert -q --create demo < <(vectors 100 4000 | batch)
	[ "$status" -eq 0 ]
	[ "$stderr" = '' ]
	[ "$(jq -c '[.upsertedCount, .first, .last]' <<<"$output")" = $'[43,"0","42"]\n[43,"43","85"]\n[14,"86","99"]' ]
}

@test "pc-upsert with pc-local: what the server refuses is found, named and set aside" {
	with_local pc-index create -d 3 demo
	[ "$status" -eq 0 ]
	with_local pc-upsert -r "$BATS_TEST_TMPDIR/rejects" demo < <(vectors 100 3 | sed '40s/.*/{"id":"short","values":[1,2]}/;
		50s/.*/{"id":"zero","values":[0,0,0]}/; 60s/.*/{"id":"deep","values":[1,2,3],"metadata":{"a":{"b":1}}}/;
		70s/.*/{"id":"null","values":[1,2,null]}/; 80s/.*/{"id":"null","values":[1,2,3],"metadata":{"a":null}}/')
	[ "$status" -eq 1 ]
	[ "$(acknowledged)" -eq 95 ]
	[ "$(grep -oE 'line [0-9]+: record "[a-z]+": 400: ' <<<"$stderr" | sort)" = 'line 40: record "short": 400: 
line 50: record "zero": 400: 
line 60: record "deep": 400: 
line 70: record "null": 400: 
line 80: record "null": 400: ' ]
	[ "$(jq -r .id "$BATS_TEST_TMPDIR/rejects" | sort | tr '\n' ' ')" = 'deep null null short zero ' ]
	with_local pc-index stats demo
	[ "$(jq .totalVectorCount <<<"$output")" -eq 95 ]
}

@test "pc-upsert with pc-local: sparse records go into a sparse index, and sparse queries find them" {
	with_local bash -c 'curl -sS -o /dev/null -w "%{http_code}\n" -H "Api-Key: $PINECONE_API_KEY" "$PINECONE_CONTROLLER_HOST/indexes" --data-binary @-' \
		<<<'{"name":"demo","vector_type":"sparse","metric":"dotproduct","spec":{"serverless":{"cloud":"aws","region":"us-east-1"}}}'
	[ "$output" = 201 ]
	with_local pc-upsert demo < <(printf '%s\n' '{"id":"a","sparse_values":{"indices":[1,9],"values":[0.5,1]}}' \
		'{"id":"b","values":[],"sparse_values":{"indices":[2],"values":[3]}}')
	[ "$status" -eq 0 ]
	[ "$stderr" = '' ]
	[ "$(acknowledged)" -eq 2 ]
	with_local pc-query -k 1 demo <<<'{"id":"q","values":[],"sparse_values":{"indices":[2],"values":[2]}}'
	[ "$status" -eq 0 ]
	[ "$(jq -c '[.matches[0].id, .matches[0].score]' <<<"$output")" = '["b",6]' ]
}
