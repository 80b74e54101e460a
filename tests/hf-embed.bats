load helper

ask() {
	curl -sS -H "Authorization: Bearer $HF_TOKEN" -H 'Content-Type: application/json' --data-binary @- \
		"${CLEAN:-$FAULT_URL}/toolkit/"
}

# vector TEXT  the bytes that the server has for it
vector() {
	jq -nc '{inputs: $ARGS.positional}' --args "$1" | ask | sed 's/^{"embeddings":\[//; s/\]}$//'
}

# belong FILE  each record has the vector that a server without faults gives for its text
belong() {
	jq -sc '{inputs: map(.metadata.text)}' "$1" | ask | jq -c '.embeddings[]' >"$BATS_TEST_TMPDIR/want"
	jq -c .values "$1" | cmp - "$BATS_TEST_TMPDIR/want"
}

clean_server() {
	start_fault
	CLEAN=$FAULT_URL
}

@test "a record comes out with its text's vector behind the id, and nothing is said" {
	start_fault --dim 4
	embed < <(echo '{"id":"1","metadata":{"text":"a"}}')
	said 0
	[ "$output" = '{"id":"1","values":'"$(vector a)"',"metadata":{"text":"a"}}' ]
	[ "$(requests .body | head -1)" = '"{\"inputs\":[\"a\"]}"' ]
	[ "$(vector a | jq length)" -eq 4 ]
	[ "$(vector a)" != "$(vector b)" ]
}

@test "the three forms of an answer give the same records" {
	clean_server
	records 40 | hf-embed >"$BATS_TEST_TMPDIR/toolkit"
	belong "$BATS_TEST_TMPDIR/toolkit"
	start_fault --shape tei --max-batch 64
	embed < <(records 40)
	said 0
	[ "$output" = "$(cat "$BATS_TEST_TMPDIR/toolkit")" ]
	start_fault --shape openai --max-batch 64
	embed "$FAULT_URL/v1/embeddings" < <(records 40)
	said 0
	[ "$output" = "$(cat "$BATS_TEST_TMPDIR/toolkit")" ]
	[[ "$(requests .body)" == '"{\"input\":['* ]]
}

@test "openai's items may come in any order" {
	clean_server
	start_fault --shape openai --max-batch 64 --fault 'embed:*:shuffle'
	embed "$FAULT_URL/v1/embeddings" < <(records 50)
	said 0
	echo "$output" >"$BATS_TEST_TMPDIR/out"
	[ "$(stripped <"$BATS_TEST_TMPDIR/out")" = "$(records 50)" ]
	belong "$BATS_TEST_TMPDIR/out"
}

@test "order is kept with eight requests in flight and some of them slow" {
	clean_server
	start_fault --fault 'embed:*:delay=60,every=3' --fault 'embed:*:delay=15,every=2'
	embed -j 8 -n 3 < <(records 200)
	said 0
	echo "$output" >"$BATS_TEST_TMPDIR/out"
	[ "$(stripped <"$BATS_TEST_TMPDIR/out")" = "$(records 200)" ]
	belong "$BATS_TEST_TMPDIR/out"
	[ "$(audit max_concurrent)" -gt 4 ]
	[ "$(audit max_concurrent)" -le 8 ]
	[ "$(audit embedded.max)" -eq 1 ]
}

