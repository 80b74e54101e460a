load helper

setup() {
	cd "$BATS_TEST_TMPDIR"
}

# It ended with status $1, wrote $2, and said $3.
ended() {
	echo "status $status; wrote: $output; said: $stderr"
	[ "$status" -eq "$1" ]
	[ "$output" = "$2" ]
	[ "$stderr" = "${3:-}" ]
}

# vec-chunk with these options on the record of a text
chunk() {
	local text=$1
	shift
	jq -nc --arg text "$text" '{id: "d", metadata: {text: $text}}' >input
	run --separate-stderr vec-chunk "$@" <input
}

texts() {
	jq -r .metadata.text <<<"$output"
}

# --- records

@test "vec-chunk: a document becomes passages, with ids of its own, and where each one stands" {
	chunk $'One two.  Three four five.\nSix.' -w 4
	ended 0 '{"id":"d#0","metadata":{"text":"One two.","start":0,"end":8,"line":1}}
{"id":"d#1","metadata":{"text":"Three four five.\nSix.","start":10,"end":31,"line":1}}'
	chunk $'\n\n  a b\nc d' -w 2
	ended 0 '{"id":"d#0","metadata":{"text":"a b","start":4,"end":7,"line":3}}
{"id":"d#1","metadata":{"text":"c d","start":8,"end":11,"line":4}}'
}

@test "vec-chunk: the offsets are bytes of the text: they cut out the passage" {
	chunk "$(printf 'Größe zählt. „Ja“, sagt er. 日本語。 😀 %.0s' 1 2 3 4)" -w 5
	[ "$status" -eq 0 ]
	[ "${#lines[@]}" -gt 6 ]
	jq -rj .metadata.text input >whole
	jq -r '"\(.metadata.start) \(.metadata.end)"' <<<"$output" >spans
	while read -r start end; do
		tail -c +$((start + 1)) whole | head -c $((end - start))
		echo
	done <spans >cut
	diff cut <(texts)
}

@test "vec-chunk: the rest of the record stays, byte for byte" {
	printf '%s\n' '{ "x":[1.0, 2e5],"metadata":{"n": 1.50 ,"text" : "A b. C\u0020d." , "t":"\u0061"},"id" : "\u0069\"", "values":null}' >input
	run --separate-stderr vec-chunk -w 2 <input
	ended 0 '{ "x":[1.0, 2e5],"metadata":{"n": 1.50 ,"text" : "A b." , "t":"\u0061","start":0,"end":4,"line":1},"id" : "\u0069\"#0", "values":null}
{ "x":[1.0, 2e5],"metadata":{"n": 1.50 ,"text" : "C d." , "t":"\u0061","start":5,"end":9,"line":1},"id" : "\u0069\"#1", "values":null}'
}

@test "vec-chunk: start, end and line that are there already are replaced: passages can be cut again" {
	printf '%s\n' '{"id":"a","metadata":{"line":"old","text":"a b","end":null}}' >input
	run --separate-stderr vec-chunk -w 1 <input
	ended 0 '{"id":"a#0","metadata":{"line":1,"text":"a","end":1,"start":0}}
{"id":"a#1","metadata":{"line":1,"text":"b","end":3,"start":2}}'
}

