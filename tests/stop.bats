load helper
load hub

# begin COMMAND...  in the background, on this standard input, signals as a terminal's job has them; PID is its own. A bug
# may hang it for 20 seconds
begin() {
	env --default-signal=INT,HUP,TERM "$@" <&0 >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err" 3>&- &
	PID=$!
	watch "$PID"
}

watch() {
	(timeout 20 tail -f --pid="$1" /dev/null || kill -KILL "$1") </dev/null >/dev/null 2>&1 3>&- &
}

# ended  sets status, output and stderr of what begin began
ended() {
	status=0
	wait "$PID" || status=$?
	output=$(cat "$BATS_TEST_TMPDIR/out")
	stderr=$(cat "$BATS_TEST_TMPDIR/err")
	mapfile -t stderr_lines <"$BATS_TEST_TMPDIR/err"
}

# arrived N  waits until the server has had N requests
arrived() {
	until [ "$(audit total)" -ge "$1" ]; do kill -0 "$PID"; done
}

# heard TEXT  waits until what begin began has said it
heard() {
	until grep -qF "$1" "$BATS_TEST_TMPDIR/err"; do kill -0 "$PID"; done
}

# resume LINE  the line that tells where to go on
resume() {
	printf 'stopped at input line %d: what came before it is done; go on with --skip %d' "$1" $(($1 - 1))
}

# resumes_at LINE  is the last thing that was said
resumes_at() {
	[ "${stderr_lines[-1]}" = "${PROGRAM:-hf-embed}: $(resume "$1")" ] || {
		echo "status $status, stderr: $stderr"
		return 1
	}
}

@test "a signal stops the reading, what is in flight is finished, and it says where it stopped" {
	for signal in INT TERM HUP; do
		start_fault --fault 'embed:1:delay=100' --fault 'embed:*:delay=400'
		records 1000 >"$BATS_TEST_TMPDIR/in"
		begin hf-embed -j 3 -n 2 <"$BATS_TEST_TMPDIR/in"
		arrived 3
		kill -"$signal" "$PID"
		ended
		[ "$status" -eq 75 ]
		[[ "${stderr_lines[0]}" =~ ^'hf-embed: interrupted: waiting for '[23]' requests in flight; once more to stop now'$ ]]
		[ "${stderr_lines[1]}" = 'hf-embed: interrupted' ]
		[ "${#stderr_lines[@]}" -eq 3 ]
		local n
		n=$(($(wc -l <"$BATS_TEST_TMPDIR/out") + 1))
		[ "$n" -ge 7 ]
		resumes_at "$n"
		[ "$(audit embedded.texts)" -eq "$((n - 1))" ] # what was paid for is there
		tail -n "+$n" "$BATS_TEST_TMPDIR/in" | head -5 | hf-embed >>"$BATS_TEST_TMPDIR/out"
		[ "$(stripped <"$BATS_TEST_TMPDIR/out")" = "$(records $((n + 4)))" ]
	done
}

@test "a signal does not cut a batch line in two" {
	start_fault --shape tei --max-batch 2 --fault 'embed:*:delay=150'
	begin hf-embed -q -j 1 < <(records 9 | jq -nc '[inputs] | _nwise(3)')
	arrived 4 # 3 refused; 2, 1; 2 of the second line are in flight
	kill -INT "$PID"
	ended
	[ "$status" -eq 75 ]
	[ "$(stripped <<<"$output" | jq -c 'map(.id)')" = '["0","1","2"]' ]
	resumes_at 2
}

@test "the second signal stops it at once" {
	start_fault --fault 'embed:2:hang' --fault 'embed:*:delay=10'
	begin hf-embed -j 1 -n 2 < <(records 10)
	arrived 2
	kill -INT "$PID"
	heard 'once more to stop now'
	while kill -INT "$PID" 2>/dev/null; do :; done
	ended
	[ "$status" -eq 75 ]
	[ "$(stripped <<<"$output")" = "$(records 2)" ]
	resumes_at 3
}

