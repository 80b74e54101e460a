load helper

setup() {
	cd "$BATS_TEST_TMPDIR"
}

# vec-batch with these options on this input (printf's format and arguments): `on FORMAT [ARG]... -- OPTION...`
on() {
	local input=()
	while [ "$1" != -- ]; do
		input+=("$1")
		shift
	done
	shift
	# shellcheck disable=SC2059
	printf "${input[@]}" >input
	run --separate-stderr vec-batch "$@" <input
}

# It ended with status 0, wrote $1 and said nothing.
wrote() {
	echo "status $status; wrote: $output; said: $stderr"
	[ "$status" -eq 0 ]
	[ "$output" = "$1" ]
	[ -z "$stderr" ]
}

# It ended with status $1, wrote $2, and said $3.
ended() {
	echo "status $status; wrote: $output; said: $stderr"
	[ "$status" -eq "$1" ]
	[ "$output" = "$2" ]
	[ "$stderr" = "$3" ]
}

usage_error() {
	ended 64 '' "vec-batch: $1; see 'man vec-batch'"
}

# --- texts and objects become records

@test "vec-batch -l: each line is a text, numbered from 0, in one batch" {
	on 'a dog\nsay "hi" \\\\ \t\xc3\xa9\n' -- -l
	wrote '[{"id":"0","metadata":{"text":"a dog"}},{"id":"1","metadata":{"text":"say \"hi\" \\\\ \té"}}]'
}

@test "vec-batch -l: a last line without newline counts, CR LF ends a line, blank lines use up no number" {
	on 'a\r\n\r\n \t \n\nb\nc' -- -l1
	wrote '{"id":"0","metadata":{"text":"a"}}
{"id":"1","metadata":{"text":"b"}}
{"id":"2","metadata":{"text":"c"}}'
}

@test "vec-batch -l: blanks around a text are kept, control characters are escaped" {
	on '  a \x01\x1f\x7f \n' -- -l1
	wrote '{"id":"0","metadata":{"text":"  a \u0001\u001f'$'\x7f'' "}}'
}

@test "vec-batch: a byte order mark at the beginning is passed over, elsewhere it is text" {
	on '\xef\xbb\xbfa\n\xef\xbb\xbfb\n' -- -l1
	wrote '{"id":"0","metadata":{"text":"a"}}
{"id":"1","metadata":{"text":"'$'\xef\xbb\xbf''b"}}'
	on '\xef\xbb\xbf{"id":"a"}\n' -- -1
	wrote '{"id":"a"}'
}

@test "vec-batch: empty and blank input gives nothing" {
	on '' --
	wrote ''
	on '\n\r\n  \n' -- -l
	wrote ''
}

@test "vec-batch: a record passes byte for byte" {
	local record='{ "id" : "\u0061" ,"values":[1.0,-0,1E5, 2],"x":{"text":[]},"metadata":{ "text" : "a\/b" }  }'
	on '  %s \t\r\n' "$record" -- -1
	wrote "$record"
	on '%s' "$record" --
	wrote "[$record]"
}

@test "vec-batch: an object without id gets its number as first member, or in place of null" {
	on '%s\n' '{"a": 1 }' '{}' '{ }' '{"a":2,"id": null ,"b":3}' -- -1
	wrote '{"id":"0","a": 1 }
{"id":"1"}
{"id":"2" }
{"a":2,"id": "3" ,"b":3}'
	jq -e . <<<"$output" >/dev/null
}

@test "vec-batch: a JSON string is a text, with its escapes as they are" {
	on '%s\n' '"a dog"' ' "\u00e9\n" ' -- -1
	wrote '{"id":"0","metadata":{"text":"a dog"}}
{"id":"1","metadata":{"text":"\u00e9\n"}}'
}

@test "vec-batch: batches are taken apart and cut anew; -1 takes them apart" {
	on '%s\n' '[{"id":"a"}, "b" ,{"id":"c"}]' '[]' '{"id":"d"}' -- -n 2
	wrote '[{"id":"a"},{"id":"1","metadata":{"text":"b"}}]
[{"id":"c"},{"id":"d"}]'
	on '%s\n' '[{"id":"a"}, {"id":"c"} ]' -- --one
	wrote '{"id":"a"}
{"id":"c"}'
}

