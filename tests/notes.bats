# examples/notes: an index that is kept in step with a folder
load helper

MODEL=$REPO/tests/data/models/bert-mean # random weights, 32 numbers

setup() {
	unset MAKELEVEL MAKEFLAGS MFLAGS MAKEOVERRIDES # this is a test that make has started
	cd "$BATS_TEST_TMPDIR"
	cp "$REPO/examples/notes/Makefile" .
	mkdir -p notes/sub
	for i in $(seq 12); do
		printf 'Note %s is about this.\n\nIts second paragraph.\n' "$i" >"notes/$i.md"
	done
	echo 'umlauts do not matter' >notes/sub/ä.txt
}

# Commands in bash, with both servers. What is embedded is counted from the start of the server.
served() {
	cat >commands <<-'END'
		requests() {
			curl -sS -H "Authorization: Bearer $HF_TOKEN" "$HF_ENDPOINT_URL/metrics" |
				awk '/^te_request_count/ { n += $2 } END { print n + 0 }'
		}
		stored() { pc-index stats notes | jq .totalVectorCount; }
		ids() { pc-list notes | jq -r .id | sort; }
	END
	echo "$1" >>commands
	run --separate-stderr hf-local "$MODEL" -- pc-local notes.db -- timeout 120 bash -ec 'source ./commands'
	echo "status $status; wrote: $output; said: $stderr"
}

@test "notes: all is stored; a second run asks for nothing; one file touched of many is one request" {
	served 'make -j4 >&2; stored; ids >ids.before'
	[ "$status" -eq 0 ]
	[ "$output" = 13 ]
	served 'make -j4; requests'
	[ "$output" = 0 ]
	echo 'One more sentence.' >>notes/5.md
	served 'make -j4 >&2; requests; stored; ids | diff ids.before -; make ask Q="what is new?"'
	[ "$status" -eq 0 ]
	[ "${lines[0]}" = 1 ]
	[ "${lines[1]}" = 13 ]
	[ "${#lines[@]}" -eq 7 ]
	[[ ${lines[2]} =~ ^notes/.*:[0-9]+:[0-9.]+: ]]
	[ "$(jq -r .metadata.text .notes/notes/5.md.ndjson | tail -n 1)" = 'One more sentence.' ]
}

@test "notes: what has vanished, and the passages that a shorter file has no more, are deleted" {
	seq -s ' ' 300 >notes/long.txt
	served 'make -j4 >&2; ids | grep -c long.txt'
	[ "$status" -eq 0 ]
	[ "$output" -gt 3 ]
	echo 'short now' >notes/long.txt
	rm notes/7.md
	mv notes/8.md notes/sub
	served 'make -j4 >&2; requests; ids'
	[ "$status" -eq 0 ]
	[ "$output" = "$({
		echo 2
		printf 'notes/%s#0\n' {1,2,3,4,5,6,9,10,11,12}.md long.txt sub/%C3%A4.txt sub/8.md | sort
	})" ]
	[ ! -e .notes/notes/7.md.ids ]
	served 'make >&2; requests'
	[ "$output" = 0 ]
}

@test "notes: a run that was stopped at any point goes on, and what was embedded is not paid for again" {
	served 'make -j1 .notes/notes/1.md.ndjson .notes/notes/2.md.ids >&2; requests'
	[ "$status" -eq 0 ]
	[ "$output" = 3 ] # one of them for the index's dimension
	served 'make -j2 >&2; requests; stored'
	[ "$status" -eq 0 ]
	[ "$output" = $'11\n13' ]
	# embedded anew but not stored, and then gone
	seq -s ' ' 300 >notes/1.md
	served 'make .notes/notes/1.md.ndjson >&2; pc-upsert notes <.notes/notes/1.md.ndjson >&2; stored'
	[ "$output" -gt 13 ]
	echo short >notes/1.md
	served 'make .notes/notes/1.md.ndjson >&2'
	rm notes/1.md
	served 'make >&2; stored'
	[ "$output" = 12 ]
}

@test "notes: a file that is no text and a name that make does not take are told, and hold up nothing else" {
	printf 'a\0b' >notes/binary.txt
	echo x >'notes/two words.md'
	: >notes/empty.md
	served 'make -j2 >&2 || echo "$?"; stored'
	[ "$status" -eq 0 ]
	[ "$output" = $'2\n13' ]
	[[ $stderr == *'vec-chunk: line 1: notes/binary.txt: byte 2 is a NUL: is it text?'* ]]
	[[ $stderr == *'left out, for its name: notes/two words.md'*'rejected, not in the index: notes/binary.txt'* ]]
	# told as long as it is so, though nothing has changed
	served 'make >&2 || echo "$?"; requests'
	[ "$output" = $'2\n0' ]
	[[ $stderr == *'byte 2 is a NUL'*'rejected, not in the index: notes/binary.txt'* ]]
	echo 'mended' >notes/binary.txt
	served 'make >&2; stored'
	[ "$status" -eq 0 ]
	[ "$output" = 14 ]
	[[ $stderr == *'left out, for its name: notes/two words.md'* && $stderr != *rejected,* ]]
}

@test "notes: a file that is no text any more leaves the index" {
	served 'make -j4 >&2; stored'
	[ "$output" = 13 ]
	printf 'a\0b' >notes/3.md
	served 'make -j2 >&2 || echo "$?"; ids | grep -c "notes/3.md" || true; stored'
	[ "$status" -eq 0 ]
	[ "$output" = $'2\n0\n12' ]
	rm notes/3.md
	served 'make >&2; stored'
	[ "$status" -eq 0 ]
	[ "$output" = 12 ]
	[ -z "$(find .notes -name '3.md.*')" ]
}

@test "notes: a server that refuses stops the run: no file is taken for a bad one" {
	served 'HF_TOKEN=hf_wrong make -j1 .notes/notes/1.md.ndjson >&2 || echo "$?"'
	[ "$status" -eq 0 ]
	[ "$output" = 2 ]
	[ ! -e .notes/notes/1.md.ndjson ]
	[ ! -s .notes/notes/1.md.rejected ]
	served 'make >&2; stored'
	[ "$output" = 13 ]
}