@test "vec-batch: the second signal stops it, also while its reader does not read" {
	lines 200000 >"$BATS_TEST_TMPDIR/in"
	mkfifo "$BATS_TEST_TMPDIR/fifo"
	exec 8<>"$BATS_TEST_TMPDIR/fifo"
	begin sh -c 'exec vec-batch -l >&8' <"$BATS_TEST_TMPDIR/in"
	head -c 1 <&8 >/dev/null
	until grep -q 'S (sleeping)' "/proc/$PID/status"; do kill -0 "$PID"; done # in a write: nothing else blocks it
	while kill -HUP "$PID" 2>/dev/null; do :; done
	ended
	exec 8>&-
	[ "$status" -eq 75 ]
	[[ "$stderr" == 'vec-batch: stopped at input line '*': what came before it is done; go on with --skip '* ]]
}

@test "timeout(1), which signals twice, lets it finish what is in flight" {
	start_fault --delay 700
	run --separate-stderr timeout 0.3 hf-embed -j 1 -n 2 < <(records 10)
	[ "$status" -eq 124 ] # timeout's
	[ "$(stripped <<<"$output")" = "$(records 2)" ]
	resumes_at 3
}

@test "waiting for what is in flight takes no processor time" {
	start_fault --delay 1000
	begin hf-embed -n 2 < <(records 2)
	arrived 1
	kill -INT "$PID"
	heard 'once more'
	local before after last state=
	read -r -a before <"/proc/$PID/stat"
	until [ "$state" = Z ] || ! read -r -a last <"/proc/$PID/stat"; do
		after=("${last[@]}")
		state=${after[2]}
	done 2>/dev/null
	ended
	[ "$status" -eq 0 ] || [ "$status" -eq 75 ] # 0: it had seen the end of its input
	[ "$(stripped <<<"$output")" = "$(records 2)" ]
	[ $((after[13] + after[14] - before[13] - before[14])) -lt 15 ] # hundredths of a second, out of one
}

@test "a signal while it waits for input, or for a server that is starting, stops it at once" {
	start_fault
	mkfifo "$BATS_TEST_TMPDIR/in"
	exec 7<>"$BATS_TEST_TMPDIR/in"
	records 3 >&7
	begin hf-embed <"$BATS_TEST_TMPDIR/in" 7>&-
	arrived 1
	until [ "$(wc -l <"$BATS_TEST_TMPDIR/out")" -eq 3 ]; do kill -0 "$PID"; done
	kill -TERM "$PID"
	ended
	exec 7>&-
	[ "$status" -eq 75 ]
	resumes_at 4
	[ "$(stripped <<<"$output")" = "$(records 3)" ]

	start_fault --fault 'embed:*:status=503,retry-after=60'
	begin hf-embed < <(records 3)
	heard 'not available yet (503)'
	kill -TERM "$PID"
	ended
	[ "$status" -eq 75 ]
	[ "${stderr_lines[1]}" = 'hf-embed: interrupted' ]
	resumes_at 1
}

@test "hf-endpoint: a signal ends the wait at once, and it is said that the endpoint goes on, and what stops it" {
	start_hub --reads 1000 --fault 'create:2:status=500'
	hf-endpoint create -q -m a/b one >"$BATS_TEST_TMPDIR/made"
	for command in 'wait -u me' 'create --if-missing --wait 20s -m a/b -u me'; do
		# shellcheck disable=SC2086 # words
		begin hf-endpoint $command one </dev/null
		heard 'waiting until it runs'
		kill -TERM "$PID"
		ended
		[ "$status" -eq 75 ]
		[ "$output" = '' ]
		[ "${#stderr_lines[@]}" -eq 2 ]
		[ "${stderr_lines[1]}" = "hf-endpoint: endpoint one: interrupted: it goes on all the same, and costs money: \
'hf-endpoint wait -u me one' waits on, 'hf-endpoint pause -u me one' stops it" ]
	done
}

@test "a signal that the shell has set to be ignored stays ignored" {
	start_fault --delay 200
	env --ignore-signal=INT,HUP hf-embed -n 2 < <(records 4) >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err" 3>&- &
	PID=$!
	watch "$PID"
	arrived 1
	kill -INT "$PID"
	kill -HUP "$PID"
	ended
	said 0
	[ "$(stripped <<<"$output")" = "$(records 4)" ]
}