@test "vec-batch: numbers count all records, also those that have an id or are rejected" {
	on '%s\n' '{}' '{"id":"x"}' 7 '[{},{},true]' nope '{}' -- -1 -r bad
	[ "$status" -eq 1 ]
	[ "$output" = '{"id":"0"}
{"id":"x"}
{"id":"3"}
{"id":"4"}
{"id":"7"}' ]
}

# --- -n, -b, -N

@test "vec-batch -n: that many records in a batch, 64 without it" {
	on '%s\n' 1 2 3 4 5 -- -l -n 2
	[ "$status" -eq 0 ]
	[ "$(jq -c 'map(.metadata.text)' <<<"$output")" = '["1","2"]
["3","4"]
["5"]' ]
	run --separate-stderr vec-batch -l < <(seq 130)
	[ "$status" -eq 0 ]
	[ "$(jq -c length <<<"$output")" = '64
64
2' ]
	run --separate-stderr vec-batch -l --records 1000 < <(seq 1001)
	[ "$(jq -c length <<<"$output")" = '1000
1' ]
}

@test "vec-batch -b: no line of a batch is longer, and none could hold one more" {
	# a record is 10 bytes: three with commas and brackets are 34
	on '{"id":"%d"}\n' 1 2 3 4 5 6 7 -- -b 34
	wrote '[{"id":"1"},{"id":"2"},{"id":"3"}]
[{"id":"4"},{"id":"5"},{"id":"6"}]
[{"id":"7"}]'
	on '{"id":"%d"}\n' 1 2 3 4 -- --bytes 33
	wrote '[{"id":"1"},{"id":"2"}]
[{"id":"3"},{"id":"4"}]'
	on '{"id":"%d"}\n' 1 2 3 4 -- -b 1kB -n 3
	wrote '[{"id":"1"},{"id":"2"},{"id":"3"}]
[{"id":"4"}]'
}

@test "vec-batch -b: a record that is larger by itself is a batch of its own, and is named" {
	on '{"id":"1"}\n{"id":"a long one"}\n{"id":"3"}' -- -b 12
	ended 0 '[{"id":"1"}]
[{"id":"a long one"}]
[{"id":"3"}]' 'vec-batch: line 2: a record of 19 bytes does not fit -b 12: it is a batch of its own'
}

@test "vec-batch -N: stops after that many records, without an eye for what comes behind" {
	on 'a\nb\nc\n\xff' -- -l1 -N 2
	wrote '{"id":"0","metadata":{"text":"a"}}
{"id":"1","metadata":{"text":"b"}}'
	on '["a","b","c"]' -- --first 2
	wrote '[{"id":"0","metadata":{"text":"a"}},{"id":"1","metadata":{"text":"b"}}]'
	on 'a\n' -- -l -N 0
	wrote ''
}

@test "vec-batch -N: stops reading an input that never ends" {
	run --separate-stderr vec-batch -l1 -N 3 < <(exec 2>/dev/null; yes)
	wrote '{"id":"0","metadata":{"text":"y"}}
{"id":"1","metadata":{"text":"y"}}
{"id":"2","metadata":{"text":"y"}}'
}

# --- ids

@test "vec-batch -s: numbers start there" {
	on 'a\nb\n' -- -l1 -s 9999999999
	wrote '{"id":"9999999999","metadata":{"text":"a"}}
{"id":"10000000000","metadata":{"text":"b"}}'
}

@test "vec-batch -i: the id by expression, strings as they are, numbers as strings" {
	on '%s\n' '{"k":"a\u0062"}' '{"k":12345678901234567891}' '{"k":1.50}' '{"k":"x","id":7}' -- -1 -i .k
	wrote '{"id":"a\u0062","k":"a\u0062"}
{"id":"12345678901234567891","k":12345678901234567891}
{"id":"1.50","k":1.50}
{"k":"x","id":"x"}'
	on '%s\n' '{"k":{"n":3}}' '{"id":"old","k":{"n":4}}' -- -1 --id '"k\(.k.n)"'
	wrote '{"id":"k3","k":{"n":3}}
{"id":"k4","k":{"n":4}}'
	on '{"n":41}' -- -1 -i '.n + 1'
	wrote '{"id":"42","n":41}'
}

@test "vec-batch -i: an id that can't be one is rejected with the reason" {
	on '%s\n' '{"k":null}' '{}' '{"k":""}' '{"k":["a"]}' '{"k":"good"}' -- -1 -i .k -r bad
	ended 1 '{"id":"good","k":"good"}' "vec-batch: line 1: -i: the id must be a string or a number, not null
vec-batch: line 2: -i: the id must be a string or a number, not null
vec-batch: line 3: the id must have 1 to 512 characters
vec-batch: line 4: -i: the id must be a string or a number, not an array"
	[ "$(<bad)" = '{"k":null}
{}
{"k":""}
{"k":["a"]}' ]
}

@test "vec-batch -i: numbers that libjq can't tell apart are rejected, not confused" {
	on '{"k":9007199254740993}' -- -i '.k|.'
	ended 65 '' 'vec-batch: line 1: -i: a number beyond 2^53 is not exact in jq'
	on '{"k":9007199254740991}' -- -i '.k|.'
	wrote '[{"id":"9007199254740991","k":9007199254740991}]'
}

@test "vec-batch: an id has 1 to 512 characters, not bytes" {
	local e512 e513
	e512=$(printf '\xc3\xa9%.0s' {1..512})
	e513=${e512}x
	on '{"id":"%s"}' "$e512" -- -1
	wrote "{\"id\":\"$e512\"}"
	on '{"id":"%s"}' "$e513" -- -1
	ended 65 '' 'vec-batch: line 1: the id must have 1 to 512 characters'
	on '{"id":"%s"}' "$(printf '\\u00e9%.0s' {1..512})" -- -1
	[ "$status" -eq 0 ]
	on '{"id":""}' --
	ended 65 '' 'vec-batch: line 1: the id must have 1 to 512 characters'
}

@test "vec-batch: an id of another type is rejected, with what to do" {
	on '{"id":17}' --
	ended 65 '' 'vec-batch: line 1: a number is no id: want a string; -i .id makes one of a number'
	on '{"id":17}' -- -1 -i .id
	wrote '{"id":"17"}'
}

@test "vec-batch -H: the id is BLAKE2b-128 of the text, in base32, as coreutils make it" {
	local text want
	for text in 'a dog' é "$(printf 'x%.0s' {1..300})"; do
		want=$(printf %s "$text" | b2sum -l 128 | cut -c 1-32 | tr a-f A-F | basenc -d --base16 | base32 |
			tr A-Z a-z | tr -d =)
		on '%s' "$text" -- -l1H
		wrote "{\"id\":\"$want\",\"metadata\":{\"text\":\"$text\"}}"
	done
	on 'a dog' -- -l1H # on any machine, for ever
	wrote '{"id":"fvkcyjdbolhccg56ceuazhcieq","metadata":{"text":"a dog"}}'
	# one text, three spellings: one id
	on '%s\n' '{"metadata":{"text":"a/\u00e9"}}' '{"id":"old","metadata":{"text":"a\/é"}}' '"a/é"' -- -1 --hash
	[ "$status" -eq 0 ]
	[ "$(jq -r .id <<<"$output" | sort -u | wc -l)" -eq 1 ]
}

@test "vec-batch -H: a record without text is rejected" {
	on '%s\n' '{"id":"a"}' '{"metadata":{"text":null}}' '{"metadata":{"text":"\ud83d"}}' '"ok"' -- -1H -r bad
	[ "$status" -eq 1 ]
	[ "$stderr" = 'vec-batch: line 1: -H: it has no text to make an id of
vec-batch: line 2: -H: it has no text to make an id of
vec-batch: line 3: half a surrogate pair stands in the text' ]
	[ "$(wc -l <bad)" -eq 3 ]
}

# --- -t, -m

@test "vec-batch -t: makes a record of a foreign object: id and text, nothing else" {
	on '%s\n' '{"premise":"a \u00e9","label":1}' '{"id":"k","premise":"b"}' -- -1 -t .premise
	wrote '{"id":"0","metadata":{"text":"a \u00e9"}}
{"id":"k","metadata":{"text":"b"}}'
}

@test "vec-batch -t: sets the text in a record's own metadata and keeps all else" {
	on '%s\n' '{"values":[1.0],"metadata":{ "text" : "old", "n": 1.0 },"x":[ ],"id":"a"}' \
		'{"metadata":{},"t":"new"}' '{"id":null,"metadata":null,"values":[1],"t":"new"}' '{"id":"b","values":[2],"t":"new"}' \
		-- -1 --text '.t // "other"'
	wrote '{"values":[1.0],"metadata":{ "text" : "other", "n": 1.0 },"x":[ ],"id":"a"}
{"id":"1","metadata":{"text":"new"},"t":"new"}
{"id":"2","metadata":{"text":"new"},"values":[1],"t":"new"}
{"id":"b","values":[2],"t":"new","metadata":{"text":"new"}}'
	jq -e . <<<"$output" >/dev/null
}

@test "vec-batch: id and metadata are replaced in place, whichever comes first" {
	on '%s\n' '{"a":1,"id":"x","b":2,"metadata":{"text":"t"},"c":3}' '{"a":1,"metadata":{"text":"t"},"b":2,"id":"x","c":3}' \
		-- -1 -i '"new"' -m '{}'
	wrote '{"a":1,"id":"new","b":2,"metadata":{},"c":3}
{"a":1,"metadata":{},"b":2,"id":"new","c":3}'
}

@test "vec-batch -m: the metadata by expression, byte for byte where it is a member's" {
	on '%s\n' '{"row":{ "a": 1.0 },"id":"k"}' -- -1 -m .row
	wrote '{"id":"k","metadata":{ "a": 1.0 }}'
	on '%s\n' '{"id":"k","metadata":{"text":"t","a":1},"values":[1.50]}' -- -1 --metadata '{b: .metadata.a}'
	wrote '{"id":"k","metadata":{"b":1},"values":[1.50]}'
}

@test "vec-batch -m: with -t, or on a text, the text is put into it" {
	on '%s\n' '{"s":"a","l":"x"}' '{"s":"b","l":"y"}' -- -1 -t .s -m '{l}'
	wrote '{"id":"0","metadata":{"l":"x","text":"a"}}
{"id":"1","metadata":{"l":"y","text":"b"}}'
	on '%s\n' '{"s":"a","l":"x"}' -- -1 -t .s -m '{text: .l}'
	wrote '{"id":"0","metadata":{"text":"a"}}'
	on 'ein Hund\n' -- -1 -l -m '{lang: "de", words: (split(" ") | length)}'
	wrote '{"id":"0","metadata":{"lang":"de","words":2,"text":"ein Hund"}}'
	on '"ein Hund"' -- -1 -t ascii_upcase -m '{}'
	wrote '{"id":"0","metadata":{"text":"EIN HUND"}}'
}

@test "vec-batch -t -m: values of other types are rejected" {
	on '%s\n' '{"s":7}' '{}' '{"s":"a"}' -- -1 -t .s -r bad
	ended 1 '{"id":"2","metadata":{"text":"a"}}' 'vec-batch: line 1: -t: the text must be a string, not a number
vec-batch: line 2: -t: the text must be a string, not null'
	on '{"s":[]}' -- -m .s
	ended 65 '' 'vec-batch: line 1: -m: the metadata must be an object, not an array'
}

@test "vec-batch: a record whose members are of the wrong type is rejected" {
	on '%s\n' '{"metadata":7}' '{"values":"x"}' '{"sparse_values":[]}' '{"sparseValues":1}' '{"values":null}' -- -1 -r bad
	ended 1 '{"id":"4","values":null}' 'vec-batch: line 1: metadata is of the wrong type
vec-batch: line 2: values is of the wrong type
vec-batch: line 3: sparse_values is of the wrong type
vec-batch: line 4: sparse_values is of the wrong type'
	on '{"metadata":7,"values":[1]}' -- -1 -m '{}'
	wrote '{"id":"0","metadata":{},"values":[1]}'
	on '{"id":"a","i\\u0064":"b"}' --
	ended 65 '' 'vec-batch: line 1: id stands there twice'
}

# --- expressions

@test "vec-batch: an expression that does not compile is a usage error, in one line" {
	on '' -- -i '.a|'
	usage_error '-i .a|: syntax error, unexpected $end'
	on '' -- -t 'nosuch(1)'
	usage_error '-t nosuch(1): nosuch/1 is not defined'
	on '' -- -m '.a}'
	usage_error '-m .a}: syntax error, unexpected INVALID_CHARACTER, expecting $end'
	on '' -- -m 'import "a" as a; .'
	usage_error '-m import "a" as a; .: module not found: a'
}

@test "vec-batch: an expression that fails, or has not one value, rejects the record" {
	on '%s\n' '{"a":"x"}' -- -1 -i '.a + 1'
	ended 65 '' 'vec-batch: line 1: -i: string ("x") and number (1) cannot be added'
	on '%s\n' '{"a":"x"}' -- -1 -i .a.b
	ended 65 '' 'vec-batch: line 1: -i: cannot look up .b in a value of type string'
	on '%s\n' '{"a":"x"}' -- -1 -t empty
	ended 65 '' 'vec-batch: line 1: -t: no output, want one'
	on '%s\n' '{"a":"x"}' -- -1 -t '.a,.a'
	ended 65 '' 'vec-batch: line 1: -t: more than one output, want one'
	on '%s\n' '{"a":"x"}' -- -1 -t '.a,error("two\nlines")'
	ended 65 '' 'vec-batch: line 1: -t: two lines'
	on '%s\n' '{"a":"x"}' -- -1 -t halt
	ended 65 '' 'vec-batch: line 1: -t: halted'
	on '%s\n' '{"a":"x"}' -- -1 -t input
	ended 65 '' 'vec-batch: line 1: -t: there is no further input to an expression'
	on '%s\n' '{"a":"x"}' -- -1 -t 'input_filename'
	ended 65 '' 'vec-batch: line 1: -t: the text must be a string, not null'
	on '%s\n' '{"a":"x"}' -- -1 -t '.a|debug'
	wrote '{"id":"0","metadata":{"text":"x"}}'
	on '{"a":"x","deep":%s}\n' "$(printf '[%.0s' {1..300}; printf ']%.0s' {1..300})" -- -1 -i '.a|.'
	[ "$status" -eq 65 ]
	[[ $stderr == 'vec-batch: line 1: -i: Exceeds depth limit for parsing'* ]]
}

@test "vec-batch: a plain path, which libjq does not see, gives what libjq gives" {
	local path doc option plain
	for path in .a .a.b ' .a ' . .a_1; do
		for doc in '{"a":{"b":"c"}}' '{"a":{"b":{}}}' '{"a":null}' '{}' '{"a":"x","a":{"b":"y"}}' '{"a":{"b":1},"a":7}' \
			'{"\u0061":{"b":"z"}}' '{"a_1":"x"}' '"s"' '{"a":[1]}' '{"a":true}' '{"a":3}'; do
			for option in -i -m -t; do
				on %s "$doc" -- -1 "$option" "$path"
				plain=$status:$(jq -c . <<<"$output")
				on %s "$doc" -- -1 "$option" "$path | ."
				[ "$plain" = "$status:$(jq -c . <<<"$output")" ] || {
					echo "$option '$path' on $doc: $plain, with libjq $status:$output"
					return 1
				}
			done
		done
	done
}

@test "vec-batch: definitions in ~/.jq are known to expressions" {
	echo 'def shout: ascii_upcase + "!";' >.jq
	on 'a dog' -- -l1t shout
	[ "$status" -eq 64 ]
	HOME=$PWD on 'a dog' -- -l1t shout
	wrote '{"id":"0","metadata":{"text":"A DOG!"}}'
}

# --- -u

@test "vec-batch -u: a text that came before is dropped, however it is spelled; ids do not shift" {
	on '%s\n' '"a"' '"b"' '"\u0061"' '{"id":"x","metadata":{"text":"b"}}' '{"id":"y"}' '{"id":"y"}' '"c"' -- -1u
	ended 0 '{"id":"0","metadata":{"text":"a"}}
{"id":"1","metadata":{"text":"b"}}
{"id":"y"}
{"id":"y"}
{"id":"6","metadata":{"text":"c"}}' 'vec-batch: 2 duplicates dropped'
	on 'a\na\n' -- -l1uq
	wrote '{"id":"0","metadata":{"text":"a"}}'
}

@test "vec-batch -u: agrees with awk on many texts, and the table grows" {
	for i in 1 2 3; do seq 0 7 $((i * 100000)); done >numbers
	run --separate-stderr bash -c 'vec-batch -luq -n 1000 <numbers | jq -r ".[].metadata.text" | cmp - <(awk "!seen[\$0]++" numbers)'
	wrote ''
}

# --- rejects and stopping

@test "vec-batch: stops at the first bad record, after all before it was written" {
	on '%s\n' '{"id":"a"}' nope '{"id":"b"}' --
	ended 65 '[{"id":"a"}]' 'vec-batch: line 2: not JSON: want one value a line, or -l for plain text'
	on '[{"id":"a"},3,{"id":"b"}]' --
	ended 65 '[{"id":"a"}]' 'vec-batch: line 1: a number is no record: want an object or a string'
}

@test "vec-batch: every kind of value that is no record is named" {
	on '%s\n' 1 null true '[[1]]' '[{},nope]' '{"a":1' -- -1 -r bad
	ended 1 '' 'vec-batch: line 1: a number is no record: want an object or a string
vec-batch: line 2: null is no record: want an object or a string
vec-batch: line 3: a boolean is no record: want an object or a string
vec-batch: line 4: an array is no record: want an object or a string
vec-batch: line 5: not JSON: want one value a line, or -l for plain text
vec-batch: line 6: not JSON: want one value a line, or -l for plain text'
	[ "$(<bad)" = '1
null
true
[1]
[{},nope]
{"a":1' ]
}

@test "vec-batch: a last line that was cut is named as such" {
	on '{"id":"a"}\n{"id":"b","val' --
	ended 65 '[{"id":"a"}]' 'vec-batch: line 2: not JSON; the last line has no end: was it cut?'
}

@test "vec-batch -r: output, drops and rejects are the whole input, and what is mended goes through" {
	on '%s\n' '{"id":1,"t":"a"}' '{"id":"2","t":"b"}' '{"id":3,"t":"c"}' -- -1 -r bad
	[ "$status" -eq 1 ]
	[ "$output" = '{"id":"2","t":"b"}' ]
	run --separate-stderr vec-batch -1 -i .id <bad
	wrote '{"id":"1","t":"a"}
{"id":"3","t":"c"}'
}

@test "vec-batch -r: the input itself is refused as rejects file, and is not touched" {
	echo '{"id":"a"}' >both
	run --separate-stderr vec-batch -r both <both
	usage_error '-r both: is the input itself: name another file'
	[ "$(<both)" = '{"id":"a"}' ]
	on '' -- -r no/such/folder
	ended 74 '' 'vec-batch: -r no/such/folder: No such file or directory'
}

@test "vec-batch: bad UTF-8 and NUL are named by line and byte, and not passed on" {
	on 'a\nb\xc3(\nc\0d\ne\n' -- -l1 -r bad
	ended 1 '{"id":"0","metadata":{"text":"a"}}
{"id":"3","metadata":{"text":"e"}}' 'vec-batch: line 2: byte 2 is not UTF-8: is it text, in another encoding?
vec-batch: line 3: byte 2 is a NUL: is it text?'
	cmp bad <(printf 'b\xc3(\nc\0d\n')
	on '{"id":"a\xff"}\n' --
	ended 65 '' 'vec-batch: line 1: not valid UTF-8'
	on '{"id":"a\0"}\n' --
	[ "$status" -eq 65 ]
}

@test "vec-batch: a picture is no text and no JSON" {
	local jpeg='\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00\xff\xdb\x00C\x00\n\x08'
	on "$jpeg" -- -l
	ended 65 '' 'vec-batch: line 1: byte 1 is not UTF-8: is it text, in another encoding?'
	on "$jpeg" --
	ended 65 '' 'vec-batch: line 1: not JSON: want one value a line, or -l for plain text'
}

@test "vec-batch: a line of more than 64 MiB is passed over, by number, in flat memory" {
	{
		echo a
		head -c $((64 * 1024 * 1024 + 1)) /dev/zero | tr '\0' x
		printf '\nb\n'
	} >input
	run --separate-stderr vec-batch -l1 -r bad <input
	ended 1 '{"id":"0","metadata":{"text":"a"}}
{"id":"2","metadata":{"text":"b"}}' "vec-batch: line 2: longer than 64 MiB: can't be put aside"
	run --separate-stderr vec-batch -l1 <input
	[ "$status" -eq 65 ]
}

@test "vec-batch: memory does not grow with the input" {
	[[ $BUILD != *san* && $BUILD != *valgrind* ]] || skip 'the sanitiser, or valgrind, has memory of its own'
	yes "$(lines 1)" | head -n 1500000 >input # 22 MB
	run bash -c 'ulimit -v 40000; vec-batch -l <input | tail -n 1 | jq -c "last.id"'
	[ "$status" -eq 0 ]
	[ "$output" = '"1499999"' ]
}

# --- pipes

@test "vec-batch -1: what has come is written while the next line is waited for" {
	mkfifo in out
	vec-batch -l -1 <in >out 3>&- &
	exec 5>in 6<out
	echo 'a dog' >&5
	read -r -t 20 line <&6
	[ "$line" = '{"id":"0","metadata":{"text":"a dog"}}' ]
	echo 'a cat' >&5
	read -r -t 20 line <&6
	[ "$line" = '{"id":"1","metadata":{"text":"a cat"}}' ]
	exec 5>&- 6<&-
	wait $!
}

@test "vec-batch: SIGTERM completes the batch at hand, says where it stopped, and exits 75" {
	mkfifo in
	vec-batch -l <in >out 2>err 3>&- &
	local pid=$! status=0
	exec 5>in
	printf 'a\nb\n' >&5
	while [ ! -s out ]; do :; done # it has read them: it flushes when it waits
	kill -TERM "$pid"
	wait "$pid" || status=$?
	exec 5>&-
	[ "$status" -eq 75 ]
	[ "$(<out)" = '[{"id":"0","metadata":{"text":"a"}},{"id":"1","metadata":{"text":"b"}}]' ]
	[ "$(<err)" = 'vec-batch: stopped at input line 3: what came before it is done; go on with --skip 2' ]
}

@test "vec-batch: a reader that leaves ends it quietly" {
	run --separate-stderr bash -c 'seq 1000000 | vec-batch -l1 | head -n 1; echo "${PIPESTATUS[1]}"'
	wrote '{"id":"0","metadata":{"text":"1"}}
141'
}

@test "vec-batch: standard output that is full or closed is told, with where it stopped: 74" {
	run --separate-stderr bash -c 'seq 10 | vec-batch -l >/dev/full'
	ended 74 '' 'vec-batch: standard output: No space left on device
vec-batch: stopped at input line 1: what came before it is done; go on with --skip 0'
	run --separate-stderr bash -c 'seq 10 | vec-batch -l >&-'
	ended 74 '' 'vec-batch: standard output: Bad file descriptor
vec-batch: stopped at input line 1: what came before it is done; go on with --skip 0'
}

@test "vec-batch: a file that is full in the middle: the line named is the first that is not wholly out" {
	seq 1000000 >numbers
	run --separate-stderr bash -c 'trap "" XFSZ; ulimit -f 1000; vec-batch -l1 <numbers >out'
	[ "$status" -eq 74 ]
	[ "${stderr_lines[0]}" = 'vec-batch: standard output: File too large' ]
	[[ ${stderr_lines[1]} =~ ^'vec-batch: stopped at input line '([0-9]+): ]]
	[ "${BASH_REMATCH[1]}" -gt 10000 ]
	[ "${BASH_REMATCH[1]}" -le $(($(wc -l <out) + 1)) ]
	# a line that became many batches is not done before its last one
	jq -Rcs 'split("\n")' numbers >numbers.json
	run --separate-stderr bash -c 'trap "" XFSZ; ulimit -f 1000; vec-batch -n 1 <numbers.json >out'
	[ "$status" -eq 74 ]
	[ "${stderr_lines[1]}" = 'vec-batch: stopped at input line 1: what came before it is done; go on with --skip 0' ]
}

@test "vec-batch: the same to the line, where each line is written before the next one comes" {
	local pid status=0 n

	mkfifo in
	: >out
	bash -c 'trap "" XFSZ; ulimit -f 1; exec vec-batch -l1' <in >out 2>err 3>&- &
	pid=$!
	exec 5>in
	for n in {1..20}; do # 20 records of 41 bytes or more are under 1024, 30 are not
		echo "text $n" >&5
		while [ "$(wc -l <out)" -lt "$n" ]; do :; done
	done
	seq -f 'text %.0f' 21 30 >&5
	exec 5>&-
	wait "$pid" || status=$?
	[ "$status" -eq 74 ]
	# the ten came in one write: what is known to be out are the twenty
	[ "$(tail -n 1 err)" = 'vec-batch: stopped at input line 21: what came before it is done; go on with --skip 20' ]
}

@test "vec-batch: standard input that is closed or a folder is told: 74" {
	run --separate-stderr bash -c 'vec-batch <&-'
	ended 74 '' 'vec-batch: standard input: Bad file descriptor
vec-batch: stopped at input line 1: what came before it is done; go on with --skip 0'
	run --separate-stderr vec-batch <.
	[ "$status" -eq 74 ]
	[[ $stderr == 'vec-batch: standard input: Is a directory'* ]]
}

# --- options

@test "vec-batch: options that are wrong, or not together, are told: 64" {
	on '' -- -n 0
	usage_error '-n 0: want a number from 1 to 1000'
	on '' -- -n 1001
	usage_error '-n 1001: want a number from 1 to 1000'
	on '' -- -n 1x
	usage_error '-n 1x: want a number from 1 to 1000'
	on '' -- -b 1.5MB
	usage_error '-b 1.5MB: want a size from 1 to 67108864 bytes, such as 500kB or 2MB'
	on '' -- -N -1
	[ "$status" -eq 64 ]
	on '' -- -s x
	[ "$status" -eq 64 ]
	on '' -- -1 -n 5
	usage_error '-1 makes no batches: leave out -n and -b'
	on '' -- -i .a -H
	usage_error '-i, -H and -s each say what the id is: give one of them'
	on '' -- -H -s 5
	usage_error '-i, -H and -s each say what the id is: give one of them'
	on '' -- -q -x
	usage_error '-x: no such option'
	on '' -- --one=3
	usage_error '--one=3: takes no argument'
	on '' -- -n
	usage_error '-n: wants an argument'
	on '' -- file
	[ "$status" -eq 64 ]
	[[ ${stderr_lines[0]} == 'usage: vec-batch '* ]]
}

@test "vec-batch: - is standard input" {
	on '{"id":"a"}' -- -1 -
	wrote '{"id":"a"}'
}

@test "vec-batch -h -V: on standard output, status 0; every option is in the help and in the page" {
	run --separate-stderr vec-batch -V
	[ "$status" -eq 0 ]
	[[ $output == 'vec-batch (vecpipe) '* ]]
	run --separate-stderr vec-batch -h
	[ "$status" -eq 0 ]
	[ -z "$stderr" ]
	local c
	for c in 1 H l q u v b i m N n r s t; do
		grep -q -- "  -$c, --" <<<"$output"
		grep -q -- "^\.It Fl $c , -" "$REPO/man/vec-batch.1"
	done
}

@test "usage lines are folded at 80 columns, and nothing in a program's help has more than 100" {
	local p
	for p in "$BUILD"/{vec,hf,pc}-*; do
		[ -x "$p" ] && [ -f "$p" ] || continue
		echo "$p"
		"$p" -h >"$BATS_TEST_TMPDIR/help"
		awk '/^usage/ { usage = 1 } /^$/ { usage = 0 } length > (usage ? 80 : 100) { print; bad = 1 }
			END { exit bad }' "$BATS_TEST_TMPDIR/help"
	done
	run --separate-stderr vec-batch -h
	[ "${lines[0]}" = 'usage: vec-batch [-1Hlquv] [-b size] [-i expr] [-m expr] [-N count] [-n records]' ]
	[ "${lines[1]}" = '                 [-r file] [-s number] [-t expr] [--skip number] [--stats]' ]
}

@test "vec-batch --stats: one JSON object on standard error" {
	on 'a\nb\na\n\xff\n' -- -lu -n 1 --stats -r bad
	[ "$status" -eq 1 ]
	[ "$(tail -n 1 <<<"$stderr" | jq -c 'del(.seconds), (.seconds >= 0)')" = \
		'{"records":2,"batches":2,"duplicates":1,"rejected":1,"lines":4,"bytes":8}
true' ]
}

@test "vec-batch -v: says at the end what was done" {
	on 'a\nb\n' -- -lv
	ended 0 '[{"id":"0","metadata":{"text":"a"}},{"id":"1","metadata":{"text":"b"}}]' \
		'vec-batch: 2 records, 1 batches, 0 duplicates dropped, 0 rejected'
}

# --- the page's examples, as they stand there; what comes behind vec-batch has pages of its own

# The example lines of the page that hold $1, as a shell runs them.
example() {
	local found
	found=$(sed -n '/^\.Sh EXAMPLES/,/^\.Sh DIAG/s/^\.Dl //p' "$REPO/man/vec-batch.1" |
		sed -e ':a' -e '/|$/{N;s/\n//;ba' -e '}' -e 's/\\ / /g' -e 's/\\e/\\/g' -e 's/\\(dq/"/g' |
		grep -F -- "$1" | sed 's/ | hf-embed .*//')
	[ -n "$found" ]
	run --separate-stderr bash -c "$found"
}

@test "vec-batch: the page's examples do what they say" {
	printf '%s\n' 'a dog' 'a cat' >sentences.txt
	seq 20 >>sentences.txt
	printf '%s\n' '{"pairID":"7","genre":"f","gold_label":"n","sentence1":"a"}' \
		'{"pairID":"8","genre":"g","gold_label":"e","sentence1":"a"}' >snli.ndjson
	printf 'k1\ta dog\nk2\ta cat\n' >table.tsv
	printf '%s\n' '[{"id":"a"},{"id":"b"}]' '[{"id":"c"}]' >batches.ndjson
	printf '%s\n' '{"id":"1","text":"a"}' '{"id":2,"text":"b"}' >rows.ndjson

	example 'vec-batch -l <sentences.txt'
	[ "$status" -eq 0 ]
	[ "$(jq -c '[length, .[0].metadata.text]' <<<"$output")" = '[22,"a dog"]' ]
	example pairID
	wrote '[{"id":"7","metadata":{"genre":"f","gold":"n","text":"a"}},{"id":"8","metadata":{"genre":"g","gold":"e","text":"a"}}]'
	example -uHt
	[ "$status" -eq 0 ]
	[ "$(jq -c 'map(.metadata)' <<<"$output")" = '[{"text":"a"}]' ]
	example table.tsv
	wrote '[{"id":"k1","metadata":{"text":"a dog"}},{"id":"k2","metadata":{"text":"a cat"}}]'
	example b2sum
	[ "$status" -eq 0 ]
	[ "$output" = "$(vec-batch -l1H -N 1 <sentences.txt | jq -r .id)" ]
	example 'vec-batch -1 <batches'
	wrote ''
	[ "$(<records.ndjson)" = '{"id":"a"}
{"id":"b"}
{"id":"c"}' ]
	example 'vec-batch -n 32'
	wrote '[{"id":"a"},{"id":"b"},{"id":"c"}]'
	example 'vec-batch -r bad.ndjson'
	[ "$status" -eq 1 ]
	[ "$(<good.ndjson)" = '[{"id":"1","text":"a"}]' ]
	example '<bad.ndjson'
	wrote '[{"id":"2","metadata":{"text":"b"}}]'
	example '--skip 2'
	[ "$status" -eq 0 ]
	[ "$(tail -n 1 batches.ndjson)" = "$(tail -n +3 sentences.txt | vec-batch -l -s 2)" ]
	example '-N 10'
	[ "$status" -eq 0 ]
	[ "${#lines[@]}" -eq 10 ]
	# none was left out: the lines above, and one that goes on
	[ "$(sed -n '/^\.Sh EXAMPLES/,/^\.Sh DIAG/p' "$REPO/man/vec-batch.1" | grep -c '^\.Dl ')" -eq 12 ]
}
