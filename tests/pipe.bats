# The whole pipe, with what can happen to it in the middle.
load helper

BATCH=16

# embed_and_store N [PC-UPSERT OPTION]...: N lines through the pipe; output are the receipts
embed_and_store() {
	lines "$1" | vec-batch -l -n "$BATCH" | hf-embed | pc-upsert "${@:2}" demo
}

# start_pipe: the same from a descriptor that the test holds open, number 5, each process by its id
start_pipe() {
	local at=$BATS_TEST_TMPDIR

	mkfifo "$at/lines" "$at/batches" "$at/vectors"
	: >"$at/receipts"
	vec-batch -l -n "$BATCH" <"$at/lines" >"$at/batches" 2>"$at/vec-batch.err" 3>&- &
	VEC_BATCH=$!
	hf-embed -q <"$at/batches" >"$at/vectors" 2>"$at/hf-embed.err" 3>&- &
	HF_EMBED=$!
	pc-upsert -q demo <"$at/vectors" >"$at/receipts" 2>"$at/pc-upsert.err" 3>&- &
	PC_UPSERT=$!
	exec 5>"$at/lines"
}

# ended PID STATUS...: it ends, with one of these; ENDED is which
ended() {
	local pid=$1 status=0 want

	wait "$pid" || status=$?
	ENDED=$status
	for want in "${@:2}"; do
		[ "$status" -ne "$want" ] || return 0
	done
	echo "status $status"
	return 1
}

# wait_until COUNTER N: until the server has counted so many
wait_until() {
	local end=$((SECONDS + 30))

	until [ "$(audit "$1")" -ge "$2" ]; do
		[ "$SECONDS" -lt "$end" ]
	done
}

# Every receipt is of records that the server has, each with the vector of its own text, byte for byte.
audited() {
	jq -r 'range(.first | tonumber; (.last | tonumber) + 1)' "$BATS_TEST_TMPDIR/receipts" | sort >"$BATS_TEST_TMPDIR/have"
	[ -z "$(uniq -d "$BATS_TEST_TMPDIR/have")" ]
	[ -z "$(comm -23 "$BATS_TEST_TMPDIR/have" <(curl -sS "$FAULT_URL/audit/ids" | sort))" ]
	[ "$(audit upserted.mismatched) $(audit upserted.altered) $(audit upserted.textless)" = '0 0 0' ]
}

# acknowledged: records in the receipts
acknowledged() {
	jq -s 'map(.upsertedCount) | add // 0' "$BATS_TEST_TMPDIR/receipts"
}

@test "pipe: each line is embedded once and stored once, with its own vector, byte for byte" {
	start_fault --dim 384 --shape tei
	embed_and_store 1000 >"$BATS_TEST_TMPDIR/receipts"
	[ "$(acknowledged)" -eq 1000 ]
	[ "$(audit embedded.texts) $(audit embedded.max)" = '1000 1' ]
	[ "$(audit upserted.distinct) $(audit upserted.duplicates)" = '1000 0' ]
	audited
}

@test "pipe: the same through faults of every kind" {
	start_fault --dim 32 --seed 5 --fault 'embed:p=0.05:status=500' --fault 'embed:p=0.05:cut' --fault 'embed:p=0.05:reset' \
		--fault 'embed:10:count=-1' --fault 'embed:30:nan' --fault 'embed:p=0.03:status=429,retry-after=0' \
		--fault 'upsert:p=0.05:lost' --fault 'upsert:p=0.05:status=500' --fault 'upsert:p=0.05:cut' \
		--fault 'upsert:p=0.05:shortcount' --fault 'upsert:p=0.03:status=429,retry-after=0'
	embed_and_store 1000 >"$BATS_TEST_TMPDIR/receipts"
	[ "$(acknowledged)" -eq 1000 ]
	[ "$(audit upserted.distinct)" -eq 1000 ]
	audited
}

@test "pipe: what was stored is found again by the same pipe" {
	start_fault --dim 32
	embed_and_store 100 >/dev/null
	run bash -c 'set -o pipefail; echo "text number 42" | vec-batch -l -s 1000 | hf-embed | pc-query -k 1 demo'
	[ "$status" -eq 0 ]
	[ "$(jq -c '[.id, .metadata.text, .matches[0].id, .matches[0].metadata.text]' <<<"$output")" = \
		'["1000","text number 42","42","text number 42"]' ]
}

@test "pipe: a bad line ends up in one rejects file, all others in the index" {
	start_fault --dim 32 --shape tei --fault 'embed:*,contains=number 77":status=422,body=tokenizer'
	cd "$BATS_TEST_TMPDIR"
	run bash -c 'set -o pipefail; { seq -f "text number %.0f" 0 99; printf "bad \xff\n"; } | vec-batch -l -r 1 -n 16 | hf-embed -q -r 2 | pc-upsert -r 3 demo >receipts'
	[ "$status" -eq 1 ]
	[ "$(acknowledged)" -eq 99 ]
	[ "$(cat 1)" = $'bad \xff' ]
	[ "$(jq -r .id 2)" = 77 ]
	[ ! -s 3 ]
	[ "$(audit upserted.distinct)" -eq 99 ]
}

