load helper
load hub

dataset() {
	run --separate-stderr hf-dataset "$@" </dev/null
}

# rows_file N  a file of N rows, with blanks, escapes and spellings of numbers that must stay as they are
rows_file() {
	ROWS=$BATS_TEST_TMPDIR/rows.$1
	seq -f '{"i": %.0f,"text":"row \u0041 \"ü\"",  "f":1.50e0, "nothing":null}' 0 $(($1 - 1)) >"$ROWS"
}

# start_one N [OPTION]...  a hub with dataset acme/one of N rows
start_one() {
	rows_file "$1"
	start_hub --split "acme/one default train $ROWS" "${@:2}"
}

# pages  offset and length of each request for rows, as they came
pages() {
	requests 'select(.kind == "rows") | .path' | sed -E 's/.*offset=([0-9]+)&length=([0-9]+)"/\1+\2/' | tr '\n' ' '
}

@test "hf-dataset: writes all rows, in order, byte for byte, whatever is in flight" {
	start_one 1234
	for jobs in 1 3 16 auto; do
		run bash -c "hf-dataset -j $jobs acme/one | cmp - '$ROWS'"
		[ "$status" -eq 0 ]
		[ "$output" = '' ]
	done
}

@test "hf-dataset: asks for pages of 100, with names and token in their place" {
	start_one 250
	dataset -j 1 acme/one
	[ "$status" -eq 0 ]
	[ "$stderr" = '' ]
	[ "$(pages)" = '0+100 100+100 200+50 ' ]
	[ "$(requests .path | head -2)" = $'"/splits?dataset=acme%2Fone"\n"/rows?dataset=acme%2Fone&config=default&split=train&offset=0&length=100"' ]
	[ "$(requests '[.method, .headers.authorization]' | sort -u)" = '["GET","Bearer hf_test"]' ]
}

@test "hf-dataset -n, -o: a part of the rows, and no more is asked for" {
	start_one 1000
	dataset -n 5 acme/one
	[ "$output" = "$(head -n 5 "$ROWS")" ]
	[ "$(pages)" = '0+5 ' ]
	: >"$FAULT_LOG"
	dataset -j 1 -o 333 -n 150 acme/one
	[ "$status" -eq 0 ]
	[ "$output" = "$(sed -n 334,483p "$ROWS")" ]
	[ "$(pages)" = '333+100 433+50 ' ]
	dataset -o 990 -n 50 acme/one
	[ "$output" = "$(tail -n 10 "$ROWS")" ]
}

@test "hf-dataset -o: behind the end there is nothing, and that is said" {
	start_one 10
	for offset in 10 5000; do
		dataset -o "$offset" acme/one
		[ "$status" -eq 0 ]
		[ "$output" = '' ]
		[ "$stderr" = 'hf-dataset: dataset acme/one: there are 10 rows: none is left to read' ]
	done
}

@test "hf-dataset --shard: the parts together are the whole, in order, for any number of them" {
	for rows in 7 1003; do
		start_one "$rows"
		for n in 1 2 3 7 10; do
			for i in $(seq "$n"); do
				hf-dataset -q --shard "$i/$n" acme/one
			done >"$BATS_TEST_TMPDIR/out"
			cmp "$BATS_TEST_TMPDIR/out" "$ROWS"
		done
	done
}

@test "hf-dataset --shard: -o and -n do not move the parts" {
	start_one 400
	dataset --shard 2/4 -n 3 acme/one
	[ "$output" = "$(sed -n 101,103p "$ROWS")" ]
	dataset --shard 2/4 -o 190 acme/one
	[ "$output" = "$(sed -n 191,200p "$ROWS")" ]
	dataset --shard 2/4 -o 250 acme/one
	[ "$status" -eq 0 ]
	[ "$output" = '' ]
}

@test "hf-dataset: what passes is tried again, and each row is written once" {
	start_one 1234 --fault rows:3:status=500 --fault rows:4:status=429,retry-after=0 --fault rows:6:cut --fault rows:8:reset \
		--fault 'rows@700:1:status=502' --fault 'rows@0:1:status=504' --fault splits:1:reset
	run --separate-stderr bash -c "hf-dataset acme/one | cmp - '$ROWS'"
	[ "$status" -eq 0 ]
	[ "$stderr" = '' ]
	[ "$output" = '' ]
	[ "$(requests 'select(.status >= 400) | .status' | sort -u | tr '\n' ' ')" = '429 500 502 504 ' ]
}

