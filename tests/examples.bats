# Every example of every page, and every command of the README, does what it says: it is taken out of the page as a
# reader sees it, and run by bash, with hf-local and pc-local for the services.
load helper
load hub

MODEL=$REPO/tests/data/models/bert-mean # random weights, 32 numbers

# What can only work with the real services, by a word that stands in it.
REAL=('https://your-endpoint' 's3://')
# What is about input that has bad records, by its name: then a command may end with 1.
BAD=rows.ndjson

# The examples of a page: a file for each display in EXAMPLES and WHOLE JOBS. The page is rendered so wide that no line is
# folded; displays are indented by 11, prose by 5.
page_blocks() {
	mandoc -T ascii -O width=400 "$REPO/man/$1" 2>/dev/null | col -bx | awk -v dir="$2" '
		/^[A-Z]/ { inside = $0 == "EXAMPLES" || $0 == "WHOLE JOBS" }
		!inside || substr($0, 1, 11) !~ /^ +$/ || length < 12 { open = 0; next }
		!open { open = 1; n++ }
		{ printf "%s\n", substr($0, 12) >sprintf("%s/%02d", dir, n) }'
}

# The commands of the README: a file for each fence with sh in it.
readme_blocks() {
	awk -v dir="$1" '
		/^```sh$/ { open = 1; n++; next }
		/^```/ { open = 0 }
		open { print >sprintf("%s/%02d", dir, n) }' "$REPO/README.md"
}

# The files that examples name, in the folder that they run in.
make_files() {
	ln -s "$MODEL" model
	for i in $(seq 8); do
		printf '%s %s\n' 'a person on a horse' "$i" 'two dogs play in the snow' "$i" 'a man reads' "$i" \
			'who cooks' "$i" 'an old boat' "$i"
	done >sentences.txt
	head -n 5 sentences.txt | tee english.txt questions.txt >german.txt
	nl -ba -s "$(printf '\t')" sentences.txt | sed 's/^ *//' >table.tsv
	jq -cR '{pairID: "p\(input_line_number)", genre: "captions", gold_label: "neutral", sentence1: .}' \
		sentences.txt >snli.ndjson
	printf '%s\n' '{"id":"a","text":"good"}' '{"id":7,"text":"its id is no string"}' >rows.ndjson
	vec-batch -l1 -m '{genre: "captions"}' <sentences.txt >records.ndjson
	vec-batch <records.ndjson >batches.ndjson
	mkdir -p notes models/sentence-transformers
	printf '# A day\n\nThe boat was old.\n' | tee notes/a.md >notes/b.md
	ln -s "$MODEL" models/sentence-transformers/all-MiniLM-L6-v2
}

# The data set of the page hf-dataset(1): its rows, and a file with the first of them.
make_data_set() {
	jq -cR '{idx: input_line_number, label: 1, sentence1: .}' "$1/sentences.txt" >"$1/rows"
	start_hub --split "nyu-mll/glue mrpc train $1/rows" --split "nyu-mll/glue mrpc test $1/rows" \
		--split "nyu-mll/glue cola train $1/rows"
	head -n 5 "$1/rows" >"$1/mrpc.ndjson"
}

# COMMAND with both services beside it, as the examples run. MODELS is a folder of models where it makes its endpoints itself.
served() {
	hf-local ${MODELS:+--models} "${MODELS:-$MODEL}" -- pc-local services.db -- "$@"
}

# The indexes that examples take for granted.
make_indexes() {
	served sh -ec 'hf-embed <records.ndjson >vectors.ndjson
		pc-index create -d 32 demo test-1
		pc-upsert demo <vectors.ndjson' >/dev/null
}

