# hf-embed --cache: a text is paid for once
load helper

setup() {
	cd "$BATS_TEST_TMPDIR"
}

# embed ARG...  hf-embed with the cache `db` on standard input, with a limit on how long a bug may hang
embed() {
	run --separate-stderr timeout -k 1 60 hf-embed --cache db --cache-key model "$@"
}

# same FILE  what was written are its bytes
same() {
	cmp - "$1" <<<"$output"
}

# fill N  put the vectors of the first N texts in
fill() {
	records "$1" | hf-embed --cache db --cache-key model >filled
}

# How many texts each request for embeddings had.
sizes() {
	requests 'select(.kind == "embed") | .body | fromjson.inputs | length' | paste -sd' '
}

# changed N EVERY  N records, of which each EVERYth has another text
changed() {
	records "$1" | awk -v every="$2" 'NR % every == 0 { sub(/text number/, "new text") } { print }'
}

@test "the second run asks for nothing, and writes the same bytes: short numbers, and those of 17 digits" {
	for digits in short 17; do
		start_fault --digits "$digits" --dim 64
		rm -f db
		records 1000 | vec-batch >in
		hf-embed <in >want
		embed <in
		said 0
		same want
		local before
		before=$(audit total)
		embed --stats <in
		[ "$status" -eq 0 ]
		same want
		[ "$(audit total)" -eq "$before" ]
		[ "$(jq -c '[.records, .batches, .requests, .cache_hits, .bytes_sent]' <<<"$stderr")" = '[1000,16,0,1000,0]' ]
		[ "$(echo db*)" = db ] # what stands beside it is gone
	done
}

@test "100 changed lines of 10,000 are two requests, and each record is where it was" {
	start_fault --dim 4
	fill 10000
	changed 10000 100 | vec-batch >in
	hf-embed <in >want
	start_fault --dim 4
	embed --stats <in
	[ "$status" -eq 0 ]
	same want
	[ "$(sizes | tr ' ' '\n' | sort -n | paste -sd' ')" = '36 64' ] # one may be answered before the other
	[ "$(jq -c '[.cache_hits, .requests]' <<<"$stderr")" = '[9900,2]' ]
}

@test "what is missing is gathered across batches and loose records, and framing stays" {
	start_fault
	fill 100
	changed 100 3 >in
	{
		head -n 40 in | vec-batch -n 7
		echo '[]'
		tail -n +41 in
	} >mixed
	hf-embed <mixed >want
	start_fault
	embed -n 10 -j 1 <mixed
	said 0
	same want
	[ "$(sizes)" = '10 10 10 3' ]
	# a batch that is larger than -n stays in one request, without a cache and with it
	changed 100 1 | vec-batch -n 100 >in
	embed -n 10 <in
	said 0
	[ "$(sizes)" = '10 10 10 3 67' ]
}

@test "a server's faults, and its limit of texts, do no harm to requests of several batches" {
	start_fault
	fill 600
	changed 600 2 | vec-batch -n 9 >in
	hf-embed <in >want
	start_fault --shape tei --max-batch 20 --fault 'embed:*:status=500,every=4' --fault 'embed:7:cut' --fault 'embed:9:count=-1'
	embed -j 4 <in
	[ "$status" -eq 0 ]
	same want
	[ "$(audit embedded.max)" -eq 1 ]
}

