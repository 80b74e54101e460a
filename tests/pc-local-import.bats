load helper
load pc-local

# pc-local: imports of NDJSON files from below the folder of --imports.

setup() {
	DIR=$BATS_TEST_TMPDIR/in
	mkdir -p "$DIR"
}

# An index "demo" of dimension 3, and imports from DIR.
setup_imports() {
	start_local --imports "$DIR" "$BATS_TEST_TMPDIR/db"
	make_index demo '"dimension":3'
}

# Start an import of file:///$1 with more members $2; wait until it is over; its description.
import() {
	local id

	id=$(data POST /bulk/imports "{\"uri\":\"file:///$1\"${2-}}" | jq -r .id)
	until data GET "/bulk/imports/$id" | jq -e .finishedAt >/dev/null; do
		kill -0 "$LOCAL_PID"
	done
	cat "$BATS_TEST_TMPDIR/body"
}

records_of_three() {
	jq -nc --arg p "$1" --argjson n "$2" 'range($n) | {id: "\($p)\(.)", values: [1, ., 0.1], metadata: {n: .}}'
}

@test "pc-local: a folder is imported, a namespace for each of its folders" {
	setup_imports
	mkdir -p "$DIR/films/__default__" "$DIR/films/né"
	records_of_three a 1200 >"$DIR/films/__default__/1.ndjson"
	records_of_three b 3 | sed '$s/$/\r/' >"$DIR/films/__default__/2.jsonl"
	printf '%s\n\n%s' '{"id":"c","values":[1,2,3],"metadata":{"t":"\u00e9é"}}' '{"id":"d","values":[1e0,2,3],"more":[{}]}' >"$DIR/films/né/x.ndjson"
	touch "$DIR/films/.hidden" "$DIR/films/né/.hidden"
	import films | is '.status == "Completed" and .percentComplete == 100 and .recordsImported == 1205 and .uri == "file:///films" and
		.id == "1" and .createdAt and (has("error") | not)'
	data POST /describe_index_stats '{}' | is '.namespaces == {"__default__":{"vectorCount":1203},"né":{"vectorCount":2}}'
	data GET '/vectors/fetch?ids=a1199&ids=b2' | is '.vectors.a1199 == {"id":"a1199","values":[1,1199,0.1],"metadata":{"n":1199}} and .vectors.b2'
	data GET '/vectors/fetch?ids=c&namespace=n%C3%A9'
	grep -qF '"metadata":{"t":"\u00e9é"}' "$BATS_TEST_TMPDIR/body"
	# it is on the disk
	stop_servers
	start_local "$BATS_TEST_TMPDIR/db"
	data POST /describe_index_stats '{}' | is '.totalVectorCount == 1205'
	data GET /bulk/imports/1 | is '.status == "Completed" and .percentComplete == 100 and .recordsImported == 1205'
}

@test "pc-local: a record that cannot be stored is left out, or ends the import" {
	setup_imports
	mkdir -p "$DIR/x/n" "$DIR/y/m"
	{ records_of_three a 2; echo '{"id":"bad","values":[1,2]}'; records_of_three b 2; echo nonsense; } | tee "$DIR/x/n/1.ndjson" >"$DIR/y/m/1.ndjson"
	import x | is '.status == "Completed" and .recordsImported == 4 and .error ==
		"2 records were left out; the first: n/1.ndjson: line 3: record.values: Vector dimension 2 does not match the dimension of the index 3"'
	grep -qx 'pc-local: import 1: 2 records were left out; the first: n/1.ndjson: line 3: .*' "$LOCAL_ERR"
	import y ',"errorMode":{"onError":"abort"}' | is '.status == "Failed" and .recordsImported == 0 and (.error | startswith("m/1.ndjson: line 3: record.values"))'
	data POST /describe_index_stats '{}' | is '.namespaces == {"n":{"vectorCount":4}}'
	head -c 2097200 /dev/zero | tr '\0' ' ' >"$DIR/y/m/1.ndjson"
	echo '{"id":"a","values":[1,2,3]}' >>"$DIR/y/m/1.ndjson"
	echo '{"id":"a","values":[1,2,3]}' >>"$DIR/y/m/1.ndjson"
	import y | is '.status == "Completed" and .recordsImported == 1 and (.error | contains("line 1: is over 2097152 bytes long"))'
}

@test "pc-local: what is no folder of namespaces with NDJSON in them fails before anything is stored" {
	local what

	setup_imports
	mkdir -p "$DIR"/{empty,loose,parquet,other,deep,taken,full}/n "$DIR/deep/n/o"
	records_of_three a 2 | tee "$DIR/loose/a.ndjson" "$DIR"/{parquet,other,deep}/n/a.ndjson >"$DIR/taken/n/a.ndjson"
	rmdir "$DIR/empty/n"
	echo PAR1 >"$DIR/parquet/n/b.parquet"
	echo id,values >"$DIR/other/n/b.csv"
	while IFS='|' read -r folder what; do
		import "$folder" | is ".status == \"Failed\" and .recordsImported == 0 and .error == \"$what\""
	done <<-'END'
		empty|there is no file in it
		loose|a.ndjson: stands in no folder: files go into one that is called as their namespace, or __default__
		parquet|n/b.parquet: Parquet is not read: make NDJSON of it, a record in each line
		other|n/b.csv: is no file called .ndjson or .jsonl
		deep|n/o: is no file called .ndjson or .jsonl
	END
	data POST /vectors/upsert '{"namespace":"n","vectors":[{"id":"z","values":[1,2,3]}]}'
	import taken | is ".error == \"namespace 'n': has records: import to new ones, or delete it first\""
	data POST /describe_index_stats '{}' | is '.totalVectorCount == 1'
}

