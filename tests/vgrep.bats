# examples/vgrep: search files by meaning
load helper

setup() {
	# examples/model.sh finds a model there, and fetches none
	export XDG_CACHE_HOME=$BATS_TEST_TMPDIR/cache TMPDIR=$BATS_TEST_TMPDIR/tmp
	mkdir -p "$XDG_CACHE_HOME/vecpipe" "$TMPDIR"
	use "$REPO/tests/data/models/bert-mean" # random weights: only the same words are sure to be near
	cd "$BATS_TEST_TMPDIR"
	printf 'the heading\n\nA man reads a book.\n\nAn old boat in the harbour.\n' >one.txt
	printf 'Two dogs play\nin the snow.\n' >'two words.txt'
}

use() {
	ln -sfn "$1" "$XDG_CACHE_HOME/vecpipe/all-MiniLM-L6-v2"
}

vgrep() {
	run --separate-stderr timeout 60 "$REPO/examples/vgrep" "$@"
	echo "status $status; wrote: $output; said: $stderr"
}

@test "vgrep: passages are printed as file:line:text, the best first" {
	vgrep -w 6 'An old boat in the harbour.' one.txt 'two words.txt'
	[ "$status" -eq 0 ]
	[ -z "$stderr" ]
	[ "${lines[0]}" = 'one.txt:5:An old boat in the harbour.' ]
	[ "${#lines[@]}" -eq 4 ]
	vgrep -w 6 'Two dogs play in the snow.' one.txt 'two words.txt'
	[ "${lines[0]}" = 'two words.txt:1:Two dogs play in the snow.' ]
}

@test "vgrep: -k is how many, -m from which score on; the status is that of grep" {
	vgrep -k 1 -w 6 'An old boat in the harbour.' one.txt
	[ "$status" -eq 0 ]
	[ "$output" = 'one.txt:5:An old boat in the harbour.' ]
	vgrep -m 0.999 -w 6 'An old boat in the harbour.' one.txt
	[ "$output" = 'one.txt:5:An old boat in the harbour.' ]
	vgrep -m 1.5 'An old boat in the harbour.' one.txt
	[ "$status" -eq 1 ]
	[ -z "$output" ]
	: >empty
	vgrep boat empty
	[ "$status" -eq 1 ]
}

@test "vgrep: what was embedded once is not embedded again, and what has changed is" {
	start_fault --shape tei
	vgrep -w 6 boat one.txt
	[ "$status" -eq 0 ]
	[ "$(audit embedded.texts)" -eq 4 ] # three passages and the question
	vgrep -w 6 boat one.txt
	[ "$(audit embedded.texts)" -eq 4 ]
	echo 'A new sentence.' >>one.txt
	vgrep -w 6 boat one.txt
	[ "$(audit embedded.texts)" -eq 5 ]
	[ "$(audit upserted.requests)" -eq 0 ] # the index is one of its own
}

@test "vgrep: a bad file is told and the others are searched; wrong usage and a bad number end with 2" {
	printf 'a\0b' >binary
	vgrep -w 6 'An old boat in the harbour.' binary one.txt
	[ "$status" -eq 2 ]
	[ "${lines[0]}" = 'one.txt:5:An old boat in the harbour.' ]
	[ "$stderr" = 'vec-chunk: line 1: binary: byte 2 is a NUL: is it text?' ]
	vgrep question
	[ "$status" -eq 2 ]
	[[ $stderr == usage:* ]]
	vgrep ' ' one.txt
	[ "$status" -eq 2 ]
	[[ $stderr == usage:* ]]
	vgrep -k many boat one.txt
	[ "$status" -eq 2 ]
	vgrep -m high boat one.txt
	[ "$status" -eq 2 ]
	rmdir "$TMPDIR" # nothing is left behind
}

@test "vgrep: with the real model, what is meant is found in other words" {
	[ -n "${VECPIPE_MODEL:-}" ] || skip 'no model'
	use "$VECPIPE_MODEL"
	vgrep -k 1 -w 6 'winter animals' one.txt 'two words.txt'
	[ "$output" = 'two words.txt:1:Two dogs play in the snow.' ]
	vgrep -k 1 -w 6 'ships at the coast' one.txt 'two words.txt'
	[ "$output" = 'one.txt:5:An old boat in the harbour.' ]
}