@test "of a request of several batches, the text that is refused is found, and set aside in its turn" {
	start_fault --fault 'embed:contains=new text 7 :status=422' --fault 'embed:contains=new text 31 :status=422'
	fill 60
	changed 60 4 | sed 's/"}}$/ "}}/' >spaced
	records 60 | sed 's/"}}$/ "}}/' | hf-embed --cache db --cache-key model >filled
	vec-batch -n 5 <spaced >in
	embed -r bad <in
	[ "$status" -eq 1 ]
	[ "$(grep -o 'line [0-9]*: record "[0-9]*": 422' <<<"$stderr")" = $'line 2: record "7": 422\nline 7: record "31": 422' ]
	[ "$(jq -r .id bad)" = $'7\n31' ]
	[ "$(jq -r '.[].id' <<<"$output")" = "$(seq 0 59 | grep -vx -e 7 -e 31)" ]
	# without -r: what came before it is delivered, and the line is named
	rm db
	records 60 | sed 's/"}}$/ "}}/' | hf-embed --cache db --cache-key model >filled
	embed <in
	[ "$status" -eq 65 ]
	[[ $stderr == 'hf-embed: line 2: record "7": 422: '* ]]
	[ "$(jq -r '.[].id' <<<"$output")" = "$(seq 0 6)" ]
}

@test "a run that is killed has paid for what had come, and the next one takes it" {
	start_fault --fault 'embed:contains=number 20:hang'
	records 50 >in
	hf-embed --cache db --cache-key model -j 1 -n 10 <in >out 2>err 3>&- &
	local pid=$!
	until [ "$(audit total)" -eq 3 ]; do kill -0 "$pid"; done # two answers, and one that does not come
	kill -KILL "$pid"
	wait "$pid" || true
	start_fault
	embed -n 10 <in
	said 0
	[ "$(sizes)" = '10 10 10' ]
	[ "$(jq -r .id <<<"$output")" = "$(seq 0 49)" ]
}

@test "a text that stands there twice is sent once, however it is spelled" {
	start_fault
	for i in 1 2 3; do
		records 200 | sed "s/\"id\":\"/&$i-/"
	done >in
	echo '{"id":"x","metadata":{"text":"text\u0020number\t7"}}' >>in
	echo '{"id":"y","metadata":{"text":"text number\u00097"}}' >>in
	hf-embed <in >want
	start_fault
	embed <in
	said 0
	same want
	[ "$(audit 'embedded | [.texts, .distinct, .max]')" = '[201,201,1]' ]
}

@test "two that wait for one text: it is refused for both" {
	start_fault --fault 'embed:contains=number 3:status=422'
	{
		records 5
		records 5
	} >in
	embed -r bad <in
	[ "$status" -eq 1 ]
	[ "$(jq -r .id <<<"$output" | paste -sd' ')" = '0 1 2 4 0 1 2 4' ]
	[ "$(jq -r .id bad | paste -sd' ')" = '3 3' ]
}

@test "a slow input is not waited for" {
	start_fault
	fill 10
	mkfifo in out
	hf-embed --cache db --cache-key model <in >out 2>err 3>&- &
	local pid=$! line
	exec 5>in 6<out
	for i in 0 1 2; do
		records 10 | sed -n "$((i + 1))p" >&5 # it is there
		read -r -t 20 -u 6 line
		[ "$(jq -r .id <<<"$line")" = "$i" ]
		echo "{\"id\":\"new\",\"metadata\":{\"text\":\"new $i\"}}" >&5 # it is not
		read -r -t 20 -u 6 line
		[ "$(jq -r .id <<<"$line")" = new ]
	done
	exec 5>&- 6<&-
	wait "$pid"
}

@test "several programs at once make one cache, and what each writes is right" {
	start_fault --dim 32 --fault 'embed:*:delay=20'
	local pids=()
	for i in 1 2 3 4; do
		records 1500 | tail -n "+$((i * 200))" >"in$i"
		hf-embed <"in$i" >"want$i"
	done
	for i in 1 2 3 4; do
		hf-embed --cache db --cache-key model <"in$i" >"out$i" 2>"err$i" 3>&- &
		pids+=($!)
	done
	for i in 1 2 3 4; do
		wait "${pids[i - 1]}"
		cmp "out$i" "want$i"
		[ ! -s "err$i" ]
	done
	embed --cache-only <in1
	said 0
	same want1
}