@test "vec-chunk: escapes in a text are decoded before it is cut, and what must be is escaped again" {
	printf '%s\n' '{"id":"a","metadata":{"text":"\u00e9\ud83d\ude00 \"q\"\n\u0000\\ z"}}' >input
	run --separate-stderr vec-chunk -w 1 <input
	[ "$status" -eq 0 ]
	[ "$(jq -c .metadata.text <<<"$output")" = '"é😀"
"\"q\""
"\u0000\\"
"z"' ]
	[ "$(jq -c '[.metadata.start, .metadata.end, .metadata.line]' <<<"$output")" = '[0,6,1]
[7,10,1]
[11,13,2]
[14,15,2]' ]
}

@test "vec-chunk: batches are taken, loose records come out" {
	vec-batch -l <<<$'a b\nc' >input
	run --separate-stderr vec-chunk -w 1 <input
	ended 0 '{"id":"0#0","metadata":{"text":"a","start":0,"end":1,"line":1}}
{"id":"0#1","metadata":{"text":"b","start":2,"end":3,"line":1}}
{"id":"1#0","metadata":{"text":"c","start":0,"end":1,"line":1}}'
}

@test "vec-chunk: a document without text has no passage, and that is said" {
	printf '%s\n' '{"id":"a","metadata":{"text":""}}' '{"id":"b","metadata":{"text":" \n"}}' '{"id":"c","metadata":{"text":"c"}}' >input
	run --separate-stderr vec-chunk <input
	ended 0 '{"id":"c#0","metadata":{"text":"c","start":0,"end":1,"line":1}}' \
		'vec-chunk: 3 documents, 2 of them without text; 1 passages'
	run --separate-stderr vec-chunk -q <input
	[ -z "$stderr" ]
}

# --- where it cuts; the rules in detail are tested in tests/unit/passage.c

@test "vec-chunk -o: passages share the last sentence, or that many words" {
	chunk 'A b c. D e. F g h.' -w 5 -o 2
	[ "$(texts)" = $'A b c. D e.\nD e. F g h.' ]
	chunk 'a b c d e f g' -w 3 -o 1
	[ "$(texts)" = $'a b c\nc d e\ne f g' ]
	chunk 'a b c d e f g' -w 3 -o 0
	[ "$(texts)" = $'a b c\nd e f\ng' ]
}

@test "vec-chunk: without options, 100 words, 600 bytes, 12 words shared" {
	chunk "$(seq -s ' ' 1000 1299)"
	[ "$(texts | awk '{ print $1, $NF, NF }')" = '1000 1099 100
1088 1187 100
1176 1275 100
1264 1299 36' ]
	chunk "$(seq -s ' ' 1000000000 1000000299)"
	[ "$(texts | awk '{ print NF, length }' | head -n 1)" = '54 593' ]
}

@test "vec-chunk -b: a word that has more bytes is cut between characters as a reader sees them" {
	chunk $'e\u0301e\u0301e\u0301' -b 7
	[ "$(texts)" = $'e\u0301e\u0301\ne\u0301' ]
	chunk '👨‍👩‍👧👨‍👩‍👧' -b 20
	[ "$(texts)" = '👨‍👩‍👧
👨‍👩‍👧' ]
	chunk 'abcdefgh' -b 1 -w 3 -o 0
	[ "$(texts | tr -d '\n')" = abcdefgh ]
	[ "${#lines[@]}" -eq 8 ]
}

@test "vec-chunk: no word is lost and no passage is too long, on the manual of this project" {
	cat "$REPO"/man/*.[17] "$REPO"/*.md >whole
	jq -Rsc '{id: "a", metadata: {text: .}}' whole | vec-chunk -w 40 -b 300 -o 0 >passages
	[ "$(wc -l <passages)" -gt 300 ]
	diff <(tr -s '[:space:]' '\n' <whole) <(jq -r .metadata.text passages | tr -s '[:space:]' '\n')
	run jq -r 'select((.metadata.text | [splits("[ \n\t]+")] | length > 40) or (.metadata.text | utf8bytelength > 300)).id' passages
	[ "$status" -eq 0 ]
	[ -z "$output" ]
	jq -Rsc '{id: "a", metadata: {text: .}}' whole | vec-chunk -w 40 -b 300 -o 0 | cmp - passages
}

# --- files

@test "vec-chunk -F: the input is names; a file's name is its id, and metadata.path" {
	mkdir notes
	printf 'A b.\n\nC d.\n' >notes/a.md
	printf 'é' >'notes/b "c".md'
	printf '%s\n' notes/a.md 'notes/b "c".md' >names
	run --separate-stderr vec-chunk -F -w 2 <names
	ended 0 '{"id":"notes/a.md#0","metadata":{"path":"notes/a.md","text":"A b.","start":0,"end":4,"line":1}}
{"id":"notes/a.md#1","metadata":{"path":"notes/a.md","text":"C d.","start":6,"end":10,"line":3}}
{"id":"notes/b \"c\".md#0","metadata":{"path":"notes/b \"c\".md","text":"é","start":0,"end":2,"line":1}}'
}

@test "vec-chunk -F: an id is ASCII, whatever the name is, and no two names have the same" {
	mkdir ä
	printf 'x' | tee 'ä/50%' >'50%25'
	run --separate-stderr vec-chunk -F < <(printf '%s\n' ä/50% 50%25)
	[ "$status" -eq 0 ]
	[ "$(jq -r '.id, .metadata.path' <<<"$output")" = '%C3%A4/50%25#0
ä/50%
50%2525#0
50%25' ]
}

@test "vec-chunk -F0: names as find -print0 writes them, also with a newline in them" {
	printf 'x' >$'a\nb'
	printf 'y' >c
	printf '%s\0' $'a\nb' c >names
	run --separate-stderr vec-chunk -F0 <names
	ended 0 '{"id":"a%0Ab#0","metadata":{"path":"a\nb","text":"x","start":0,"end":1,"line":1}}
{"id":"c#0","metadata":{"path":"c","text":"y","start":0,"end":1,"line":1}}'
	run --separate-stderr vec-chunk -F < <(printf 'c\0c\0')
	ended 65 '' 'vec-chunk: line 1: a NUL stands in the name: give -0 if find -print0 wrote it'
}

@test "vec-chunk -F: a byte order mark is no text, CR LF is white space, offsets count both" {
	printf '\xef\xbb\xbfa b.\r\n\r\nC d.\r\n' >a
	run --separate-stderr vec-chunk -F -w 3 <<<a
	ended 0 '{"id":"a#0","metadata":{"path":"a","text":"a b.","start":3,"end":7,"line":1}}
{"id":"a#1","metadata":{"path":"a","text":"C d.","start":11,"end":15,"line":3}}'
}

@test "vec-chunk -F -r: what is no text file is set aside by name, with the reason" {
	printf 'good' >good
	printf 'ab\0c' >binary
	printf 'ab\xe9\0' >latin1
	printf '\xff\xfea\0' >utf16
	mkdir folder
	: >empty
	printf '%s\n' good binary missing latin1 folder utf16 empty good >names
	run --separate-stderr vec-chunk -F -r bad <names
	ended 1 '{"id":"good#0","metadata":{"path":"good","text":"good","start":0,"end":4,"line":1}}
{"id":"good#0","metadata":{"path":"good","text":"good","start":0,"end":4,"line":1}}' \
		'vec-chunk: line 2: binary: byte 3 is a NUL: is it text?
vec-chunk: line 3: missing: No such file or directory
vec-chunk: line 4: latin1: byte 3 is not UTF-8: is it text, in another encoding?
vec-chunk: line 5: folder: Is a directory
vec-chunk: line 6: utf16: byte 1 is not UTF-8: is it text, in another encoding?
vec-chunk: 3 documents, 1 of them without text; 2 passages'
	[ "$(cat bad)" = $'binary\nmissing\nlatin1\nfolder\nutf16' ]
}

@test "vec-chunk -F0 -r: names are set aside as they came, ended by NUL, so that they can be fed in again" {
	printf 'ab\xe9' >$'a\nb'
	printf 'x\0' >c
	run --separate-stderr vec-chunk -F0 -r bad < <(printf '%s\0' $'a\nb' c)
	[ "$status" -eq 1 ]
	cmp bad <(printf '%s\0' $'a\nb' c)
	printf 'ab' >$'a\nb'
	run --separate-stderr vec-chunk -F0 -r still <bad
	ended 1 '{"id":"a%0Ab#0","metadata":{"path":"a\nb","text":"ab","start":0,"end":2,"line":1}}' \
		'vec-chunk: line 2: c: byte 2 is a NUL: is it text?'
}

@test "vec-chunk -F: without -r the first bad file stops it, after what came before: 66 or 65" {
	printf 'good' >good
	printf '\xff' >bad
	good='{"id":"good#0","metadata":{"path":"good","text":"good","start":0,"end":4,"line":1}}'
	run --separate-stderr vec-chunk -F < <(printf '%s\n' good missing good)
	ended 66 "$good" 'vec-chunk: line 2: missing: No such file or directory'
	run --separate-stderr vec-chunk -F < <(printf '%s\n' good bad good)
	ended 65 "$good" 'vec-chunk: line 2: bad: byte 1 is not UTF-8: is it text, in another encoding?'
	run --separate-stderr vec-chunk -F < <(printf 'a\xff\n')
	[ "$status" -eq 65 ]
	[[ $stderr == *': the name is not UTF-8: it can'\''t be an id' ]]
}

@test "vec-chunk -F: a file of more than 64 MiB is refused, and what is no list of names at once" {
	truncate -s $((64 * 1024 * 1024 + 1)) large
	run --separate-stderr vec-chunk -F -r bad <<<large
	ended 1 '' 'vec-chunk: line 1: large: larger than 64 MiB: cut it into files first'
	[ "$(cat bad)" = large ]
	run --separate-stderr vec-chunk -F -r bad < <(head -c 200000 /dev/zero | tr '\0' x)
	ended 65 '' "vec-chunk: line 1: too long for a file's name: is it a list of names?"
}

# --- bad records

@test "vec-chunk: what is no document stops it, or is set aside with -r" {
	while IFS='|' read -r record why; do
		printf '%s\n' '{"id":"a","metadata":{"text":"a"}}' "$record" '{"id":"b","metadata":{"text":"b"}}' >input
		run --separate-stderr vec-chunk <input
		ended 65 '{"id":"a#0","metadata":{"text":"a","start":0,"end":1,"line":1}}' "vec-chunk: line 2: $why"
		run --separate-stderr vec-chunk -r bad <input
		ended 1 '{"id":"a#0","metadata":{"text":"a","start":0,"end":1,"line":1}}
{"id":"b#0","metadata":{"text":"b","start":0,"end":1,"line":1}}' "vec-chunk: line 2: $why"
		[ "$(cat bad)" = "$record" ]
	done <<-'END'
		a.md|not a record: want an object with id a string, values an array, metadata an object; -F for names of files
		{"id":"c"|not JSON
		{"metadata":{"text":"a"}}|no id: a passage's is made of it (vec-batch makes them)
		{"id":"","metadata":{"text":"a"}}|no id: a passage's is made of it (vec-batch makes them)
		{"id":"c"}|no metadata.text: there is nothing to cut (vec-batch -t makes one)
		{"id":"c","metadata":{"text":7}}|metadata.text is not a string
		{"id":"c","metadata":{"text":"\ud800"}}|half a surrogate pair stands in the text
		{"id":"c","metadata":{"text":"c"},"values":[1]}|it has values: cut a text before it is embedded
		{"id":"c","metadata":{"text":"c"},"sparse_values":{"indices":[1],"values":[1]}}|it has values: cut a text before it is embedded
		{"id":"c","metadata":{"text":"c","line":1,"line":2}}|not a record: a member stands there twice
	END
}

@test "vec-chunk: of a batch only the bad record is set aside" {
	echo '[{"id":"a","metadata":{"text":"a"}},{"id":"b"},{"id":"c","metadata":{"text":"c"}}]' >input
	run --separate-stderr vec-chunk -r bad <input
	[ "$status" -eq 1 ]
	[ "$(jq -r .id <<<"$output")" = $'a#0\nc#0' ]
	[ "$(cat bad)" = '{"id":"b"}' ]
}

@test "vec-chunk: wrong usage is told" {
	local usage=(
		'-w 0|-w 0: want a number from 1 to 100000'
		'-b 0|-b 0: want'
		'-w 10 -o 6|-o 6: want half of -w (10) at most'
		'-0|-0 says how names of files end: give -F, too'
		'x|too many operands'
	)
	for u in "${usage[@]}"; do
		# shellcheck disable=SC2086 # options
		run --separate-stderr vec-chunk ${u%%|*} </dev/null
		[ "$status" -eq 64 ]
		[ -z "$output" ]
		[[ $stderr == *"vec-chunk: ${u#*|}"* ]]
	done
}

# --- pipes

@test "vec-chunk: a document's passages are written while the next one is waited for" {
	mkfifo in out
	vec-chunk <in >out 3>&- &
	exec 5>in 6<out
	records 1 >&5
	read -r -t 20 line <&6
	[ "$(jq -r .id <<<"$line")" = 0#0 ]
	exec 5>&- 6<&-
	wait $!
	printf 'x' >a
	vec-chunk -F0 <in >out 3>&- &
	exec 5>in 6<out
	printf 'a\0' >&5
	read -r -t 20 line <&6
	[ "$(jq -r .id <<<"$line")" = a#0 ]
	exec 5>&- 6<&-
	wait $!
}

@test "vec-chunk: SIGTERM ends it with 75 and the line to go on from" {
	for option in '' -F; do
		mkfifo in out
		[ -z "$option" ] || printf 'x' >0
		# shellcheck disable=SC2086 # none or one
		vec-chunk $option <in >out 2>err 3>&- &
		pid=$!
		exec 5>in 6<out
		if [ -z "$option" ]; then records 1 >&5; else echo 0 >&5; fi
		read -r -t 20 line <&6
		kill -TERM "$pid"
		wait "$pid" && status=0 || status=$?
		exec 5>&- 6<&-
		[ "$status" -eq 75 ]
		[[ $(<err) == 'vec-chunk: stopped at input line 2: what came before it is done; go on with --skip 1' ]]
		rm in out
	done
}

@test "vec-chunk: an output that is full is told: 74; a reader that leaves ends it quietly" {
	records 3 >input
	run --separate-stderr bash -c 'vec-chunk <input >/dev/full'
	[ "$status" -eq 74 ]
	[ "${stderr_lines[0]}" = 'vec-chunk: standard output: No space left on device' ]
	[[ ${stderr_lines[1]} == 'vec-chunk: stopped at input line 1: '* ]]
	run --separate-stderr bash -c 'set -o pipefail; yes "$(cat input)" | vec-chunk | head -n 1'
	[ "$status" -eq 141 ]
	[ -z "$stderr" ]
	run --separate-stderr bash -c 'vec-chunk <&-'
	ended 74 '' "vec-chunk: standard input: Bad file descriptor
vec-chunk: stopped at input line 1: what came before it is done; go on with --skip 0"
}

@test "vec-chunk --stats: one JSON object about the run" {
	printf '%s\n' '{"id":"a","metadata":{"text":"a b c"}}' nope '{"id":"b","metadata":{"text":""}}' >input
	run --separate-stderr vec-chunk -w 1 -r bad --stats <input
	[ "$status" -eq 1 ]
	[ "$(jq -c 'del(.seconds)' <<<"${stderr_lines[-1]}")" = '{"program":"vec-chunk","documents":2,"passages":3,"empty":1,"rejected":1,"lines":3,"bytes":'"$(wc -c <input)"'}' ]
}

@test "vec-chunk --skip: goes on behind so many lines, and does not empty the rejects" {
	printf 'x' | tee a b >c
	printf '%s\n' a missing b c >names
	records 4 | sed '2s/.*/nope/' >input
	run vec-chunk -F -r bad <names
	run --separate-stderr vec-chunk -F -r bad --skip 2 <names
	[ "$status" -eq 0 ]
	[ "$(jq -r .id <<<"$output")" = $'b#0\nc#0' ]
	[ "$(cat bad)" = missing ]
	run --separate-stderr vec-chunk --skip 2 <input
	[ "$status" -eq 0 ]
	[ "$(jq -r .id <<<"$output")" = $'2#0\n3#0' ]
	for option in '' -F; do
		# shellcheck disable=SC2086 # none or one
		run --separate-stderr vec-chunk $option --skip 5 <names
		ended 65 '' 'vec-chunk: --skip 5: the input has 4 lines: is it the same one?'
	done
}

@test "vec-chunk: memory does not grow with the number of documents" {
	[[ $BUILD != *san* && $BUILD != *valgrind* ]] || skip 'the sanitiser, or valgrind, has memory of its own'
	seq -s ' ' 5000 | jq -Rc '{id: "a", metadata: {text: .}}' >one
	for _ in $(seq 1500); do cat one; done >input # 36 MB
	run bash -c 'ulimit -v 40000; vec-chunk <input | tail -n 1 | jq -r .id'
	[ "$status" -eq 0 ]
	[[ $output == a#* ]]
}