@test "pc-local: nothing outside of the folder of --imports can be imported, and nothing without it" {
	local uri want

	setup_imports
	mkdir -p "$BATS_TEST_TMPDIR/out/n" "$BATS_TEST_TMPDIR/inside/n" "$DIR/links/n" "$DIR/a b/n"
	records_of_three a 2 | tee "$BATS_TEST_TMPDIR/out/n/secret.ndjson" "$BATS_TEST_TMPDIR/inside/n/x.ndjson" >"$DIR/a b/n/x.ndjson"
	ln -s "$BATS_TEST_TMPDIR/out" "$DIR/away"
	ln -s "$BATS_TEST_TMPDIR/out/n/secret.ndjson" "$DIR/links/n/x.ndjson"
	while IFS='|' read -r uri want; do
		data POST /bulk/imports "{\"uri\":\"$uri\"}" | is ".code == 3 and (.message | contains(\"$want\"))"
		[ "$(code)" = 400 ]
	done <<-END
		s3://bucket/films|other stores are not read
		/etc|must be file:///PATH
		file://etc/x|must be file:///PATH
		|uri: must be 1 to 1500 bytes long
		file:///../out|leads outside of the folder that --imports names
		file:///%2e%2e/out|leads outside
		file:///a%20b/../../out|leads outside
		file:///../inside|leads outside
		file:///away|leads outside
		file:///none|No such file or directory
	END
	import links | is '.status == "Failed" and .error == "x.ndjson: leads outside of --imports"'
	data POST /describe_index_stats '{}' | is '.totalVectorCount == 0'
	import a%20b | is '.status == "Completed" and .recordsImported == 2'
	data POST /bulk/imports '{"uri":"file:///x","errorMode":{"onError":"stop"}}' | is '.message | startswith("errorMode.onError: must be")'
	data GET /bulk/imports/99 | is '.code == 5 and .message == "Import 99 not found"'
	data PATCH /bulk/imports/1 '{}' | is '.code == 12'
	stop_servers
	start_local "$BATS_TEST_TMPDIR/db"
	data POST /bulk/imports '{"uri":"file:///a%20b"}' | is '.code == 3 and (.message | contains("--imports"))'
	run --separate-stderr pc-local --imports "$BATS_TEST_TMPDIR/none" "$BATS_TEST_TMPDIR/other" -- true
	[ "$status" -eq 66 ]
	[ "$stderr" = "pc-local: --imports $BATS_TEST_TMPDIR/none: No such file or directory" ]
}

@test "pc-local: imports are listed in pages, each with its own index" {
	local next

	setup_imports
	mkdir -p "$DIR/x/n"
	records_of_three a 2 >"$DIR/x/n/1.ndjson"
	import x
	import x
	import x
	HOST=$PINECONE_CONTROLLER_HOST/data.plane/demo
	data GET '/bulk/imports?limit=2' | is '[.data[].id] == ["1","2"]'
	next=$(jq -r .pagination.next "$BATS_TEST_TMPDIR/body")
	data GET "/bulk/imports?paginationToken=$next" | is '[.data[].id] == ["3"] and (has("pagination") | not)'
	make_index other '"dimension":3'
	data GET /bulk/imports | is '.data == []'
	data GET /bulk/imports/1 | is '.code == 5'
}

@test "pc-local: an import can be cancelled, and does not hold up others" {
	setup_imports
	mkdir -p "$DIR/x/n"
	records_of_three a 300000 >"$DIR/x/n/1.ndjson"
	data POST /bulk/imports '{"uri":"file:///x"}' | is '.id == "1"'
	data POST /bulk/imports '{"uri":"file:///x"}' | is '.id == "2"' # waits for the first
	until data GET /bulk/imports/1 | jq -e '.recordsImported > 0' >/dev/null; do
		kill -0 "$LOCAL_PID"
	done
	is '.status == "InProgress" and .percentComplete > 0 and .percentComplete < 100 and (has("finishedAt") | not)' <"$BATS_TEST_TMPDIR/body"
	data POST /vectors/upsert '{"vectors":[{"id":"z","values":[1,2,3]}]}' | is '.upsertedCount == 1'
	data DELETE /bulk/imports/2 | is '. == {}'
	data GET /bulk/imports/2 | is '.status == "Cancelled" and .recordsImported == 0'
	data DELETE /bulk/imports/1 | is '. == {}'
	data GET /bulk/imports/1 | is '.status == "Cancelled" and .finishedAt and .recordsImported < 300000'
	data DELETE /bulk/imports/1 | is '. == {}' # no harm
	data GET /bulk/imports/1 | is '.status == "Cancelled"'
}

@test "pc-local: an import that kill -9 ends has failed, and is not begun again" {
	setup_imports
	mkdir -p "$DIR/x/n"
	records_of_three a 100000 >"$DIR/x/n/1.ndjson"
	data POST /bulk/imports '{"uri":"file:///x"}'
	until data GET /bulk/imports/1 | jq -e '.recordsImported > 0' >/dev/null; do
		kill -0 "$LOCAL_PID"
	done
	kill -KILL "$LOCAL_PID"
	wait "$LOCAL_PID" || true
	SERVERS=()
	start_local --imports "$DIR" "$BATS_TEST_TMPDIR/db"
	data GET /bulk/imports/1 | is '.status == "Failed" and .finishedAt and
		.error == "pc-local ended before the import did: delete its namespaces, and start it again"'
	data DELETE /namespaces/n
	records_of_three a 10 >"$DIR/x/n/1.ndjson"
	import x | is '.status == "Completed" and .recordsImported == 10'
}