@test "--cache-only sends nothing and needs no endpoint; what is not there is rejected" {
	start_fault
	fill 20
	unset HF_ENDPOINT_URL
	embed --cache-only < <(records 20)
	said 0
	same filled
	embed --cache-only < <(records 22)
	said 65 'hf-embed: line 21: its text is not in the cache: leave out --cache-only'
	same filled
	embed --cache-only -r bad < <(
		echo '{"id":"x","metadata":{"text":"x"}}'
		records 20
		echo '{"id":"x","metadata":{"text":"x"}}' # it was not asked for
	)
	said 1 'hf-embed: line 1: its text is not in the cache: leave out --cache-only
hf-embed: line 22: its text is not in the cache: leave out --cache-only'
	same filled
	[ "$(wc -l <bad)" -eq 2 ]
	[ "$(audit total)" -eq 1 ]
	embed --cache-only --cache-key other < <(records 1)
	said 65 'hf-embed: line 1: its text is not in the cache: leave out --cache-only'
}

@test "the model is what /info says; without that, the endpoint's address; --cache-key before both" {
	local first
	start_fault --shape tei
	for route in '' / /embed /v1/embeddings; do
		run --separate-stderr hf-embed --cache db "$FAULT_URL$route" < <(records 3)
		said 0
	done
	[ "$(requests .kind | paste -sd' ')" = '"info" "embed" "info" "info" "info"' ]
	[ "$(requests .path | sort -u | paste -sd' ')" = '"/" "/info"' ]
	first=$FAULT_URL
	start_fault --shape tei # at another address, the same model
	run --separate-stderr hf-embed --cache db < <(records 3)
	said 0
	[ "$(requests .kind | paste -sd' ')" = '"info"' ]
	start_fault # it has no such route
	for i in 1 2; do
		run --separate-stderr hf-embed --cache db < <(records 3)
		said 0
	done
	[ "$(requests .kind | paste -sd' ')" = '"info" "embed" "info"' ]
	start_fault
	run --separate-stderr hf-embed --cache db < <(records 3)
	[ "$(requests .kind | paste -sd' ')" = '"info" "embed"' ]
	for i in 1 2; do
		run --separate-stderr hf-embed --cache db --cache-key k "$first" < <(records 3)
		said 0
	done
	[ "$(curl -sS "$first/audit" | jq .requests.embed)" -eq 2 ]
}

@test "an endpoint that refuses to tell its model stops the run, before anything is embedded" {
	start_fault --fault 'info:*:status=401'
	run --separate-stderr hf-embed --cache db < <(records 3)
	[ "$status" -eq 77 ]
	[[ $stderr == "hf-embed: GET $FAULT_URL/info: 401: "* ]]
	[ "$(audit total)" -eq 1 ]
}

@test "a text that was cut is known with --truncate only; one that was not, with and without" {
	start_fault
	fill 2
	embed --truncate < <(records 4)
	said 0
	[ "$(sizes)" = '2 2' ]
	embed < <(records 4)
	said 0
	[ "$(sizes)" = '2 2 2' ]
	embed --truncate < <(records 4)
	[ "$(sizes)" = '2 2 2' ]
}

@test "--cache-max: the file stays within it, and what was used longest ago goes first" {
	start_fault --dim 1024
	local i
	records 150 >early
	hf-embed <early >want
	embed --cache-max 1MB <early
	said 0
	for i in 1 2 3; do
		embed --cache-max 1MB < <(lines 100 | sed "s/^/$i /" | vec-batch -l) # new ones
		said 0
		[ "$(stat -c %s db)" -le 1000000 ]
		embed --cache-max 1MB < <(head -n 30 early) # used again
		said 0
	done
	embed --cache-only < <(head -n 30 early) # they are still there
	said 0
	cmp <(head -n 30 want) <<<"$output"
	embed --cache-only < <(tail -n 30 early) # these went
	[ "$status" -eq 65 ]
	# a new limit takes effect at once
	rm db
	embed < <(records 1000)
	[ "$(stat -c %s db)" -gt 4000000 ]
	embed --cache-max 2MB </dev/null
	said 0
	[ "$(stat -c %s db)" -le 2000000 ]
}

