# --skip: going on where a run has stopped, or was killed
load helper

setup() {
	cd "$BATS_TEST_TMPDIR"
}

# at_random MS COMMAND...  run it, and kill it after a random time of at most MS
at_random() {
	local ms=$((RANDOM % $1 + 1))

	timeout -s KILL "$((ms / 1000)).$(printf %03d $((ms % 1000)))" "${@:2}" 2>>err || [ $? -eq 137 ]
}

# whole FILE  take off a last line that was cut
whole() {
	head -n "$(wc -l <"$1")" "$1" >whole.tmp
	mv whole.tmp "$1"
}

# told FILE  the arguments with which the last line of FILE says to go on
told() {
	sed -n '$s/.*: stopped at input line [0-9]*: what came before it is done; go on with \(--skip [0-9]*\)$/\1/p' "$1"
}

# stored INDEX FILE  what an index holds, in the order of the ids in FILE, a hundred a request, and how many there are
stored() {
	local base from

	base=$(pc-index describe "$1" | jq -r 'if .host | test("://") then .host else "http://" + .host end')
	for from in $(seq 1 100 "$(wc -l <"$2")"); do
		curl -sS -H "Api-Key: $PINECONE_API_KEY" \
			"$base/vectors/fetch?$(tail -n "+$from" "$2" | head -n 100 | sed 's/^/ids=/' | paste -sd'&')" |
			jq -c '.vectors | to_entries | sort_by(.key)[]'
	done
	curl -sS -H "Api-Key: $PINECONE_API_KEY" -X POST "$base/describe_index_stats" -d '{}' | jq -c .namespaces
}

@test "--skip passes over so many lines, and the rest is as if they had been read" {
	start_fault
	records 30 | sed '5s/.*//; 20s/.*/nope/' >in
	vec-batch -n 4 <in >all -r bad || [ $? -eq 1 ]
	run --separate-stderr vec-batch -1 --skip 12 -r bad <in
	[ "$status" -eq 1 ]
	[ "$stderr" = 'vec-batch: line 20: not JSON: want one value a line, or -l for plain text' ]
	[ "$output" = "$(sed -n '13,19p; 21,$p' in)" ]
	run --separate-stderr hf-embed --skip 12 -r bad <in
	[ "$status" -eq 1 ]
	[[ $stderr == 'hf-embed: line 20: not a record: '* ]]
	[ "$(jq -r .id <<<"$output")" = "$(seq 12 29 | grep -vx 19)" ]
	[ "$(audit embedded.texts)" -eq 17 ]
	hf-embed -r bad <in >vectors 2>err || [ $? -eq 1 ]
	run --separate-stderr pc-upsert --skip 28 demo <vectors
	said 0
	[ -z "$output" ]
	run --separate-stderr pc-upsert --skip 20 demo <vectors
	said 0
	[ "$output" = '{"upsertedCount":8,"first":"22","last":"29","namespace":""}' ]
}

@test "--skip: lines of all kinds count, also those that are blank, too long, or no records" {
	start_fault
	{
		echo '[{"id":"a","metadata":{"text":"a"}},{"id":"b","metadata":{"text":"b"}}]'
		echo
		echo nope
		head -c 67108870 /dev/zero | tr '\0' x
		echo
		echo '{"id":"c","metadata":{"text":"c"}}'
	} >in
	run --separate-stderr hf-embed --skip 4 <in
	said 0
	[ "$(jq -r .id <<<"$output")" = c ]
	run --separate-stderr vec-batch -1 --skip 4 <in
	said 0
	[ "$(jq -r .id <<<"$output")" = c ]
}

@test "vec-batch --skip: ids, -u and -N go on; so do those of hf-embed -l" {
	start_fault
	printf '%s\n' '["a","b"]' '"a"' '' '[1' '{"id":"own","metadata":{"text":"c"}}' '["d","a",7,"e"]' '"f"' '"d"' '"g"' >in
	for options in '' -u '-N 6' '-uN 5' '-i .' '-t ascii_upcase -u' -H; do
		vec-batch -1 -r bad $options <in >want 2>err || [ $? -eq 1 ]
		for n in $(seq 0 9); do
			vec-batch -1 -r bad $options <<<"$(head -n "$n" in)" >first 2>err || [ $? -eq 1 ]
			vec-batch -1 -r bad $options --skip "$n" <in >rest 2>err || [ $? -eq 1 ]
			cat first rest | cmp - want
		done
	done
	printf '%s\n' a '' b $'\xff' c d >in
	hf-embed -l -s 10 -r bad <in >want 2>err || [ $? -eq 1 ]
	for n in $(seq 0 6); do
		head -n "$n" in | hf-embed -l -s 10 -r bad >first 2>err || [ $? -eq 1 ]
		hf-embed -l -s 10 -r bad --skip "$n" <in >rest 2>err || [ $? -eq 1 ]
		cat first rest | cmp - want
	done
}

@test "--skip: a number that is larger than the input has lines is told: 65; one that is as large, is not" {
	start_fault
	records 3 | hf-embed >in
	for program in vec-batch hf-embed 'pc-upsert demo'; do
		run --separate-stderr $program --skip 4 <in
		said 65 "${program% *}: --skip 4: the input has 3 lines: is it the same one?"
		[ -z "$output" ]
		run --separate-stderr $program --skip 3 <in
		said 0
		[ -z "$output" ]
		run --separate-stderr $program --skip x <in
		said 64 "${program% *}: --skip x: want a number from 0 to 1000000000000000000; see 'man ${program% *}'"
	done
}