# Run one example. A command of it that fails ends it.
run_block() {
	local text last file in=/dev/null allowed=' '

	text=$(<"$1")
	text=${text//-d 384/-d 32} # what the tests' model has
	last=${text##*$'\n'}
	printf '%s\n' "--- ${1##*/}" "$text"
	for word in "${REAL[@]}"; do
		[[ $text != *"$word"* ]] || return 0
	done
	[[ $text != *$BAD* ]] || allowed=' 1 '
	if [[ $text == 'hf-embed -l |'* ]]; then # typed by hand
		in=questions.txt
	fi
	ALLOWED=$allowed run --separate-stderr served timeout 120 bash -c \
		"set -o pipefail; trap 's=\$?; [[ \$ALLOWED == *\" \$s \"* ]] || exit \$s' ERR"$'\n'"$text" <"$in"
	printf '%s\n' "status $status" "$output" "$stderr"
	[ "$status" -eq 0 ] || [[ $allowed == *" $status "* ]]
	if [[ $last =~ \>\>?\ *([A-Za-z0-9_.-]+)$ ]]; then
		file=${BASH_REMATCH[1]}
		[ -s "$file" ]
	elif [[ $last != *'-- sh' ]]; then # a shell with nothing on its standard input says nothing
		[ -n "$output" ]
	fi
}

# All examples of a page, in order, in one folder.
run_page() {
	mkdir "$BATS_TEST_TMPDIR/blocks" "$BATS_TEST_TMPDIR/run"
	page_blocks "$1" "$BATS_TEST_TMPDIR/blocks"
	cd "$BATS_TEST_TMPDIR/run"
	make_files
	make_indexes
	if [ "$1" = hf-dataset.1 ]; then
		make_data_set "$PWD"
	elif [ "$1" = hf-endpoint.1 ]; then # its endpoints end with hf-local: all in one
		cat "$BATS_TEST_TMPDIR"/blocks/* >"$BATS_TEST_TMPDIR/whole"
		MODELS=models run_block "$BATS_TEST_TMPDIR/whole"
		return
	fi
	for block in "$BATS_TEST_TMPDIR"/blocks/*; do
		run_block "$block"
	done
}

@test "examples: vecpipe(7)" { run_page vecpipe.7; }
@test "examples: vecpipe-scale(7)" { run_page vecpipe-scale.7; }
@test "examples: vec-batch(1)" { run_page vec-batch.1; }
@test "examples: hf-embed(1)" { run_page hf-embed.1; }
@test "examples: vec-chunk(1)" { run_page vec-chunk.1; }
@test "examples: hf-endpoint(1)" { run_page hf-endpoint.1; }
@test "examples: hf-dataset(1)" { run_page hf-dataset.1; }
@test "examples: pc-list(1)" { run_page pc-list.1; }
@test "examples: pc-fetch(1)" { run_page pc-fetch.1; }
@test "examples: pc-update(1)" { run_page pc-update.1; }
@test "examples: pc-delete(1)" { run_page pc-delete.1; }
@test "examples: pc-index(1)" { run_page pc-index.1; }
@test "examples: pc-upsert(1)" { run_page pc-upsert.1; }
@test "examples: pc-query(1)" { run_page pc-query.1; }
@test "examples: hf-local(1)" { run_page hf-local.1; }
@test "examples: pc-local(1)" { run_page pc-local.1; }

@test "examples: no page is left out" {
	for page in "$REPO"/man/*.[1-9]; do
		echo "$page"
		grep -qF "{ run_page ${page##*/}; }" "$BATS_TEST_FILENAME"
	done
}

@test "examples: as many are taken out of a page as stand in it" {
	for page in "$REPO"/man/*.[1-9]; do
		dir=$BATS_TEST_TMPDIR/${page##*/}
		mkdir "$dir"
		page_blocks "${page##*/}" "$dir"
		wanted=$(awk '
			/^\.Sh/ { inside = /EXAMPLES|WHOLE JOBS/ }
			inside && (/^\.Bd/ || (/^\.Dl/ && last !~ /^\.Dl/)) { n++ }
			{ last = $0 }
			END { print n + 0 }' "$page")
		echo "${page##*/}: $wanted"
		[ "$wanted" -gt 0 ]
		[ "$(find "$dir" -type f | wc -l)" -eq "$wanted" ]
	done
}

@test "examples: the README, from the folder it stands in" {
	mkdir -p "$BATS_TEST_TMPDIR/blocks" "$BATS_TEST_TMPDIR/run" "$BATS_TEST_TMPDIR/cache/vecpipe"
	readme_blocks "$BATS_TEST_TMPDIR/blocks"
	cd "$BATS_TEST_TMPDIR/run"
	for entry in "$REPO"/*; do
		[ "${entry##*/}" = build ] || ln -s "$entry" .
	done
	ln -s "$BUILD" build
	# examples/model.sh finds a model there, and fetches none
	export XDG_CACHE_HOME=$BATS_TEST_TMPDIR/cache
	ln -s "$MODEL" "$XDG_CACHE_HOME/vecpipe/all-MiniLM-L6-v2"
	unset MAKELEVEL
	export MAKEFLAGS=n # make says what it would do: this is a test that make has started
	for block in "$BATS_TEST_TMPDIR"/blocks/*; do
		run_block "$block"
	done
	[ "$(find "$BATS_TEST_TMPDIR/blocks" -type f | wc -l)" -eq "$(grep -c '^```sh$' "$REPO/README.md")" ]
}