@test "what another program throws out of the cache meanwhile is sent after all" {
	start_fault --dim 1024 --fault 'embed:contains=slow:delay=3000'
	fill 100
	{
		echo '{"id":"slow","metadata":{"text":"slow"}}'
		records 100
	} >in
	hf-embed --cache db --cache-key model -j 1 -n 1 <in >out 2>err 3>&- &
	local pid=$!
	until [ "$(audit total)" -eq 3 ]; do kill -0 "$pid"; done
	embed --cache-max 1MB < <(lines 400 | sed 's/^/other /' | vec-batch -l1)
	said 0
	wait "$pid"
	[ ! -s err ]
	cmp filled <(tail -n +2 out)
	[ "$(audit embedded.max)" -eq 2 ]
}

@test "vectors of two lengths under one name stop the run: 78" {
	start_fault --dim 4
	fill 10
	start_fault --dim 5
	embed < <(records 20)
	[ "$status" -eq 78 ]
	[[ ${stderr_lines[0]} == 'hf-embed: --cache db: vectors of '[45]' values and of '[45]': are they of one model? give each its own --cache-key' ]]
	[[ ${stderr_lines[1]} == 'hf-embed: stopped at input line '* ]]
}

@test "a file that is no cache is left as it is: 74" {
	start_fault
	echo text >other
	cp other want
	run --separate-stderr hf-embed --cache other --cache-key m < <(records 1)
	said 74 'hf-embed: --cache other: not a file that hf-embed --cache has made'
	cmp other want
	pc-local pinecone.db -- true
	run --separate-stderr hf-embed --cache pinecone.db --cache-key m < <(records 1)
	said 74 'hf-embed: --cache pinecone.db: not a file that hf-embed --cache has made'
	run --separate-stderr hf-embed --cache no/such --cache-key m < <(records 1)
	said 74 'hf-embed: --cache no/such: unable to open database file'
	[ "$(audit total)" -eq 0 ]
}

@test "names that SQLite knows otherwise are those of files" {
	start_fault
	records 5 >in
	hf-embed <in >want
	for name in :memory: file:x 'file:x?mode=memory' :x; do
		run --separate-stderr hf-embed --cache "$name" --cache-key m <in
		said 0
		[ -s "$PWD/$name" ]
		run --separate-stderr hf-embed --cache "$name" --cache-key m --cache-only <in
		said 0
		same want
	done
	[ ! -e x ]
}

@test "a cache that can't grow is said once, and all records come out" {
	start_fault --dim 256
	records 1000 >in
	hf-embed <in >want
	run --separate-stderr bash -c 'ulimit -f 200; hf-embed --cache db --cache-key model | cat' <in
	[ "$status" -eq 0 ]
	same want
	[[ $stderr == 'hf-embed: --cache db: '*': going on without it' ]]
	[ "${#stderr_lines[@]}" -eq 1 ]
	embed <in # and what it has is whole
	said 0
	same want
}

@test "options of the cache without a cache, and a limit that is too small, are told: 64" {
	start_fault
	for option in 'key x' 'max 1GB' only; do
		run --separate-stderr hf-embed --cache-$option </dev/null
		said 64 "hf-embed: --cache-${option% *}: which cache? --cache names it; see 'man hf-embed'"
	done
	run --separate-stderr hf-embed --cache '' </dev/null
	said 64 "hf-embed: --cache '': want the name of a file; see 'man hf-embed'"
	run --separate-stderr hf-embed --cache db --cache-key '' </dev/null
	said 64 "hf-embed: --cache-key '': want a name of the model; see 'man hf-embed'"
	embed --cache-max 1k </dev/null
	[ "$status" -eq 64 ]
	[[ $stderr == *'--cache-max 1k: want a size from 1000000 to '* ]]
}