@test "hf-dataset: a viewer that is still at it is waited for, and that is said once" {
	start_one 350 --fault splits:1:not-ready --fault rows:2:not-ready --fault rows:3:not-ready
	run --separate-stderr hf-dataset -j 1 acme/one
	[ "$status" -eq 0 ]
	[ "$output" = "$(cat "$ROWS")" ]
	[ "$(grep -c 'URL/rows: not available yet (500): waiting for it, up to 600 s' <<<"${stderr//$HUB_URL/URL}")" -eq 1 ]
	[ "${stderr_lines[0]//$HUB_URL/URL}" = 'hf-dataset: URL/splits: not available yet (500): waiting for it, up to 600 s' ]
	[ "${#stderr_lines[@]}" -eq 2 ]
}

@test "hf-dataset --wait: then it is temporary, and what came before is written" {
	start_one 350 --fault 'rows@200:*:not-ready'
	run --separate-stderr hf-dataset -q -j 4 --wait 300ms acme/one
	[ "$status" -eq 75 ]
	[ "$output" = "$(head -n 200 "$ROWS")" ]
	[[ ${stderr_lines[0]//$HUB_URL/URL} == 'hf-dataset: row 200: GET URL/rows: 500: The server is busier than usual and the response is not ready yet. Please retry later. (request req-1)' ]]
	[ "${stderr_lines[1]}" = 'hf-dataset: stopped at row 200: what came before it is done; go on from there' ]
}

@test "hf-dataset --retries: a page that never comes ends the run behind those before it, and -o goes on" {
	start_one 650 --fault 'rows@300:1:status=500' --fault 'rows@300:2:status=500'
	hf-dataset -j 8 --retries 1 acme/one >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err" || status=$?
	[ "$status" -eq 69 ]
	cmp "$BATS_TEST_TMPDIR/out" <(head -n 300 "$ROWS")
	[ "$(tail -n 1 "$BATS_TEST_TMPDIR/err")" = 'hf-dataset: stopped at row 300: what came before it is done; go on from there' ]
	hf-dataset -o "$(wc -l <"$BATS_TEST_TMPDIR/out")" acme/one >>"$BATS_TEST_TMPDIR/out"
	cmp "$BATS_TEST_TMPDIR/out" "$ROWS"
}

@test "hf-dataset: that it tries again where the server has gone is said, once" {
	start_one 9000 --delay 30
	hf-dataset -j 1 --retries 3 acme/one >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err" 3>&- &
	pid=$!
	until [ -s "$BATS_TEST_TMPDIR/out" ]; do kill -0 "$pid"; done
	stop_servers
	status=0
	wait "$pid" || status=$?
	[ "$status" -eq 69 ]
	[ "$(grep -c "^hf-dataset: $HUB_URL/rows: Failed to connect .*: trying again in " "$BATS_TEST_TMPDIR/err")" -eq 1 ]
	cmp "$BATS_TEST_TMPDIR/out" <(head -n "$(wc -l <"$BATS_TEST_TMPDIR/out")" "$ROWS")
}

@test "hf-dataset: killed while it runs, its output ends with a whole line, and -o goes on there" {
	start_one 3000 --delay 30
	hf-dataset -j 2 acme/one >"$BATS_TEST_TMPDIR/out" 3>&- &
	pid=$!
	until [ -s "$BATS_TEST_TMPDIR/out" ]; do kill -0 "$pid"; done
	kill -KILL "$pid"
	run ! wait "$pid"
	written=$(wc -l <"$BATS_TEST_TMPDIR/out")
	[ "$written" -lt 3000 ]
	cmp "$BATS_TEST_TMPDIR/out" <(head -n "$written" "$ROWS")
	hf-dataset -o "$written" acme/one >>"$BATS_TEST_TMPDIR/out"
	cmp "$BATS_TEST_TMPDIR/out" "$ROWS"
}

@test "hf-dataset: a signal ends it with 75 and the row to go on with" {
	start_one 3000 --delay 30
	hf-dataset -j 2 acme/one >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err" 3>&- &
	pid=$!
	until [ -s "$BATS_TEST_TMPDIR/out" ]; do kill -0 "$pid"; done
	kill -TERM "$pid"
	status=0
	wait "$pid" || status=$?
	[ "$status" -eq 75 ]
	written=$(wc -l <"$BATS_TEST_TMPDIR/out")
	[ "$(cat "$BATS_TEST_TMPDIR/err")" = "hf-dataset: interrupted
hf-dataset: stopped at row $written: what came before it is done; go on from there" ]
	cmp "$BATS_TEST_TMPDIR/out" <(head -n "$written" "$ROWS")
}

@test "hf-dataset --deadline: then it stops, whether the viewer or the reader is slow" {
	start_one 3000 --delay 100
	dataset -j 1 --deadline 350ms acme/one
	[ "$status" -eq 75 ]
	[[ ${stderr_lines[0]} == 'hf-dataset: --deadline: 350 ms are over' ]]
	[[ ${stderr_lines[1]} == 'hf-dataset: stopped at row '*': what came before it is done; go on from there' ]]
	jq -nc '{text: ("x" * 20000)}' | awk '{ for (i = 0; i < 300; i++) print }' >"$BATS_TEST_TMPDIR/wide"
	start_hub --split "acme/wide default train $BATS_TEST_TMPDIR/wide"
	mkfifo "$BATS_TEST_TMPDIR/fifo"
	hf-dataset --deadline 1s acme/wide >"$BATS_TEST_TMPDIR/fifo" 2>"$BATS_TEST_TMPDIR/err" 3>&- &
	pid=$!
	exec 7<"$BATS_TEST_TMPDIR/fifo" # nobody reads from it
	status=0
	wait "$pid" || status=$?
	exec 7<&-
	[ "$status" -eq 75 ]
}

@test "hf-dataset: a reader that leaves ends it quietly" {
	start_one 3000
	run --separate-stderr bash -c 'hf-dataset acme/one | head -n 2'
	[ "$status" -eq 0 ]
	[ "$stderr" = '' ]
	[ "$output" = "$(head -n 2 "$ROWS")" ]
	run --separate-stderr bash -c 'hf-dataset acme/one >/dev/full'
	[ "$status" -eq 74 ]
	[ "${stderr_lines[0]}" = 'hf-dataset: standard output: No space left on device' ]
}

@test "hf-dataset: a viewer that sends fewer rows than were asked for is asked for the rest" {
	start_one 250 --page 40
	run --separate-stderr bash -c "hf-dataset -j 4 acme/one | cmp - '$ROWS'"
	[ "$status" -eq 0 ]
	[ "$stderr" = '' ]
	[ "$output" = '' ]
}

@test "hf-dataset: partial splits and cells that were cut short are told, once each" {
	start_one 350 --partial --truncated 17:text --truncated 218:text
	dataset acme/one
	[ "$status" -eq 0 ]
	[ "$output" = "$(cat "$ROWS")" ]
	[ "${#stderr_lines[@]}" -eq 2 ]
	[ "${stderr_lines[0]}" = 'hf-dataset: dataset acme/one: the viewer has only the first 350 rows of this split' ]
	[[ ${stderr_lines[1]} =~ ^'hf-dataset: row '(17|218)': cell "text" is cut short by the viewer, and others may be'$ ]]
}

@test "hf-dataset: a row that spans lines in the answer is one line" {
	start_one 1
	body='{"features":[],"rows":[{"row_idx":0,"row":{"a":\n 1},"truncated_cells":[]}],"num_rows_total":1,"partial":false}'
	start_hub --split "acme/one default train $ROWS" --fault "rows:1:raw=$body"
	dataset acme/one
	[ "$status" -eq 0 ]
	[ "$output" = '{"a":  1}' ]
}

@test "hf-dataset: configuration and split are found where there is one choice, else the choices are named" {
	start_one 3
	start_hub --split "acme/two a train $ROWS" --split "acme/two a test $ROWS" --split "acme/two b train $ROWS"
	dataset acme/two
	[ "$status" -eq 64 ]
	[ "$output" = '' ]
	[ "$stderr" = 'hf-dataset: dataset acme/two: which split? (there are: -c a -s train, -c a -s test, -c b -s train)' ]
	dataset -c a acme/two
	[ "$status" -eq 64 ]
	[ "$stderr" = 'hf-dataset: dataset acme/two: which split? (there are: -c a -s train, -c a -s test)' ]
	for choice in '-c b' '-s test' '-c a -s train'; do
		# shellcheck disable=SC2086 # words
		dataset $choice acme/two
		[ "$status" -eq 0 ]
		[ "${#lines[@]}" -eq 3 ]
	done
	dataset -c b -s test acme/two
	[ "$status" -eq 78 ]
	[ "$stderr" = 'hf-dataset: dataset acme/two: no such split: -c b -s test (there are: -c a -s train, -c a -s test, -c b -s train)' ]
	[ "$(requests 'select(.kind == "rows") | .path' | grep -c 'config=b&split=train')" -eq 1 ]
}

@test "hf-dataset: a dataset that is not there names similar ones" {
	start_one 3
	dataset acne/one
	[ "$status" -eq 78 ]
	[ "$output" = '' ]
	[ "$stderr" = 'hf-dataset: dataset acne/one: no such dataset, or the token may not read it (similar: acme/one)' ]
	HF_TOKEN='' dataset acne/one
	[ "$status" -eq 77 ]
	[ "$stderr" = 'hf-dataset: dataset acne/one: no such dataset, or it wants a token: set HF_TOKEN to one that may read it (similar: acme/one)' ]
	dataset acme/three
	[ "$status" -eq 78 ]
	[ "$stderr" = 'hf-dataset: dataset acme/three: no such dataset, or the token may not read it' ]
}

@test "hf-dataset: a gated dataset wants the token, which is not shown" {
	start_one 3 --token hf_test --gated acme/one
	dataset acme/one
	[ "$status" -eq 0 ]
	HF_TOKEN='' dataset acme/one
	[ "$status" -eq 77 ]
	HF_TOKEN=hf_wrongsecret dataset -v acme/one
	[ "$status" -eq 78 ]
	[[ $stderr != *wrongsecret* ]]
	HF_DATASETS_SERVER=http://example.org dataset acme/one
	[ "$status" -eq 78 ]
	[ "$stderr" = 'hf-dataset: HF_DATASETS_SERVER: a secret is sent over plain http only to this machine: use https' ]
}

@test "hf-dataset: a token that is refused while it runs stops it at once, behind what is written" {
	start_one 650 --fault 'rows@300:1:status=403'
	dataset -j 1 acme/one
	[ "$status" -eq 77 ]
	[ "$output" = "$(head -n 300 "$ROWS")" ]
	[ "${stderr_lines[0]//$HUB_URL/URL}" = 'hf-dataset: row 300: GET URL/rows: 403: a scripted fault (request req-1): the token may not read this dataset' ]
	[ "$(pages)" = '0+100 100+100 200+100 300+100 ' ]
}

@test "hf-dataset: what the viewer can't do with the dataset is final, in its own words" {
	start_one 3
	start_hub --split "acme/one default train $ROWS" \
		--fault 'splits:1:status=500,body={"error":"The dataset is empty.","cause_exception":"EmptyDatasetError"}' \
		--fault 'splits:2:status=501,body={"error":"The maximum number of configs allowed is 3000."}'
	dataset acme/one
	[ "$status" -eq 69 ]
	hub_says "hf-dataset: GET URL/splits: 500: The dataset is empty. (request req-1): the viewer can't read this dataset"
	dataset acme/one
	[ "$status" -eq 69 ]
	hub_says 'hf-dataset: GET URL/splits: 501: The maximum number of configs allowed is 3000. (request req-1): the viewer does not serve this dataset'
	[ "$(requests .kind)" = $'"splits"\n"splits"' ]
}

@test "hf-dataset: an answer that breaks the protocol is asked for again, and then is 76; no row of it is written" {
	while IFS= read -r body; do
		start_one 250 --fault "rows@100:1:status=200,body=$body" --fault "rows@100:2:status=200,body=$body"
		dataset -j 1 acme/one
		[ "$status" -eq 0 ]
		[ "$output" = "$(cat "$ROWS")" ]
		start_one 250 --fault "rows@100:*:status=200,body=$body"
		dataset -j 1 acme/one
		echo "$body: $stderr"
		[ "$status" -eq 76 ]
		[ "$output" = "$(head -n 100 "$ROWS")" ]
		[ "$(requests 'select(.path | contains("offset=100&"))' | wc -l)" -eq 3 ]
		[[ ${stderr_lines[0]//$HUB_URL/URL} == 'hf-dataset: row 100: GET URL/rows: '* ]]
		[ "${stderr_lines[1]}" = 'hf-dataset: stopped at row 100: what came before it is done; go on from there' ]
	done <<-'END'
		[]
		{"rows":[],"num_rows_total":250}
		{"rows":[{"row_idx":100,"row":{"a":1}}],"num_rows_total":249}
		{"rows":[{"row_idx":100,"row":{"a":1}},{"row_idx":102,"row":{"a":1}}],"num_rows_total":250}
		{"rows":[{"row_idx":100,"row":[]}],"num_rows_total":250}
	END
}

@test "hf-dataset --splits, --info: what there is, a line each" {
	start_one 3
	start_hub --split "acme/two a train $ROWS" --split "acme/two a test $ROWS" --split "acme/two b train $ROWS"
	dataset --splits acme/two
	[ "$status" -eq 0 ]
	[ "$(jq -c '[.config, .split]' <<<"$output")" = $'["a","train"]\n["a","test"]\n["b","train"]' ]
	dataset --splits -s train acme/two
	[ "$(jq -c '[.config, .split]' <<<"$output")" = $'["a","train"]\n["b","train"]' ]
	dataset --info acme/two
	[ "$status" -eq 0 ]
	[ "$(jq -c '[.config_name, .splits.train.num_examples]' <<<"$output")" = $'["a",3]\n["b",3]' ]
	dataset --info -c b acme/two
	[ "$(jq -c '[.config_name, .splits.train.num_examples]' <<<"$output")" = '["b",3]' ]
	dataset --info -c z acme/two
	[ "$status" -eq 78 ]
	[ "$stderr" = 'hf-dataset: dataset acme/two: no such split: -c z (there are: -c a -s train, -c a -s test, -c b -s train)' ]
}

@test "hf-dataset: memory does not grow with the rows" {
	command -v /usr/bin/time >/dev/null || skip 'needs GNU time'
	! grep -q __asan_init "$BUILD/hf-dataset" || skip 'the sanitiser keeps what is freed'
	rows_file 60000
	start_hub --split "acme/one default train $ROWS"
	/usr/bin/time -f %M -o "$BATS_TEST_TMPDIR/few" hf-dataset -n 5000 acme/one >/dev/null
	/usr/bin/time -f %M -o "$BATS_TEST_TMPDIR/many" hf-dataset acme/one >/dev/null
	[ "$(cat "$BATS_TEST_TMPDIR/many")" -lt $(($(cat "$BATS_TEST_TMPDIR/few") + 4000)) ]
}

@test "hf-dataset: what can't be meant is refused before anything is sent" {
	start_one 3
	while read -r wanted arguments; do
		# shellcheck disable=SC2086 # words
		dataset $arguments
		echo "$arguments: $status $stderr"
		[ "$status" -eq 64 ]
		[ "$output" = '' ]
		[[ ${stderr//' '/_} == *"hf-dataset:_$wanted"* ]]
	done <<-'END'
		an_operand_is_missing -c a
		too_many_operands a b
		-n_0:_want_a_number_from_1 -n 0 a
		-o_x:_want_a_number_from_0 -o x a
		--shard_3/2:_want_I/N --shard 3/2 a
		--shard_0/2:_want_I/N --shard 0/2 a
		--shard_2:_want_I/N --shard 2 a
		--splits_and_--info:_want_one --splits --info a
	END
	[ ! -s "$FAULT_LOG" ]
}