@test "framing out is framing in: batches, loose records and empty batches in one input" {
	start_fault
	embed -n 2 < <(
		echo '[{"id":"a","metadata":{"text":"1"}},{"id":"b","metadata":{"text":"2"}}]'
		echo '{"id":"c","metadata":{"text":"3"}}'
		echo '[]'
		echo
		echo ' [ {"id":"d","metadata":{"text":"4"}} ] '
		echo '{"id":"e","metadata":{"text":"5"}}'
		printf '{"id":"f","metadata":{"text":"6"}}'
	)
	said 0
	[ "$(stripped <<<"$output")" = '[{"id":"a","metadata":{"text":"1"}},{"id":"b","metadata":{"text":"2"}}]
{"id":"c","metadata":{"text":"3"}}
[]
[{"id":"d","metadata":{"text":"4"}}]
{"id":"e","metadata":{"text":"5"}}
{"id":"f","metadata":{"text":"6"}}' ]
	[ "$(requests '.body | fromjson.inputs' | sort)" = "$(printf '%s\n' '["1","2"]' '["3"]' '["4"]' '["5","6"]')" ]
}

@test "a batch line is one request, loose records are grouped by -n" {
	start_fault
	embed < <(records 100 | jq -sc .)
	said 0
	embed -n 30 -j 1 < <(records 100)
	said 0
	embed -j 1 < <(records 100)
	said 0
	[ "$(requests '.body | fromjson.inputs | length' | paste -sd' ')" = '100 30 30 30 10 64 36' ]
}

@test "all bytes that are not the vector are kept: numbers, escapes, order, blanks, unknown members" {
	start_fault
	embed < <(
		echo '{"id":"\u0061\/","metadata":{"n":1.50e+01,"big":123456789012345678901234567890,"text":"\u0061"},"x":[ 1 , 2 ]}'
		echo '{"metadata":{"text":"a"},"z":-0.0,"id":"last"}'
		echo '{"metadata":{"text":"a"}}'
		printf ' \t{"metadata" : {"text":"a"}, "":{} }\t\r\n'
		echo '{ "id" : "sp" , "metadata" : { "text" : "a" } } '
		echo '{"id":null,"sparse_values":null,"metadata":{"text":"a","text2":"é\ud83d\ude00"}}'
	)
	said 0
	local v
	v=$(vector a)
	[ "$output" = '{"id":"\u0061\/","values":'"$v"',"metadata":{"n":1.50e+01,"big":123456789012345678901234567890,"text":"\u0061"},"x":[ 1 , 2 ]}
{"metadata":{"text":"a"},"z":-0.0,"id":"last","values":'"$v"'}
{"values":'"$v"',"metadata":{"text":"a"}}
 	{"values":'"$v"',"metadata" : {"text":"a"}, "":{} }	
{ "id" : "sp","values":'"$v"' , "metadata" : { "text" : "a" } } 
{"values":'"$v"',"id":null,"sparse_values":null,"metadata":{"text":"a","text2":"é\ud83d\ude00"}}' ]
	[ "$(requests .body | head -1 | jq -r .)" = '{"inputs":["\u0061","a","a","a","a","a"]}' ]
}

@test "a null that stands for the vector is replaced, not stood beside" {
	start_fault
	embed < <(
		echo '{"id":"a","values":null,"metadata":{"text":"a"}}'
		echo '[{"values": null ,"id":"b","metadata":{"text":"a"}},{"id":"c","metadata":{"text":"a"},"values":null}]'
		for i in $(seq 40); do # so many that the batch's memory moves
			echo '{"id":"m'"$i"'","values":null,"metadata":{"text":"a","pad":"................................"}}'
		done
	)
	said 0
	local v
	v=$(vector a)
	[ "${lines[0]}" = '{"id":"a","values":'"$v"',"metadata":{"text":"a"}}' ]
	[ "${lines[1]}" = '[{"values": '"$v"' ,"id":"b","metadata":{"text":"a"}},{"id":"c","metadata":{"text":"a"},"values":'"$v"'}]' ]
	[ "${#lines[@]}" -eq 42 ]
	for i in $(seq 40); do
		[ "${lines[$((i + 1))]}" = '{"id":"m'"$i"'","values":'"$v"',"metadata":{"text":"a","pad":"................................"}}' ]
	done
	embed < <(echo '{"id":"a","values":null,"metadata":{"text":"a"},"values":null}')
	said 65 'hf-embed: line 1: not a record: a member stands there twice'
}

@test "a record that has its vector passes as it is, in its place, and costs nothing" {
	start_fault
	embed < <(
		echo '{"id":"a","metadata":{"text":"1"}}'
		echo '{"id":"b","values":[1.0,2],"metadata":{"text":"2"}}'
		echo '{"id":"c","metadata":{"text":"3"}}'
		echo '[{"id":"d","values":[1.0,2]}]'
	)
	said 0
	[ "${lines[1]}" = '{"id":"b","values":[1.0,2],"metadata":{"text":"2"}}' ]
	[ "${lines[3]}" = '[{"id":"d","values":[1.0,2]}]' ]
	[ "$(requests '.body | fromjson.inputs')" = '["1","3"]' ]
	echo "$output" >"$BATS_TEST_TMPDIR/once"
	embed <"$BATS_TEST_TMPDIR/once" # fed in again: the same bytes, and no further request
	said 0
	[ "$output" = "$(cat "$BATS_TEST_TMPDIR/once")" ]
	[ "$(audit total)" -eq 1 ]
}

@test "-l makes records of lines, as vec-batch does" {
	start_fault
	printf 'a "quoted" one\\\r\n\ttabbed\n{"id":"x"}\n[1]\n\nzwölf 😀\nlast' >"$BATS_TEST_TMPDIR/in"
	embed -l <"$BATS_TEST_TMPDIR/in"
	said 0
	[ "$(stripped <<<"$output")" = "$(vec-batch -l <"$BATS_TEST_TMPDIR/in" | jq -c '.[]')" ]
	[ "$(jq -r '.metadata.text' <<<"$output")" = "$(printf 'a "quoted" one\\\n\ttabbed\n{"id":"x"}\n[1]\nzwölf 😀\nlast')" ]
	[ "$(jq -c '.values' <<<"${lines[0]}")" = "$(vector 'a "quoted" one\' | jq -c .)" ]
}

@test "--truncate asks the server to cut long texts" {
	start_fault --shape tei
	embed --truncate < <(records 1)
	said 0
	[ "$(requests '.body | fromjson | .truncate')" = true ]
}

@test "no input is no request and no output" {
	start_fault
	embed </dev/null
	said 0
	[ -z "$output" ]
	embed < <(printf '\n \n\t\n')
	said 0
	[ -z "$output" ]
	[ "$(audit total)" -eq 0 ]
}

@test "a bad line stops it after what came before, and is named" {
	start_fault
	for bad in '{"id":"2","metadata":{}}=no metadata.text: there is nothing to embed (vec-batch -t makes one)' \
		'{"id":"2","metadata":{"text":""}}=metadata.text is empty: there is nothing to embed' \
		'{"id":"2","metadata":{"text":7}}=metadata.text is not a string' \
		'{"id":"2","metadata":{"text":null}}=no metadata.text: there is nothing to embed (vec-batch -t makes one)' \
		'{"id":2,"metadata":{"text":"x"}}=not a record: want an object with id a string, values an array, metadata an object' \
		'{"id":"2","id":"3","metadata":{"text":"x"}}=not a record: a member stands there twice' \
		'"text"=not a record: want an object with id a string, values an array, metadata an object; -l for plain text' \
		'{"id":"2","metadata":{"text":"x"}=not JSON' \
		'nope=not a record: want an object with id a string, values an array, metadata an object; -l for plain text' \
		$'\xff\xd8\xff\xe0=not a record: want an object with id a string, values an array, metadata an object; -l for plain text' \
		$'{"id":"2","metadata":{"text":"\xff"}}=not valid UTF-8'; do
		embed < <(
			records 2
			echo "${bad%%=*}"
			records 2
		)
		said 65 "hf-embed: line 3: ${bad#*=}"
		[ "$(stripped <<<"$output")" = "$(records 2)" ]
	done
}

@test "with -r a bad line is set aside as it is, and the others come out" {
	start_fault
	embed -r "$BATS_TEST_TMPDIR/rejects" -n 2 < <(
		echo '{"id":"a","metadata":{"text":"1"}}'
		echo ' {"id":"b" , "metadata":{}} '
		echo nope
		echo '{"id":"c","metadata":{"text":"3"}}'
		echo '[{"id":"d","metadata":{"text":"4"}}, {"id": "e"},7,{"id":"f","metadata":{"text":"6"}}]'
		echo '[{"id":"g"},{"id":"h","metadata":{"text":"8"}}'
		printf '{"id":"i","metada'
	)
	said 1 'hf-embed: line 2: no metadata.text: there is nothing to embed (vec-batch -t makes one)
hf-embed: line 3: not a record: want an object with id a string, values an array, metadata an object; -l for plain text
hf-embed: line 5: no metadata.text: there is nothing to embed (vec-batch -t makes one)
hf-embed: line 5: not a record: want an object with id a string, values an array, metadata an object
hf-embed: line 6: not JSON
hf-embed: line 7: not JSON; the last line has no end: was it cut?'
	[ "$(stripped <<<"$output")" = '{"id":"a","metadata":{"text":"1"}}
{"id":"c","metadata":{"text":"3"}}
[{"id":"d","metadata":{"text":"4"}},{"id":"f","metadata":{"text":"6"}}]' ]
	[ "$(cat "$BATS_TEST_TMPDIR/rejects")" = ' {"id":"b" , "metadata":{}} 
nope
{"id": "e"}
7
[{"id":"g"},{"id":"h","metadata":{"text":"8"}}
{"id":"i","metada' ]
}

@test "-r: the file cannot be written, or is the input itself" {
	start_fault
	records 3 >"$BATS_TEST_TMPDIR/in"
	embed -r "$BATS_TEST_TMPDIR/no/such" <"$BATS_TEST_TMPDIR/in"
	said 74 "hf-embed: -r $BATS_TEST_TMPDIR/no/such: No such file or directory"
	embed -r "$BATS_TEST_TMPDIR/in" <"$BATS_TEST_TMPDIR/in"
	[ "$status" -eq 64 ]
	[ "$(cat "$BATS_TEST_TMPDIR/in")" = "$(records 3)" ]
	embed -r /dev/full < <(echo {nope)
	[ "$status" -eq 74 ]
	[ "$stderr" = 'hf-embed: line 1: not JSON
hf-embed: -r /dev/full: No space left on device
hf-embed: stopped at input line 1: what came before it is done; go on with --skip 0' ]
	[ "$(audit total)" -eq 0 ]
}

@test "-r that is the cache's file, however it is spelled, is refused, and left as it was" {
	start_fault
	cd "$BATS_TEST_TMPDIR"
	records 3 >in
	ln -s . here
	for same in db ./db here/db "$PWD/db"; do # which is not there yet
		embed -r db --cache "$same" --cache-key k <in
		said 64 "hf-embed: -r db: is the cache itself: name another file; see 'man hf-embed'"
		[ ! -e db ]
	done
	embed --cache db --cache-key k <in
	said 0
	cp db want
	ln db hard
	ln -s db soft
	for same in ./db hard soft; do
		embed -r "$same" --cache db --cache-key k <in
		said 64 "hf-embed: -r $same: is the cache itself: name another file; see 'man hf-embed'"
		cmp db want
	done
	embed -r other --cache db --cache-key k < <(records 3; echo nope)
	[ "$status" -eq 1 ]
	[ "$(cat other)" = nope ]
	[ "$(stripped <<<"$output")" = "$(cat in)" ]
}

@test "--wait is over: how long it was, and what tells more" {
	local over="the wait of 0.2 s is over: 'hf-endpoint describe' tells its state, 'hf-endpoint wait' or a longer --wait waits on"

	start_fault --fault 'embed:*:status=503,retry-after=0' --fault 'info:*:status=503,retry-after=0'
	embed -q --wait 200ms < <(records 1)
	[ "$status" -eq 75 ]
	[ "$(plain <<<"${stderr_lines[0]}")" = "hf-embed: line 1: POST URL (record \"0\"): 503: Service Unavailable (request ID): $over" ]
	embed -q --wait 200ms --cache "$BATS_TEST_TMPDIR/db" < <(records 1)
	[ "$status" -eq 75 ]
	[ "$(plain <<<"${stderr_lines[0]}")" = 'hf-embed: GET URL/info: 503: Service Unavailable (request ID)' ]
	[ "$(plain <<<"${stderr_lines[1]}")" = "hf-embed: URL: $over" ]
	embed -q --deadline 200ms --cache "$BATS_TEST_TMPDIR/db" < <(records 1)
	[ "$status" -eq 75 ]
	[[ $stderr != *hf-endpoint* ]]
}

@test "a server's batch limit is learned at once: one refusal, then no request over it" {
	clean_server
	for status in 413 422; do # text-embeddings-inference up to 1.8, and from 1.9
		start_fault --shape tei --max-batch 1000 --fault "embed:*:max-batch=8,status=$status"
		embed -j 1 -n 64 < <(records 300)
		said 0 'hf-embed: the server takes at most 8 records in a request: batches are sent in parts'
		echo "$output" >"$BATS_TEST_TMPDIR/out"
		[ "$(stripped <"$BATS_TEST_TMPDIR/out")" = "$(records 300)" ]
		belong "$BATS_TEST_TMPDIR/out"
		[ "$(audit embedded.max)" -eq 1 ]
		[ "$(requests 'select(.status != 200) | .n')" = 1 ]
		[ "$(requests '.body | fromjson.inputs | length' | tail -n +2 | sort -n | tail -1)" -eq 8 ]
	done
}

@test "a batch line that is cut for the server is put together again" {
	clean_server
	start_fault --shape tei --max-batch 7
	embed -q -j 4 < <(records 60 | jq -sc '., .[:20]')
	said 0
	[ "${#lines[@]}" -eq 2 ]
	jq -c '.[]' <<<"$output" >"$BATS_TEST_TMPDIR/out"
	[ "$(jq length <<<"$output" | paste -sd' ')" = '60 20' ]
	[ "$(stripped <"$BATS_TEST_TMPDIR/out")" = "$(
		records 60
		records 20
	)" ]
	belong "$BATS_TEST_TMPDIR/out"
}

@test "a plain 413 is learned as a size" {
	clean_server
	start_fault --fault 'embed:*:max-bytes=500'
	embed -j 1 -n 64 < <(records 300)
	[ "$status" -eq 0 ]
	[[ "${stderr_lines[0]}" =~ ^'hf-embed: the server refuses a request of '[0-9]+' bytes: batches are sent in parts'$ ]]
	echo "$output" >"$BATS_TEST_TMPDIR/out"
	[ "$(stripped <"$BATS_TEST_TMPDIR/out")" = "$(records 300)" ]
	belong "$BATS_TEST_TMPDIR/out"
	[ "$(audit embedded.max)" -eq 1 ]
	[ "$(audit 'statuses["413"]')" -le 3 ]
	# no request over the limit once one below it has been taken
	[ "$(requests 'select(.status == 413) | .n' | tail -1)" -le 4 ]
}

@test "a text that is too large by itself is rejected alone" {
	start_fault --fault 'embed:*:max-bytes=500'
	embed -q -j 2 -r "$BATS_TEST_TMPDIR/rejects" < <(
		records 20
		printf '{"id":"big","metadata":{"text":"%0600d"}}\n' 7
		records 5
	)
	[ "$status" -eq 1 ]
	[[ "${stderr_lines[0]}" == 'hf-embed: line 21: record "big": 413: '* ]]
	[ "$(stripped <<<"$output")" = "$(
		records 20
		records 5
	)" ]
	[ "$(cat "$BATS_TEST_TMPDIR/rejects")" = "$(printf '{"id":"big","metadata":{"text":"%0600d"}}' 7)" ]
}

@test "requests stay below the two million bytes that a server takes, and send no Expect" {
	start_fault
	records 60 | sed "s/text number/$(printf %060000d 7)/" >"$BATS_TEST_TMPDIR/in"
	embed -j 2 <"$BATS_TEST_TMPDIR/in"
	said 0
	[ "$(stripped <<<"$output" | cksum)" = "$(cksum <"$BATS_TEST_TMPDIR/in")" ]
	[ "$(requests .body_bytes | sort -n | tail -1)" -le 2000000 ]
	[ "$(requests .body_bytes | sort -n | tail -1)" -gt 1048576 ]
	[ "$(requests '.headers | has("expect")' | sort -u)" = false ]
}

@test "each request says who asks, what it is, and with which token; nothing more" {
	start_fault
	embed -n 2 < <(records 4)
	said 0
	[ "$(requests '.headers | del(.host, ."content-length")' | sort -u)" = '{"accept":"*/*","user-agent":"vecpipe/0.1.0 (hf-embed)","content-type":"application/json","authorization":"Bearer hf_test"}' ]
	[ "$(requests '[.method, .path]' | sort -u)" = '["POST","/"]' ]
}

@test "connections are kept alive: as many as requests in flight, no more" {
	start_fault --delay 2
	embed -j 3 -n 2 < <(records 100)
	said 0
	[ "$(audit connections)" -le 4 ] # and one for this question
	start_fault
	embed -j 1 -n 2 < <(records 100)
	said 0
	[ "$(audit connections)" -eq 2 ]
}

@test "a connection that the server closes after each answer costs nothing but a new one" {
	clean_server
	start_fault --fault 'embed:*:close'
	embed -j 2 -n 5 < <(records 100)
	said 0
	echo "$output" >"$BATS_TEST_TMPDIR/out"
	[ "$(stripped <"$BATS_TEST_TMPDIR/out")" = "$(records 100)" ]
	belong "$BATS_TEST_TMPDIR/out"
	[ "$(audit embedded.max)" -eq 1 ]
}

@test "what is read is answered while the input stays open" {
	start_fault
	mkfifo "$BATS_TEST_TMPDIR/in" "$BATS_TEST_TMPDIR/out"
	timeout 20 hf-embed <"$BATS_TEST_TMPDIR/in" >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err" 3>&- &
	exec 7>"$BATS_TEST_TMPDIR/in" 8<"$BATS_TEST_TMPDIR/out"
	for i in 1 2 3; do
		echo '{"id":"'$i'","metadata":{"text":"a"}}' >&7
		read -r -t 10 line <&8
		[[ "$line" == '{"id":"'$i'","values":['* ]]
	done
	exec 7>&-
	wait $!
	[ ! -s "$BATS_TEST_TMPDIR/err" ]
	exec 8<&-
}

@test "--stats is one JSON object with the run's figures" {
	start_fault --fault 'embed:2:status=500' --fault 'embed:4:status=429,retry-after=0'
	embed --stats -j 1 -n 10 -r "$BATS_TEST_TMPDIR/rejects" < <(
		records 50
		echo {nope
	)
	[ "$status" -eq 1 ]
	[ "${#stderr_lines[@]}" -eq 2 ]
	[ "${stderr_lines[0]}" = 'hf-embed: line 51: not JSON' ]
	[ "$(jq -c 'del(.seconds, .records_per_second)' <<<"${stderr_lines[1]}")" = \
		'{"program":"hf-embed","records":50,"batches":5,"requests":7,"retries":{"500":1,"429":1},"rejected":1,"bytes_sent":'"$(requests .body_bytes | jq -s add)"',"bytes_received":'"$(jq .bytes_received <<<"${stderr_lines[1]}")"'}' ]
	[ "$(audit total)" -eq 7 ]
	jq -e '.bytes_received > 1000 and .seconds > 0 and .records_per_second > 0' <<<"${stderr_lines[1]}"
}

@test "-v traces each request in a line; without it, and with -q, nothing is said" {
	start_fault
	embed -v -j 1 -n 2 "$FAULT_URL/embed?secret=xyzzy" < <(records 4)
	[ "$status" -eq 0 ]
	[ "${#stderr_lines[@]}" -eq 2 ]
	for line in "${stderr_lines[@]}"; do
		[[ "$line" =~ ^'hf-embed: POST '"$FAULT_URL"'/embed: 200, '[0-9]+' ms, '[0-9]+' bytes'$ ]]
	done
	embed -q < <(records 4)
	said 0
}

@test "progress is shown on a terminal only" {
	start_fault --delay 250
	records 2 >"$BATS_TEST_TMPDIR/in"
	script -qec "hf-embed -n 1 -j 1 <$BATS_TEST_TMPDIR/in >$BATS_TEST_TMPDIR/out" /dev/null >"$BATS_TEST_TMPDIR/terminal" </dev/null
	grep -q 'hf-embed: [0-9]* records, [0-9]* batches, [0-9]* records/s, 1 in flight' "$BATS_TEST_TMPDIR/terminal"
	[ "$(wc -l <"$BATS_TEST_TMPDIR/out")" -eq 2 ]
	script -qec "hf-embed -q -n 1 -j 1 <$BATS_TEST_TMPDIR/in >$BATS_TEST_TMPDIR/out" /dev/null >"$BATS_TEST_TMPDIR/terminal" </dev/null
	[ ! -s "$BATS_TEST_TMPDIR/terminal" ]
}

@test "of the programs of a pipe, the last one shows its progress" {
	start_fault --fault 'embed:*:delay=250' --fault 'upsert:*:delay=400'
	records 6 >"$BATS_TEST_TMPDIR/in"
	script -qec "hf-embed -n 1 -j 1 <$BATS_TEST_TMPDIR/in | pc-upsert -n 1 -j 1 demo >$BATS_TEST_TMPDIR/out" /dev/null \
		>"$BATS_TEST_TMPDIR/terminal" </dev/null
	grep -q 'pc-upsert: [0-9]* records, ' "$BATS_TEST_TMPDIR/terminal"
	run ! grep -q hf-embed "$BATS_TEST_TMPDIR/terminal"
}

@test "what is missing or wrong on the command line is said in a line" {
	embed </dev/null
	said 78 'hf-embed: HF_ENDPOINT_URL: not set: set it to the endpoint'\''s URL, or run under hf-local'
	HF_ENDPOINT_URL=' ' embed </dev/null
	[ "$status" -eq 78 ]
	embed ftp://127.0.0.1/ </dev/null
	said 78 'hf-embed: url: not an http or https URL'
	HF_ENDPOINT_URL='example.org/x' embed </dev/null
	said 78 'hf-embed: HF_ENDPOINT_URL: not an http or https URL'
	embed -n 0 </dev/null
	said 64 "hf-embed: -n 0: want a number from 1 to 1000; see 'man hf-embed'"
	embed -n 1001 </dev/null
	[ "$status" -eq 64 ]
	embed -j 257 </dev/null
	said 64 "hf-embed: -j 257: want a number from 1 to 256; see 'man hf-embed'"
	embed --timeout 0 </dev/null
	said 64 "hf-embed: --timeout 0: want a duration such as 500ms, 90s, 10m or 2h; see 'man hf-embed'"
	embed a b </dev/null
	[ "$status" -eq 64 ]
	[[ "${stderr_lines[-1]}" == "hf-embed: too many operands; see 'man hf-embed'" ]]
	embed --nope </dev/null
	said 64 "hf-embed: --nope: no such option, or not clear which; see 'man hf-embed'"
}

@test "a server that has no such route, or only other methods, is named with what to check" {
	start_fault --fault 'embed:1:status=404'
	embed < <(records 2)
	[ "$status" -eq 78 ]
	[ "${stderr_lines[0]}" = "hf-embed: line 1: POST $FAULT_URL (2 records, \"0\" to \"1\"): 404: Not Found (request fault-1): nothing answers there: check HF_ENDPOINT_URL" ]
	[ "${stderr_lines[1]}" = 'hf-embed: stopped at input line 1: what came before it is done; go on with --skip 0' ]
	[ -z "$output" ]
}