@test "with --skip the rejects file is gone on with, without it is emptied" {
	start_fault
	printf '%s\n' {one {two '{"id":"a","metadata":{"text":"a"}}' {three >in
	for program in vec-batch hf-embed; do
		$program -r bad <in >out 2>err || [ $? -eq 1 ]
		[ "$(<bad)" = $'{one\n{two\n{three' ]
		$program -r bad --skip 3 <in >out 2>err || [ $? -eq 1 ]
		[ "$(<bad)" = $'{one\n{two\n{three\n{three' ]
		$program -r bad <in >out 2>err || [ $? -eq 1 ]
		[ "$(<bad)" = $'{one\n{two\n{three' ]
	done
}

@test "a rejected record is set aside after the output that came before it, so that both can be counted" {
	start_fault
	mkfifo in
	hf-embed -r bad <in >out 2>err 3>&- &
	local pid=$!
	exec 5>in
	{
		records 3
		echo nope
	} >&5
	until [ -s bad ]; do kill -0 "$pid"; done
	[ "$(wc -l <out)" -eq 3 ]
	exec 5>&-
	wait "$pid" || [ $? -eq 1 ]
}

@test "what the last line says goes on where it stopped: signals, until all is done" {
	start_fault --fault 'embed:*:delay=10'
	local at='' runs=0
	records 300 | sed '100s/.*/nope/; 200s/.*/nope/' >in
	hf-embed -r want.bad <in >want 2>err || [ $? -eq 1 ]
	: >out
	while :; do
		local status=0
		timeout -s INT 0.15 hf-embed -n 2 -j 1 -r bad $at <in >>out 2>err || status=$?
		runs=$((runs + 1))
		[ "$runs" -lt 100 ]
		[ "$status" -eq 124 ] || break
		at=$(told err)
		[ -n "$at" ] || break # the signal came when all was read: it has finished
	done
	[ "$runs" -gt 3 ]
	cmp out want
	cmp bad want.bad
}

@test "stopped before it has done anything more, it says the same --skip again" {
	start_fault --fault 'embed:*:status=500'
	records 10 >in
	for program in "hf-embed --retries 0" "vec-batch"; do
		run --separate-stderr bash -c "$program --skip 7 <in >/dev/full"
		[[ ${stderr_lines[-1]} == *': stopped at input line 8: what came before it is done; go on with --skip 7' ]]
	done
}

@test "kill -9 at random points of both stages, gone on with by counting: the index is that of an undisturbed run" {
	export -f at_random whole stored
	start_fault --dim 16 --fault 'embed:*:delay=5'
	records 300 >in
	jq -r .id in >ids
	hf-embed <in >want
	: >vectors
	local ms=20 # longer each time: the first can't be enough, and on a slow machine the last one will
	until [ "$(wc -l <vectors)" -eq 300 ]; do
		at_random $((ms += 10)) hf-embed -q -n 3 --skip "$(wc -l <vectors)" <in >>vectors
		whole vectors
	done
	cmp vectors want
	pc-local db -- bash -ec 'pc-upsert -q --create undisturbed <want >receipts
		pc-index create -q -d 16 killed >created
		: >receipts
		ms=20
		until n=$(jq -s "map(.upsertedCount) | add // 0" receipts); [ "$n" -eq 300 ]; do
			at_random $((ms += 10)) pc-upsert -q -n 2 -j 2 --skip "$n" killed <vectors >>receipts
			whole receipts
		done
		[ "$ms" -gt 30 ]
		stored undisturbed ids >want.index
		stored killed ids >killed.index'
	cmp want.index killed.index
	[ "$(wc -l <killed.index)" -eq 301 ]
}

@test "kill -9 of the whole pipe, run again from its start with a cache and ids of the texts: the same index, paid once" {
	pipe() {
		vec-batch -n 4 <in | hf-embed -q -n 4 -j 1 --cache cache --cache-key m | pc-upsert -q demo
	}
	export -f at_random pipe stored
	lines 200 | vec-batch -Hl1 >in
	jq -r .id in >ids
	start_fault --dim 16
	pc-local undisturbed -- bash -ec 'pc-index create -q -d 16 demo >created
		pipe >receipts
		stored demo ids >want.index'
	rm cache
	start_fault --dim 16 --fault 'embed:*:delay=5'
	pc-local killed -- bash -ec 'pc-index create -q -d 16 demo >created
		for run in {1..6}; do
			at_random 250 bash -c pipe >receipts # timeout(1) kills all of its group
		done
		pipe >receipts
		[ "$(jq -s "map(.upsertedCount) | add" receipts)" -eq 200 ]
		stored demo ids >killed.index'
	cmp want.index killed.index
	[ "$(wc -l <killed.index)" -eq 201 ]
	# what was in flight at each kill was paid twice, and nothing else
	[ "$(audit embedded.distinct)" -eq 200 ]
	[ "$(audit embedded.texts)" -le $((200 + 6 * 4)) ]
}