@test "pipe: vec-batch killed: what it had passed on is stored and acknowledged, nothing else" {
	start_fault --dim 32
	start_pipe
	lines 100 >&5
	wait_until upserted.distinct 96 # six batches; the seventh has begun
	kill -9 "$VEC_BATCH"
	exec 5>&-
	ended "$VEC_BATCH" 137
	ended "$HF_EMBED" 65
	ended "$PC_UPSERT" 0
	[ "$(cat "$BATS_TEST_TMPDIR/hf-embed.err")" = 'hf-embed: line 7: not JSON; the last line has no end: was it cut?' ]
	[ ! -s "$BATS_TEST_TMPDIR/pc-upsert.err" ]
	[ "$(acknowledged)" -eq 96 ]
	[ "$(audit upserted.distinct)" -eq 96 ]
	audited
}

@test "pipe: hf-embed killed with a request in flight: no record without its vector, and running again stores all" {
	start_fault --dim 32 --fault 'embed:1,contains=number 48":hang'
	start_pipe
	lines 100 >&5
	wait_until 'rules[0].applied' 1
	wait_until upserted.distinct 48
	kill -9 "$HF_EMBED"
	exec 5>&-
	ended "$HF_EMBED" 137
	ended "$PC_UPSERT" 0
	ended "$VEC_BATCH" 0 141
	[ "$(acknowledged)" -eq 48 ]
	audited
	embed_and_store 100 >"$BATS_TEST_TMPDIR/receipts"
	[ "$(acknowledged)" -eq 100 ]
	[ "$(audit upserted.distinct)" -eq 100 ]
	audited
}

@test "pipe: pc-upsert killed with a request in flight: receipts only for what is stored, and running again stores all" {
	start_fault --dim 32 --fault 'upsert:1,contains=number 48":hang'
	start_pipe
	lines 200 >&5
	wait_until 'rules[0].applied' 1
	wait_until upserted.distinct 48
	kill -9 "$PC_UPSERT"
	exec 5>&-
	ended "$PC_UPSERT" 137
	ended "$HF_EMBED" 0 141
	ended "$VEC_BATCH" 0 141
	[ ! -s "$BATS_TEST_TMPDIR/hf-embed.err" ]
	[ "$(acknowledged)" -le "$(audit upserted.distinct)" ]
	audited
	embed_and_store 200 >"$BATS_TEST_TMPDIR/receipts"
	[ "$(acknowledged)" -eq 200 ]
	[ "$(audit upserted.distinct)" -eq 200 ]
	audited
}

@test "pipe: killed by a stranger at any byte, half a record is never stored" {
	start_fault --dim 32
	lines 40 | vec-batch -l -n 8 | hf-embed >"$BATS_TEST_TMPDIR/vectors"
	size=$(wc -c <"$BATS_TEST_TMPDIR/vectors")
	for n in 1 7 100 $((size / 3)) $((size / 2)) $((size - 100)) $((size - 2)); do
		run --separate-stderr pc-upsert -s "$n" demo < <(head -c "$n" "$BATS_TEST_TMPDIR/vectors")
		[ "$status" -eq 65 ]
		[[ $stderr == "pc-upsert: line $(($(head -c "$n" "$BATS_TEST_TMPDIR/vectors" | wc -l) + 1)): not JSON; the last line has no end: was it cut?" ]]
		echo "$output" >"$BATS_TEST_TMPDIR/receipts"
		[ "$(acknowledged)" -eq $((8 * $(head -c "$n" "$BATS_TEST_TMPDIR/vectors" | wc -l))) ]
		[ "$(pc-index stats demo | jq --arg n "$n" '.namespaces[$n].vectorCount // 0')" -eq "$(acknowledged)" ]
	done
}

@test "pipe: a reader of the results that leaves ends the pipe quietly" {
	start_fault --dim 32
	embed_and_store 20 >/dev/null
	run --separate-stderr bash -c 'seq 20000 | vec-batch -l | hf-embed | pc-query -k 1 demo | head -n 2 | wc -l'
	[ "$status" -eq 0 ]
	[ "$output" -eq 2 ]
	[ "$stderr" = '' ]
}

# The same with the servers that come with the programs: a model of two layers, and an index that is kept.
MODEL=$REPO/tests/data/models/bert-mean

with_both() {
	run --separate-stderr hf-local "$MODEL" -- pc-local "$BATS_TEST_TMPDIR/db" -- "$@" </dev/null
}

# Sentences of the model's reference, each with the vector that it should have.
reference() {
	jq -c 'select(.text | test("^[ -~]{8,}$"))' "$MODEL/reference.jsonl" | head -n "$1"
}