@test "a failure while it finishes what is in flight ends it, and does not hang" {
	start_fault --fault 'embed:contains=number 0:delay=300,status=500' --fault 'embed:contains=number 1:hang'
	begin hf-embed --retries 0 -j 2 -n 1 < <(records 10)
	arrived 2
	kill -INT "$PID"
	ended
	[ "$status" -eq 69 ]
	resumes_at 1
	[[ "$stderr" == *'(record "0"): 500: '* ]]
}

@test "pc-upsert: a signal: receipts for what is stored, and nothing stored without one" {
	start_fault
	records 400 | hf-embed >"$BATS_TEST_TMPDIR/in"
	start_fault --fault 'upsert:*:delay=100'
	begin pc-upsert -j 2 -n 10 demo <"$BATS_TEST_TMPDIR/in"
	arrived 6
	kill -INT "$PID"
	ended
	[ "$status" -eq 75 ]
	local n
	n=$(jq -s 'map(.upsertedCount) | add' <<<"$output")
	PROGRAM=pc-upsert resumes_at $((n + 1))
	[ "$(audit 'upserted | [.distinct, .mismatched]')" = "[$n,0]" ]
}

@test "--deadline: 75, what is done is out, and where to go on" {
	start_fault --fault 'embed:3:hang'
	records 20 >"$BATS_TEST_TMPDIR/in"
	embed --deadline 400ms -j 1 -n 4 <"$BATS_TEST_TMPDIR/in"
	said 75 "hf-embed: --deadline: 400 ms are over
hf-embed: $(resume 9)"
	[ "$(stripped <<<"$output")" = "$(records 8)" ]
	# while it waits for input
	mkfifo "$BATS_TEST_TMPDIR/fifo"
	exec 7<>"$BATS_TEST_TMPDIR/fifo"
	records 2 >&7
	embed --deadline 300ms <"$BATS_TEST_TMPDIR/fifo" 7>&-
	exec 7>&-
	said 75 "hf-embed: --deadline: 300 ms are over
hf-embed: $(resume 3)"
	[ "$(stripped <<<"$output")" = "$(records 2)" ]
}

@test "a full disk is 74, and no line counts as done" {
	start_fault
	run --separate-stderr bash -c 'hf-embed >/dev/full' < <(records 3)
	said 74 "hf-embed: standard output: No space left on device
hf-embed: $(resume 1)"
	records 3 | hf-embed >"$BATS_TEST_TMPDIR/in"
	run --separate-stderr bash -c 'pc-upsert demo >/dev/full' <"$BATS_TEST_TMPDIR/in"
	said 74 "pc-upsert: standard output: No space left on device
pc-upsert: $(resume 1)"
}

@test "closed standard input and output are named: 74" {
	start_fault
	run --separate-stderr bash -c 'hf-embed <&-'
	said 74 "hf-embed: standard input, behind line 0: Bad file descriptor
hf-embed: $(resume 1)"
	[ -z "$output" ]
	run --separate-stderr bash -c 'hf-embed >&-' < <(records 3)
	said 74 "hf-embed: standard output: Bad file descriptor
hf-embed: $(resume 1)"
	run --separate-stderr hf-embed </
	said 74 "hf-embed: standard input, behind line 0: Is a directory
hf-embed: $(resume 1)"
	run bash -c 'hf-embed 2>&-' < <(records 3)
	[ "$status" -eq 0 ]
	[ "$(stripped <<<"$output")" = "$(records 3)" ]
}

@test "an input that breaks while requests are in flight: they come out, then 74" {
	# A connection as standard input, reset by its other end behind the lines of an answer.
	start_fault --fault 'info:2:reset'
	exec 7<>"/dev/tcp/127.0.0.1/${FAULT_URL##*:}"
	start_fault --delay 400
	begin hf-embed -l -n 64 <&7
	printf 'GET /info HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer hf_test\r\n\r\n' >&7
	arrived 1
	printf 'GET /info HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer hf_test\r\n\r\n' >&7
	ended
	exec 7>&-
	[ "$status" -eq 74 ]
	local n
	[[ "${stderr_lines[0]}" =~ ^'hf-embed: standard input, behind line '([0-9]+)': Connection reset by peer'$ ]]
	n=${BASH_REMATCH[1]}
	[[ "$(head -1 <<<"$output" | jq -r .metadata.text)" == 'HTTP/1.1 '* ]]
	[ "$(wc -l <<<"$output")" -ge 3 ]
	resumes_at "$((n + 1))"
}