@test "pipe: a model and an index on this machine: texts go in, and each one finds itself" {
	reference 10 | jq -r .text >"$BATS_TEST_TMPDIR/texts"
	n=$(sort -u "$BATS_TEST_TMPDIR/texts" | wc -l)
	export AT=$BATS_TEST_TMPDIR
	with_both bash -c 'set -o pipefail; vec-batch -l -u -n 4 <"$AT/texts" | hf-embed | pc-upsert -q --create demo'
	[ "$status" -eq 0 ]
	[ "$stderr" = '' ]
	[ "$(jq -s 'map(.upsertedCount) | add' <<<"$output")" -eq "$n" ]
	with_both bash -c 'set -o pipefail; vec-batch -l -u <"$AT/texts" | hf-embed | pc-query -k 1 demo'
	[ "$status" -eq 0 ]
	[ "$stderr" = '' ]
	[ "$(wc -l <<<"$output")" -eq "$n" ]
	[ "$(jq -c 'select(.metadata.text != .matches[0].metadata.text or .matches[0].score < 0.9999)' <<<"$output")" = '' ]
}

@test "pipe: the vectors that are stored are the ones that the model should give" {
	reference 10 >"$BATS_TEST_TMPDIR/reference"
	export AT=$BATS_TEST_TMPDIR
	with_both bash -c 'set -o pipefail
		jq -r .text "$AT/reference" | vec-batch -l | hf-embed | pc-upsert -q --create demo >/dev/null
		seq 0 9 | jq -c "{id: tostring}" | pc-query -k 1 --values demo'
	[ "$status" -eq 0 ]
	[ "$(wc -l <<<"$output")" -eq 10 ]
	# per value within a thousandth of the reference's
	[ "$(jq -c '.matches[0].values' <<<"$output" | jq -s --slurpfile want "$BATS_TEST_TMPDIR/reference" '
		[range(10) as $i | range(.[$i] | length) as $k | .[$i][$k] - $want[$i].embedding[$k] | fabs] | max < 0.001')" = true ]
}

# start_local [PORT]: pc-local over a file of the test; the key stays the same
start_local() {
	local at=$BATS_TEST_TMPDIR host

	export PINECONE_API_KEY=pc-test
	[ -p "$at/exports" ] || mkfifo "$at/exports"
	pc-local -p "${1:-0}" "$at/db" >"$at/exports" 2>"$at/local.err" </dev/null 3>&- &
	PC_LOCAL=$!
	read -r host <"$at/exports" # export PINECONE_CONTROLLER_HOST='http://...'
	eval "$host"
}

# receipts N: wait until there are so many
receipts() {
	local end=$((SECONDS + 30))

	until [ "$(wc -l <"$BATS_TEST_TMPDIR/receipts")" -ge "$1" ]; do
		[ "$SECONDS" -lt "$end" ]
	done
}

# stored: how many records the index has
stored() {
	pc-index stats demo | jq .totalVectorCount
}

@test "pipe: pc-local killed: what was acknowledged is there when it is back, and pc-upsert has gone on" {
	start_fault --dim 32
	start_local
	pc-index create -q -d 32 demo >/dev/null
	start_pipe
	lines 64 >&5
	receipts 4
	kill -9 "$PC_LOCAL"
	ended "$PC_LOCAL" 137
	lines 64 | sed 's/number/NUMBER/' >&5
	exec 5>&-
	start_local "${PINECONE_CONTROLLER_HOST##*:}"
	ended "$PC_UPSERT" 0
	[ "$(acknowledged)" -eq 128 ]
	[ "$(stored)" -eq 128 ]
	kill "$PC_LOCAL"
	ended "$PC_LOCAL" 0
}

@test "pipe: pc-local killed over and over while records pour in: no acknowledged record is ever missing" {
	start_fault --dim 32
	start_local
	pc-index create -q -d 32 demo >/dev/null
	lines 1000 | vec-batch -l -n 5 | hf-embed >"$BATS_TEST_TMPDIR/vectors"
	middle=0
	for n in 3 20 50; do
		: >"$BATS_TEST_TMPDIR/receipts"
		pc-upsert -q -j 4 --retries 0 -s "$n" demo <"$BATS_TEST_TMPDIR/vectors" >"$BATS_TEST_TMPDIR/receipts" 2>"$BATS_TEST_TMPDIR/err" 3>&- &
		PC_UPSERT=$!
		receipts "$n"
		kill -9 "$PC_LOCAL"
		ended "$PC_LOCAL" 137
		ended "$PC_UPSERT" 0 69 # it may have been done already
		middle=$((middle + (ENDED == 69)))
		start_local "${PINECONE_CONTROLLER_HOST##*:}"
		have=$(jq -r 'range(.first | tonumber; (.last | tonumber) + 1) | {id: tostring}' -c "$BATS_TEST_TMPDIR/receipts" |
			pc-query -s "$n" -k 1 demo | jq -c 'select(.matches != [])' | wc -l) # an id that is unknown has none
		[ "$have" -eq "$(acknowledged)" ]
	done
	[ "$middle" -gt 0 ]
	kill "$PC_LOCAL"
	ended "$PC_LOCAL" 0
}