@test "a reader that leaves ends it quietly" {
	start_fault
	run --separate-stderr bash -c 'hf-embed -n 1 -j 1 | head -n 1; echo "${PIPESTATUS[*]}"' < <(records 5000)
	said 0
	[ "$(stripped <<<"${lines[0]}")" = "$(records 1)" ]
	[ "${lines[1]}" = '141 0' ]
	[ "$(audit total)" -lt 5000 ]
}

@test "a producer that dies in the middle of a record: what is whole is embedded, the rest is named" {
	start_fault
	embed < <(
		records 5
		printf '{"id":"5","metadata":{"text":"half a rec'
	)
	said 65 'hf-embed: line 6: not JSON; the last line has no end: was it cut?'
	[ "$(stripped <<<"$output")" = "$(records 5)" ]
}

@test "hf-embed killed in the middle: of what came out, whatever is stored is right, and has its receipt" {
	start_fault --delay 10
	begin hf-embed -j 2 -n 5 < <(records 5000)
	arrived 40
	kill -KILL "$PID"
	ended
	[ "$status" -eq 137 ]
	head -c -9 "$BATS_TEST_TMPDIR/out" >"$BATS_TEST_TMPDIR/in" # as a pipe might have been cut
	begin pc-upsert -n 5 demo <"$BATS_TEST_TMPDIR/in"
	ended
	[ "$status" -eq 65 ]
	[[ "$stderr" == *'not JSON; the last line has no end: was it cut?' ]]
	local n
	n=$(jq -s 'map(.upsertedCount) | add' <<<"$output")
	[ "$n" -gt 0 ]
	[ "$(audit 'upserted | [.distinct, .mismatched, .altered]')" = "[$n,0,0]" ]
	[ "$(curl -sS "$FAULT_URL/audit/ids" | sort)" = "$(seq 0 $((n - 1)) | sort)" ]
}

@test "records for which nothing need be sent do not wait for anything" {
	start_fault
	local in=$BATS_TEST_TMPDIR/in
	seq 20000 | sed 's/.*/{"id":"&","values":[1,2]}/' >"$in"
	run --separate-stderr hf-embed --deadline 10s <"$in"
	[ "$status" -eq 0 ]
	[ "$output" = "$(cat "$in")" ]
	seq 20000 >"$in"
	run --separate-stderr hf-embed -q --deadline 10s -r "$BATS_TEST_TMPDIR/rejects" <"$in"
	[ "$status" -eq 1 ]
	cmp "$in" "$BATS_TEST_TMPDIR/rejects"
	[ "$(audit total)" -eq 0 ]
}

@test "pc-upsert --create: --deadline holds while no record comes, and on a server that hangs" {
	start_fault --fault 'indexes:*:hang'
	mkfifo "$BATS_TEST_TMPDIR/never"
	exec 8<>"$BATS_TEST_TMPDIR/never"
	run --separate-stderr pc-upsert --create --deadline 500ms new <&8
	exec 8<&-
	[ "$status" -eq 75 ]
	[[ "$stderr" == *'no record has come'* ]]
	run --separate-stderr pc-index --retries 0 --deadline 500ms list
	[ "$status" -eq 75 ]
}

@test "a file that can't grow ends with a whole line: going on with >> gives each record once" {
	start_fault --dim 16
	local in=$BATS_TEST_TMPDIR/in out=$BATS_TEST_TMPDIR/out line limit program
	records 3000 >"$in"
	for run in '50 hf-embed -q' '600 hf-embed -q' '50 vec-batch -1' '150 vec-batch -1'; do
		limit=${run%% *} program=${run#* }
		rm -f "$out"
		(
			ulimit -f "$limit"
			exec $program <"$in" >"$out" 2>"$BATS_TEST_TMPDIR/err"
		) && return 1
		line=$(sed -n 's/.*stopped at input line \([0-9]*\):.*/\1/p' "$BATS_TEST_TMPDIR/err")
		[ "$(wc -l <"$out")" -eq $((line - 1)) ]
		[ "$limit" -lt 600 ] || [ "$line" -gt 1 ]
		tail -n "+$line" "$in" | $program >>"$out"
		[ "$(jq -r .id "$out")" = "$(seq 0 2999)" ]
	done
}
