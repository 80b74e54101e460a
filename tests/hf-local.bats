load helper
load hf-local

# over MODEL [OPTION]... : the test's standard input is a script that runs beside hf-local; in it
#   post PATH BODY [CURL OPTION]...   the answer's body, then a line with its status
#   get PATH [CURL OPTION]...         the same
over() {
	local model=$1
	shift
	cat >"$BATS_TEST_TMPDIR/script"
	cat >"$BATS_TEST_TMPDIR/functions" <<'END'
get() {
	local path=$1
	shift
	curl -sS --max-time 60 -H "Authorization: Bearer $HF_TOKEN" -w '\n%{http_code}\n' "$@" "$HF_ENDPOINT_URL$path"
}
post() {
	local path=$1 body=$2
	shift 2
	printf '%s' "$body" | get "$path" -H 'Content-Type: application/json' --data-binary @- "$@"
}
END
	run --separate-stderr hf-local "$@" "$MODELS/$model" -- \
		bash -eu -c '. "$1"; . "$2"' over "$BATS_TEST_TMPDIR/functions" "$BATS_TEST_TMPDIR/script"
	[ "$status" -eq 0 ] && [ -z "$stderr" ] || {
		echo "status $status: $output: $stderr"
		return 1
	}
}

# header PYTHON [FILE]: change the header of a copy's safetensors file, which is the object h; n names its tensors
header() {
	python3 - "$broken/${2:-model.safetensors}" "$1" <<'END'
import json, struct, sys
path, change = sys.argv[1:]
b = open(path, 'rb').read()
size = struct.unpack('<Q', b[:8])[0]
h = json.loads(b[8:8 + size])
n = 'encoder.layer.0.attention.self.query.weight'
exec(change)
t = json.dumps(h).encode()
open(path, 'wb').write(struct.pack('<Q', len(t)) + t + b[8 + size:])
END
}

@test "hf-local: a BERT with mean pooling agrees with the reference" {
	agrees bert-mean
}

@test "hf-local: a BERT with CLS pooling agrees, with and without its prompt" {
	agrees bert-cls
	agrees bert-cls reference-query.jsonl query
}

@test "hf-local: a cased BERT agrees" {
	agrees bert-cased
}

@test "hf-local: weights stored as F16 and BF16 agree" {
	agrees bert-f16
	agrees bert-bf16
}

@test "hf-local: a Dense layer with tanh agrees" {
	agrees bert-dense
}

@test "hf-local: a DistilBERT agrees" {
	agrees distilbert
}

@test "hf-local: the comparison itself can fail" {
	broken bert-mean
	json reference.jsonl 'if .text == "a" then .embedding[0] += 0.0001 else . end'
	run model-check "$broken" "$broken/reference.jsonl"
	[ "$status" -eq 1 ]
	json reference.jsonl 'if .text == "a" then .input_ids[1] += 1 else . end'
	run model-check "$broken" "$broken/reference.jsonl"
	[ "$status" -eq 1 ]
	[[ $output == *'other token ids'* ]]
}

@test "hf-local: a folder with vocab.txt alone tokenizes as the one with tokenizer.json" {
	for model in bert-mean bert-cased; do
		broken $model
		rm "$broken/tokenizer.json"
		run model-check "$broken" "$broken/reference.jsonl"
		echo "$output"
		[ "$status" -eq 0 ]
	done
}

@test "hf-local: all-MiniLM-L6-v2 agrees with the reference" {
	[ -n "${VECPIPE_MODEL:-}" ] || skip "VECPIPE_MODEL is not set"
	gunzip -c "$REPO/tests/data/minilm-reference.jsonl.gz" >"$BATS_TEST_TMPDIR/reference.jsonl"
	MIN_COSINE=0.99999 run model-check "$VECPIPE_MODEL" "$BATS_TEST_TMPDIR/reference.jsonl"
	echo "$output"
	[ "$status" -eq 0 ]
	[[ $output == '96 texts'* ]]
	if grep -q -w avx512_vnni /proc/cpuinfo && grep -q -w avx512bw /proc/cpuinfo; then
		[[ $output == *'int16, 1 at a time'* ]] # whose limit is a cosine of 0.99999
	fi
}

@test "hf-local: all texts of the reference in one request give its vectors, in order" {
	jq -s '{inputs: map(.text)}' "$MODELS/bert-mean/reference.jsonl" >"$BATS_TEST_TMPDIR/body"
	over bert-mean --precision f32 <<END
post / "\$(cat "$BATS_TEST_TMPDIR/body")" | head -1 >"$BATS_TEST_TMPDIR/answer"
END
	run jq -n --slurpfile want "$MODELS/bert-mean/reference.jsonl" --slurpfile got "$BATS_TEST_TMPDIR/answer" '
		[$got[0].embeddings, ($want | map(.embedding))] | transpose
		| map(transpose | map((.[0] - .[1]) | fabs) | max) | [length, (max < 2e-5)]' -c
	is '[40,true]'
}

@test "hf-local: in integers of 16 bits, the default, each vector has a cosine of 0.99999 with the reference's" {
	jq -s '{inputs: map(.text)}' "$MODELS/bert-mean/reference.jsonl" >"$BATS_TEST_TMPDIR/body"
	for precision in f32 int16 default; do
		options=(--precision "$precision")
		[ $precision != default ] || options=()
		over bert-mean "${options[@]}" <<END
post / "\$(cat "$BATS_TEST_TMPDIR/body")" | head -1 >"$BATS_TEST_TMPDIR/$precision"
get /info | head -1 | jq -r .model_dtype
END
		echo "$precision $output" >>"$BATS_TEST_TMPDIR/dtypes"
	done
	run jq -n --slurpfile want "$MODELS/bert-mean/reference.jsonl" --slurpfile got "$BATS_TEST_TMPDIR/int16" '
		[$got[0].embeddings, ($want | map(.embedding))] | transpose
		| map(transpose | map(.[0] * .[1]) | add) | [length, (min > 0.99999)]' -c
	is '[40,true]'
	cmp "$BATS_TEST_TMPDIR/int16" "$BATS_TEST_TMPDIR/default"
	if grep -q -w avx512_vnni /proc/cpuinfo && grep -q -w avx512bw /proc/cpuinfo; then
		run ! cmp -s "$BATS_TEST_TMPDIR/int16" "$BATS_TEST_TMPDIR/f32"
		run cat "$BATS_TEST_TMPDIR/dtypes"
		is $'f32 float32\nint16 int16\ndefault int16'
	else # computed in float32 all the same, and said so
		cmp "$BATS_TEST_TMPDIR/int16" "$BATS_TEST_TMPDIR/f32"
		run cat "$BATS_TEST_TMPDIR/dtypes"
		is $'f32 float32\nint16 float32\ndefault float32'
	fi
}

@test "hf-local: weights that are not finite are computed with as they are" {
	broken bert-mean
	python3 - "$broken/model.safetensors" <<'END'
import json, struct, sys
b = bytearray(open(sys.argv[1], 'rb').read())
size = struct.unpack('<Q', b[:8])[0]
at = json.loads(b[8:8 + size])['encoder.layer.0.output.dense.weight']['data_offsets'][0]
b[8 + size + at:8 + size + at + 4] = struct.pack('<f', float('nan'))
open(sys.argv[1], 'wb').write(b)
END
	for precision in f32 int16; do
		run --separate-stderr hf-local --precision $precision "$broken" -- sh -c '
			curl -sS -H "Authorization: Bearer $HF_TOKEN" -H "Content-Type: application/json" \
				-d "{\"inputs\":\"a horse\"}" "$HF_ENDPOINT_URL/"'
		[ "$status" -eq 0 ]
		echo "$output" >>"$BATS_TEST_TMPDIR/answers"
	done
	cat "$BATS_TEST_TMPDIR/answers"
	[ "$(sort -u "$BATS_TEST_TMPDIR/answers" | wc -l)" -eq 1 ]
}

@test "hf-local: token ids are the text that they came from" {
	over bert-mean <<'END'
ids=$(post /tokenize '{"inputs":["a man on a horse","two dogs"]}' | head -1 | jq -c 'map(map(.id))')
text=$(post /embed '{"inputs":["a man on a horse","two dogs"]}' | head -1)
[ "$(post /embed '{"inputs":'"$ids"'}' | head -1)" = "$text" ]
[ "$(post /embed '{"inputs":["a man on a horse",'"$(jq -c '.[1]' <<<"$ids")"']}' | head -1)" = "$text" ]
one=$(post /v1/embeddings '{"input":'"$(jq -c '.[0]' <<<"$ids")"'}' | head -1)
jq -c '[(.data | length), .usage.total_tokens]' <<<"$one"
[ "$(jq -c '[.data[].embedding]' <<<"$one")" = "$(jq -c '[.[0]]' <<<"$text")" ]
long=$(seq -s, 100 140)
[ "$(post /embed "{\"inputs\":[$long]}" | head -1)" = "$(post /embed "{\"inputs\":[$(seq -s, 100 131)]}" | head -1)" ]
[ "$(post /embed "{\"inputs\":[$long],\"truncation_direction\":\"left\"}" | head -1)" = "$(post /embed "{\"inputs\":[$(seq -s, 109 140)]}" | head -1)" ]
post /embed "{\"inputs\":[$long],\"truncate\":false}"
post /embed '{"inputs":[1,99999999]}' | sed 's/to [0-9]*/to N/'
post /embed '{"inputs":[[1],[1.5]]}' | sed 's/to [0-9]*/to N/'
post /embed '{"inputs":[[1],[]]}' | tail -1
post / '{"inputs":[1,2]}' | tail -1
END
	is '[1,9]
{"error":"Input validation error: `inputs` must have less than 33 tokens. Given: 41","error_type":"Validation"}
422
{"error":"token id 99999999: the model'"'"'s are whole numbers from 0 to N","error_type":"Tokenizer"}
422
{"error":"token id 1.5: the model'"'"'s are whole numbers from 0 to N","error_type":"Tokenizer"}
422
422
400'
}

@test "hf-local: what does not fit into the queue is refused as text-embeddings-inference does" {
	seq 1000 | jq -Rsc '{inputs: (split("\n")[:1000])}' >"$BATS_TEST_TMPDIR/body"
	over bert-mean -j 1 --max-queue 1 <<'END'
cd "$BATS_TEST_TMPDIR"
one() { post /embed "$(cat body)" | sed 's/^\[\[.*/vectors/' | paste -sd ' '; }
export -f one get post
export BATS_TEST_TMPDIR
seq 200 | xargs -P 16 -I{} bash -c one | sort -u
get /metrics | grep -c '^te_request_count{path="/embed",status="429"} [1-9]'
END
	is 'vectors 200
{"error":"Model is overloaded","error_type":"Overloaded"} 429
1'
}

@test "hf-local: /metrics counts answers, texts and tokens" {
	over bert-mean --max-body 100B <<'END'
post /embed '{"inputs":["a","two dogs"]}' >/dev/null
post /embed '{}' >/dev/null
post /v1/embeddings '{"input":"a"}' >/dev/null
post /embed '{"inputs":"'"$(printf 'a%.0s' {1..200})"'"}' >/dev/null
get /nowhere >/dev/null
get /metrics -D "$BATS_TEST_TMPDIR/headers" | grep -v '^#' | sed -E '/_sum/s/ [0-9]+\.[0-9]{6}$/ SECONDS/'
grep -c '^# TYPE te_' <(get /metrics)
END
	is 'te_request_count{path="/embed",status="200"} 1
te_request_count{path="/embed",status="413"} 1
te_request_count{path="/embed",status="422"} 1
te_request_count{path="/v1/embeddings",status="200"} 1
te_request_count{path="other",status="404"} 1
te_embed_count 3
te_embed_tokens 14
te_request_duration_sum SECONDS
te_request_duration_count 2
te_request_tokenization_duration_sum SECONDS
te_request_tokenization_duration_count 2
te_request_queue_duration_sum SECONDS
te_request_queue_duration_count 2
te_request_inference_duration_sum SECONDS
te_request_inference_duration_count 2
te_queue_size 0

200
8'
	grep -qi '^content-type: text/plain; version=0.0.4' "$BATS_TEST_TMPDIR/headers"
}

@test "hf-local: the prompt of a request is put before its texts" {
	body=$(jq -s '{inputs: map(.text), parameters: {prompt_name: "query"}}' "$MODELS/bert-cls/reference-query.jsonl")
	over bert-cls --precision f32 <<END
post / '${body//\'/\'\\\'\'}' | head -1 >"$BATS_TEST_TMPDIR/answer"
post /embed '{"inputs":"x","prompt_name":"nope"}'
END
	is $'{"error":"prompt_name: the model has no such prompt","error_type":"Validation"}\n422'
	run jq -n --slurpfile want "$MODELS/bert-cls/reference-query.jsonl" --slurpfile got "$BATS_TEST_TMPDIR/answer" '
		[$got[0].embeddings, ($want | map(.embedding))] | transpose
		| map(transpose | map((.[0] - .[1]) | fabs) | max) | [length, (max < 2e-5)]' -c
	is '[10,true]'
}

@test "hf-local: each route answers in its own form" {
	over bert-cased <<'END'
shape() { head -1 | jq -c "$1"; }
post / '{"inputs":"a"}' | shape '[keys, (.embeddings | length), (.embeddings[0] | type)]'
post / '{"inputs":["a","b"]}' | shape '[keys, (.embeddings | map(length))]'
post /predict '{"inputs":["a"]}' | shape '[keys, (.embeddings | map(length))]'
post / '{"inputs":[]}' | shape .
post /embed '{"inputs":"a"}' | shape 'map(length)'
post /embed '{"inputs":["a","b","c"]}' | shape 'map(length)'
for path in /v1/embeddings /embeddings; do
	post $path '{"input":["a","b"],"model":"whatever","user":"me"}' | shape '[.object, (.data | map([.object, .index, (.embedding | length)])), .model, .usage]'
done
END
	is '[["embeddings"],32,"number"]
[["embeddings"],[32,32]]
[["embeddings"],[32]]
{"embeddings":[]}
[32]
[32,32,32]
["list",[["embedding",0,32],["embedding",1,32]],"bert-cased",{"prompt_tokens":6,"total_tokens":6}]
["list",[["embedding",0,32],["embedding",1,32]],"bert-cased",{"prompt_tokens":6,"total_tokens":6}]'
}

@test "hf-local: base64 is the same numbers as float32, little-endian" {
	over bert-mean <<'END'
post /v1/embeddings '{"input":"horse","encoding_format":"base64"}' | head -1 | jq -r '.data[0].embedding' | base64 -d | od -An -v -w4 -tfF | awk '{ printf "%.5e\n", $1 }' >"$BATS_TEST_TMPDIR/a"
post /v1/embeddings '{"input":"horse","encoding_format":"float"}' | head -1 | jq -r '.data[0].embedding[]' | awk '{ printf "%.5e\n", $1 }' >"$BATS_TEST_TMPDIR/b"
wc -l <"$BATS_TEST_TMPDIR/a"
cmp "$BATS_TEST_TMPDIR/a" "$BATS_TEST_TMPDIR/b"
END
	is 32
}

@test "hf-local: normalize is the model's own on /, asked for on /embed, and always done on /v1/embeddings" {
	over bert-cased <<'END'
norm() { head -1 | jq "$1 | map(. * .) | add | sqrt | . > 0.999 and . < 1.001"; }
post / '{"inputs":"a"}' | norm .embeddings
post / '{"inputs":"a","parameters":{"normalize_embeddings":true}}' | norm .embeddings
post /embed '{"inputs":"a"}' | norm '.[0]'
post /embed '{"inputs":"a","normalize":false}' | norm '.[0]'
post /v1/embeddings '{"input":"a"}' | norm '.data[0].embedding'
END
	is $'false\ntrue\ntrue\nfalse\ntrue'
}

@test "hf-local: dimensions gives the first ones, and no more than there are" {
	over bert-mean <<'END'
a=$(post /embed '{"inputs":"a","normalize":false}' | head -1 | jq -c '[.[0][:5]]')
b=$(post /embed '{"inputs":"a","normalize":false,"dimensions":5}' | head -1 | jq -c .)
[ "$a" = "$b" ]
post /v1/embeddings '{"input":"a","dimensions":5}' | head -1 | jq '.data[0].embedding | length, (map(. * .) | add | . > 0.999)'
for n in 0 33 -1 1.5 '"5"'; do post /embed '{"inputs":"a","dimensions":'$n'}'; done | sort | uniq -c | sed 's/^ *//'
END
	is $'5\ntrue\n5 422\n5 {"error":"dimensions: want a number from 1 to the model\'s own dimensions","error_type":"Validation"}'
}

@test "hf-local: a long text is cut at its end, at its beginning, or refused, as asked" {
	over bert-mean <<'END'
long=$(printf 'a %.0s' {1..40}) first=$(printf 'a %.0s' {1..30})
vector() { post /embed "$1" | head -1 | jq -c .; }
[ "$(vector '{"inputs":"'"$long"' b"}')" = "$(vector '{"inputs":"'"$first"'"}')" ]
[ "$(vector '{"inputs":"b '"$long"'","truncation_direction":"left"}')" = "$(vector '{"inputs":"'"$first"'"}')" ]
[ "$(vector '{"inputs":"b '"$long"'"}')" != "$(vector '{"inputs":"'"$first"'"}')" ]
post /embed '{"inputs":["a","'"$long"'"],"truncate":false}'
post /embed '{"inputs":"'"$first"'","truncate":false}' | tail -1
END
	is '{"error":"Input validation error: `inputs` must have less than 33 tokens. Given: 42","error_type":"Validation"}
422
200'
}

@test "hf-local: one text, or one request among many at once, gets the same vector to the last digit" {
	jq -c '{inputs: [.text]}' "$MODELS/bert-mean/reference.jsonl" >"$BATS_TEST_TMPDIR/bodies"
	jq -sc '{inputs: map(.text)}' "$MODELS/bert-mean/reference.jsonl" >"$BATS_TEST_TMPDIR/body"
	over bert-mean -j 3 <<'END'
cd "$BATS_TEST_TMPDIR"
post / "$(cat body)" | head -1 | jq -c '.embeddings[]' >together
split -l 1 -d -a 2 bodies one.
one() { post / "$(cat "$1")" | head -1 | jq -c '.embeddings[]' >"$1.vector"; }
export -f one get post
ls one.?? | xargs -P 16 -I{} bash -c 'one {}'
cat one.??.vector | cmp - together
wc -l <together
END
	is 40
}

@test "hf-local: texts that are empty, blank, or have NUL and odd characters are texts" {
	over bert-mean <<'END'
post / '{"inputs":["",""," \t ","\u0000","a\u0000b","\ud83d\ude00","\ufffd\u200b"]}' | head -1 |
	jq -c '.embeddings | [length, (.[0] == .[1]), (.[0] == .[2]), (.[0] == .[3]), (.[0] == .[4]), (flatten | map(isnormal) | all)]'
END
	is '[7,true,true,true,false,true]'
}

@test "hf-local: /embed and /v1/embeddings refuse empty inputs, as text-embeddings-inference does" {
	over bert-mean <<'END'
for body in '{"inputs":[]}' '{"inputs":""}' '{"inputs":["a",""]}'; do post /embed "$body"; done
post /v1/embeddings '{"input":["a",""]}'
END
	is '{"error":"`inputs` cannot be empty","error_type":"Empty"}
400
{"error":"`inputs` cannot be empty","error_type":"Empty"}
400
{"error":"`inputs` cannot be empty","error_type":"Empty"}
400
{"message":"`input` cannot be empty","code":400,"type":"Empty"}
400'
}

@test "hf-local: a batch over --max-batch is refused in the words that clients look for" {
	over bert-mean --max-batch 3 <<'END'
post /embed '{"inputs":["a","b","c"]}' | tail -1
post /embed '{"inputs":["a","b","c","d"]}'
post / '{"inputs":["a","b","c","d"]}'
post /v1/embeddings '{"input":["a","b","c","d"]}'
get /info | head -1 | jq .max_client_batch_size
END
	is '200
{"error":"batch size 4 > maximum allowed batch size 3","error_type":"Validation"}
422
{"error":"batch size 4 > maximum allowed batch size 3","error_type":"Validation"}
422
{"message":"batch size 4 > maximum allowed batch size 3","code":422,"type":"Validation"}
422
3'
}

@test "hf-local: a thousand texts in a request are taken" {
	over bert-mean <<'END'
body=$(seq 1000 | jq -Rsc '{inputs: (split("\n")[:1000])}')
post / "$body" | head -1 | jq '.embeddings | length'
END
	is 1000
}

@test "hf-local: a body over --max-body is answered 413 in the form of its route" {
	over bert-mean --max-body 1kB <<'END'
long=$(printf 'a%.0s' {1..2000})
for path in /embed /v1/embeddings; do post $path '{"inputs":"'$long'"}' | sed 's/:"request body[^"]*"/:"TEXT"/'; done
END
	is '{"error":"TEXT","error_type":"Validation"}
413
{"message":"TEXT","code":413,"type":"Validation"}
413'
}

@test "hf-local: a request that is none is answered in the form of its route" {
	over bert-mean <<'END'
post / 'nope'
post / '{"inputs":[1]}'
post /embed '{"inputs":'
post /embed '{}'
post /embed '{"inputs":{"a":1}}'
post /embed '{"inputs":["a",7]}'
post /embed '{"inputs":"a","truncate":"yes"}'
post /v1/embeddings '{"input":"a","encoding_format":"hex"}'
post /embed '{"inputs":["a","\ud800"]}'
get /embed -H 'Content-Type: text/plain' -d '{"inputs":"a"}'
END
	is '{"error":"request body: not an object","error_type":"Validation"}
400
{"error":"inputs: want a text, or an array of texts","error_type":"Validation"}
400
{"error":"request body: not JSON","error_type":"Validation"}
400
{"error":"request body: no `inputs`","error_type":"Validation"}
422
{"error":"inputs: want a text or its token ids, or an array of these","error_type":"Validation"}
422
{"error":"inputs: want a text or its token ids, or an array of these","error_type":"Validation"}
422
{"error":"truncate: want true or false","error_type":"Validation"}
422
{"message":"encoding_format: want \"float\" or \"base64\"","code":422,"type":"Validation"}
422
{"error":"inputs: text 1 has half of a surrogate pair in it","error_type":"Tokenizer"}
422
{"error":"want `Content-Type: application/json`","error_type":"Validation"}
415'
}

@test "hf-local: /info has a hash that changes with the weights, and with nothing else" {
	local other=$BATS_TEST_TMPDIR/other/bert-mean sha=() folder
	mkdir -p "$other"
	cp -r "$MODELS/bert-mean/." "$other"
	chmod -R u+w "$other"
	for folder in "$MODELS/bert-mean" "$other"; do
		sha+=("$(hf-local "$folder" -- sh -c 'curl -sS -H "Authorization: Bearer $HF_TOKEN" "$HF_ENDPOINT_URL/info"' | jq -er .model_sha)")
	done
	[ "${sha[0]}" = "${sha[1]}" ]
	printf '\1' | dd of="$other/model.safetensors" bs=1 seek="$(($(stat -c %s "$other/model.safetensors") - 30))" conv=notrunc status=none
	[ "$(hf-local "$other" -- sh -c 'curl -sS -H "Authorization: Bearer $HF_TOKEN" "$HF_ENDPOINT_URL/info"' | jq -er .model_sha)" != "${sha[0]}" ]
}

@test "hf-local: /info says what clients ask it for" {
	over bert-mean --max-batch 64 --name sentence-transformers/tiny --precision f32 <<'END'
get /info | head -1 | jq -c '[.model_id, .model_dtype, .model_type, .max_input_length, .max_client_batch_size, .auto_truncate, (.version | type)]'
END
	is '["sentence-transformers/tiny","float32",{"embedding":{"pooling":"mean"}},32,64,true,"string"]'
}

@test "hf-local: /, /health and /ping say Ok; other paths and methods are none" {
	over bert-mean <<'END'
for path in / /health /ping; do get $path; done
get /nowhere
get /embed
post /info '{}'
END
	is 'Ok
200
Ok
200
Ok
200
{"error":"/nowhere: no such route","error_type":"NotFound"}
404
{"error":"GET /embed: not that method","error_type":"Validation"}
405
{"error":"POST /info: not that method","error_type":"Validation"}
405'
}

@test "hf-local: /tokenize gives the ids of the reference" {
	jq -sc '{inputs: map(.text)}' "$MODELS/distilbert/reference.jsonl" >"$BATS_TEST_TMPDIR/body"
	over distilbert <<'END'
post /tokenize "$(cat "$BATS_TEST_TMPDIR/body")" | head -1 | jq -c 'map(map(.id)[:47])[]' >"$BATS_TEST_TMPDIR/ids"
post /tokenize '{"inputs":"a [MASK]","add_special_tokens":false}' | head -1 | jq -c 'map(map([.text, .special]))'
END
	is '[[["a",false],["[MASK]",true]]]'
	# behind the 47th id the reference has the special token of a text that was cut
	jq -c '.input_ids[:47]' "$MODELS/distilbert/reference.jsonl" | cmp - "$BATS_TEST_TMPDIR/ids"
}

@test "hf-local: the answer's headers count tokens and characters" {
	over bert-mean <<'END'
post / '{"inputs":["a","a é"]}' -o /dev/null -D - | tr -d '\r' | grep -E '^x-compute|^x-.*-time: [0-9]+$' | sed 's/time: .*/time/' | sort
END
	is 'x-compute-characters: 4
x-compute-tokens: 7
x-compute-type: cpu
x-inference-time
x-queue-time
x-tokenization-time
x-total-time'
}

@test "hf-local: nothing is answered without the token, on any route" {
	over bert-mean <<'END'
good=$HF_TOKEN
for HF_TOKEN in '' x "${good%?}" "${good}0"; do
	for path in / /health /info /embed /nowhere; do get $path; done
	post / '{"inputs":"a"}'
done | sort | uniq -c | sed 's/^ *//'
curl -sS -o /dev/null -w '%{http_code}\n' "$HF_ENDPOINT_URL/"
END
	is '24 401
24 {"error":"401 Unauthorized","code":"UNAUTHORIZED"}
401'
}

@test "hf-local: with less of the processor the vectors are nearly the same" {
	local cpu
	for cpu in plain avx2 avx512 nonsense; do
		VP_CPU=$cpu over bert-mean --precision f32 <<'END'
post / '{"inputs":["a man on a horse","two dogs"]}' | head -1 | jq -c .embeddings
END
		[ "$cpu" != plain ] || first=$output
		jq -en --argjson a "$first" --argjson b "$output" '[$a, $b] | map(flatten) | transpose | map(.[0] - .[1] | fabs) | max < 1e-5'
	done
}

@test "hf-local: a token in the environment is the one that is wanted" {
	export HF_TOKEN=hf_mine
	over bert-mean <<'END'
echo "$HF_TOKEN"
get /health | tail -1
HF_TOKEN=hf_other
get /health | tail -1
END
	is $'hf_mine\n200\n401'
}

@test "hf-local: a web page, or a name that was bound to this machine, is not answered" {
	over bert-mean <<'END'
get /health -H 'Origin: http://example.org' | tail -1
get /health -H 'Host: example.org' | tail -1
END
	is $'403\n403'
}

@test "hf-local: ends with the status of its command" {
	run --separate-stderr hf-local "$MODELS/bert-mean" -- sh -c 'exit 9'
	[ "$status" -eq 9 ]
	run --separate-stderr hf-local "$MODELS/bert-mean" -- sh -c 'kill -TERM $$'
	[ "$status" -eq 143 ]
	run -127 --separate-stderr hf-local "$MODELS/bert-mean" -- "$BATS_TEST_TMPDIR/no-such-command"
	[ -n "$stderr" ]
}

@test "hf-local: options may stand before the model or behind it, the command's are its own" {
	run --separate-stderr hf-local -q "$MODELS/bert-mean" -j 1 -- sh -c 'echo "$@"' sh -j -- -q
	[ "$status" -eq 0 ]
	is '-j -- -q'
	POSIXLY_CORRECT=1 run --separate-stderr hf-local -q "$MODELS/bert-mean" -- echo -q
	[ "$status" -eq 0 ]
	is -q
}

@test "hf-local: wrong usage is named and ends with 64" {
	usage() {
		run --separate-stderr hf-local "${@:2}"
		[ "$status" -eq 64 ] && [ -z "$output" ] && [[ $stderr == *"hf-local: $1"* ]] || {
			echo "status $status: $output: $stderr"
			return 1
		}
	}
	usage 'an operand is missing'
	usage 'echo: want -- between' "$MODELS/bert-mean" echo
	usage '-j' -j 0 "$MODELS/bert-mean"
	usage '-p' -p 65536 "$MODELS/bert-mean"
	usage '--max-batch' --max-batch 0 "$MODELS/bert-mean"
	usage '--max-body' --max-body x "$MODELS/bert-mean"
	usage '--max-queue' --max-queue 0 "$MODELS/bert-mean"
	usage '--precision f16: want int16 or f32' --precision f16 "$MODELS/bert-mean"
	HF_TOKEN=hf_mine usage '-a localhost: want a numeric address' -a localhost "$MODELS/bert-mean"
}

@test "hf-local: an address that other machines reach needs a token of the user's" {
	run --separate-stderr hf-local -a 0.0.0.0 "$MODELS/bert-mean" -- true
	[ "$status" -eq 78 ]
	[[ $stderr == *'set HF_TOKEN'* ]]
	HF_TOKEN=hf_mine run --separate-stderr hf-local -a 0.0.0.0 "$MODELS/bert-mean" -- true
	[ "$status" -eq 0 ]
}

# start [OPTION]... MODEL: hf-local in the foreground of a job; sets what it prints, and pid
start() {
	mkfifo "$BATS_TEST_TMPDIR/out"
	hf-local "$@" >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err" </dev/null 3>&- &
	pid=$!
	SERVERS+=("$pid")
	exec 4<"$BATS_TEST_TMPDIR/out"
	read -r line <&4
	eval "$line"
}

@test "hf-local: without a command it prints where it is and its token, and serves until SIGTERM" {
	start "$MODELS/bert-mean"
	[[ $line == "export HF_ENDPOINT_URL='http://127.0.0.1:"*"'" ]]
	read -r line <&4
	[[ $line =~ ^export\ HF_TOKEN=\'[0-9a-f]{32}\'$ ]]
	eval "$line"
	run curl -sS -H "Authorization: Bearer $HF_TOKEN" "$HF_ENDPOINT_URL/health"
	is Ok
	run --separate-stderr hf-local -p "${HF_ENDPOINT_URL##*:}" "$MODELS/bert-mean"
	[ "$status" -eq 69 ]
	[[ $stderr == *'is in use'* ]]
	kill -TERM "$pid"
	wait "$pid"
	SERVERS=()
	[ ! -s "$BATS_TEST_TMPDIR/err" ]
}

@test "hf-local: a token of the user's is not printed" {
	HF_TOKEN=hf_secret start "$MODELS/bert-mean"
	kill -TERM "$pid"
	wait "$pid"
	SERVERS=()
	run cat <&4
	is ''
	run ! grep -q hf_secret "$BATS_TEST_TMPDIR/err"
}

@test "hf-local: at SIGTERM every request that was taken is answered whole" {
	HF_TOKEN=hf_mine start -v "$MODELS/bert-mean"
	seq 500 | jq -Rsc '{inputs: (split("\n")[:500])}' >"$BATS_TEST_TMPDIR/body"
	mkfifo "$BATS_TEST_TMPDIR/got"
	client() {
		local body

		while body=$(curl -sS --max-time 60 -H 'Authorization: Bearer hf_mine' -H 'Content-Type: application/json' \
			--data-binary "@$BATS_TEST_TMPDIR/body" "$HF_ENDPOINT_URL/" 2>/dev/null); do
			jq '.embeddings | length == 500' <<<"$body"
		done
	}
	client >"$BATS_TEST_TMPDIR/got" 3>&- 4<&- &
	exec 5<"$BATS_TEST_TMPDIR/got"
	count=0
	for _ in 1 2 3 4 5; do
		read -r good <&5
		[ "$good" = true ]
		count=$((count + 1))
	done
	kill -TERM "$pid"
	wait "$pid"
	SERVERS=()
	while read -r good <&5; do
		[ "$good" = true ]
		count=$((count + 1))
	done
	[ "$count" -eq "$(grep -c 'POST /: 200' "$BATS_TEST_TMPDIR/err")" ]
}

@test "hf-local: a folder or file that is not there ends with 66" {
	broken=$BATS_TEST_TMPDIR/nothing
	refused 66 'no such file'
	broken bert-mean
	rm "$broken/config.json"
	refused 66 'config.json: no such file'
	broken bert-mean
	rm "$broken/model.safetensors"
	refused 66 'model.safetensors: No such file'
	broken bert-mean
	rm "$broken/tokenizer.json" "$broken/vocab.txt"
	refused 66 'tokenizer.json: no such file'
	broken bert-mean
	rm "$broken/1_Pooling/config.json"
	refused 66 '1_Pooling/config.json: no such file'
	broken bert-dense
	rm "$broken/2_Dense/model.safetensors"
	refused 66 '2_Dense/model.safetensors: No such file'
}

@test "hf-local: a safetensors file that is cut, or none, is refused" {
	broken bert-mean
	truncate -s -100 "$broken/model.safetensors"
	refused 65 'lies outside the file'
	truncate -s 1000 "$broken/model.safetensors"
	refused 65 'not a safetensors file, or cut short'
	truncate -s 7 "$broken/model.safetensors"
	refused 65 'not a safetensors file, or cut short'
	: >"$broken/model.safetensors"
	refused 65 'not a safetensors file, or cut short'
	printf '\377\377\377\377\377\377\377\377{}' >"$broken/model.safetensors"
	refused 65 'not a safetensors file, or cut short'
	printf '\2\0\0\0\0\0\0\0{]' >"$broken/model.safetensors"
	refused 65 'header: not JSON'
	printf '\2\0\0\0\0\0\0\0[]' >"$broken/model.safetensors"
	refused 65 'header'
	printf '\2\0\0\0\0\0\0\0{}' >"$broken/model.safetensors"
	refused 65 'no tensor embeddings.word_embeddings.weight'
	rm "$broken/model.safetensors"
	mkdir "$broken/model.safetensors"
	refused 65 'not a safetensors file'
}

@test "hf-local: a tensor that lies where it can't be, or is not what its shape says, is refused" {
	tensor() {
		broken bert-mean
		header "$1"
		refused 65 "$2"
	}
	tensor 'h[n]["data_offsets"] = [1 << 40, (1 << 40) + 4096]' 'lies outside the file'
	tensor 'h[n]["data_offsets"].reverse()' 'lies outside the file'
	tensor 'h[n]["data_offsets"] = [-4, 4092]' 'no data_offsets'
	tensor 'h[n]["data_offsets"] = [0, 1 << 70]' 'no data_offsets'
	tensor 'h[n]["data_offsets"] = [0]' 'no data_offsets'
	tensor 'h[n]["data_offsets"] = "0,4096"' 'no data_offsets'
	tensor 'h[n]["data_offsets"] = h[n.replace("query", "key")]["data_offsets"]' 'overlaps another'
	tensor 'del h["pooler.dense.weight"]' 'bytes behind the last tensor'
	tensor 'h[n]["shape"] = [32, 31]' 'shape does not go with its bytes'
	tensor 'h[n]["shape"] = [1 << 50, 1 << 50]' 'shape is too large'
	tensor 'h[n]["shape"] = [1] * 9' 'no shape'
	tensor 'h[n]["shape"] = [32.5, 32]' 'no shape'
	tensor 'h[n]["dtype"] = "F33"' 'of a dtype that is not known'
	tensor 'h[n]["dtype"] = 32' 'no dtype'
	tensor 'h[n] = 7' 'no dtype'
}

@test "hf-local: weights of another type, shape or name than the configuration's are refused" {
	tensor() {
		broken bert-mean
		header "$1"
		refused 65 "$2"
	}
	tensor 'h[n]["dtype"] = "I32"' 'want F32, F16 or BF16'
	tensor 'h[n]["shape"] = [16, 64]' 'not of the shape that config.json says'
	tensor 'h[n]["shape"] = [1024]' 'not of the shape that config.json says'
	tensor 'h["x"] = h.pop(n)' 'no tensor encoder.layer.0.attention.self.query.weight'
	tensor 'h["x"] = h.pop("embeddings.LayerNorm.bias")' 'no tensor embeddings.LayerNorm.bias'
	tensor 'h["embeddings.word_embeddings.weight"]["shape"] = [32, 1099]' 'not of the shape'
	broken bert-dense
	header 'h["linear.weight"]["shape"] = [32, 24]' 2_Dense/model.safetensors
	refused 65 'tensor linear.weight: not of the shape'
}

@test "hf-local: a file with the names of a model with a head, and of old layer norms, is the same model" {
	broken bert-mean
	header 'h = {k if k == "__metadata__" else "bert." + k.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta"): v for k, v in h.items()}'
	run model-check "$broken" "$broken/reference.jsonl"
	echo "$output"
	[ "$status" -eq 0 ]
}

@test "hf-local: tensors that are not aligned are read all the same" {
	broken bert-mean
	for pad in a aa aaa; do
		header "h['__metadata__'] = {'pad': '$pad'}"
		run model-check "$broken" "$broken/reference.jsonl"
		[ "$status" -eq 0 ]
	done
}

@test "hf-local: numbers of a configuration that can't be are refused" {
	config() {
		broken bert-mean
		json config.json "$1"
		refused 65 "$2"
	}
	config '.num_hidden_layers = 1000000000' 'num_hidden_layers: want a number from 1 to'
	config '.num_hidden_layers = 3' 'no tensor encoder.layer.2'
	config '.num_hidden_layers = 0' 'num_hidden_layers: want a number from 1 to'
	config '.num_attention_heads = 5' '5 attention heads do not divide a width of 32'
	config '.hidden_size = 64' 'not of the shape that config.json says'
	config '.hidden_size = 65536' 'not of the shape that config.json says'
	config '.hidden_size = -32' 'hidden_size: want a number from 1 to'
	config '.hidden_size = "32"' 'hidden_size: want a number from 1 to'
	config 'del(.hidden_size)' 'no hidden_size'
	config '.intermediate_size = 1e300' 'intermediate_size: want a number from 1 to'
	config '.max_position_embeddings = 41' 'position_embeddings'
	config '.layer_norm_eps = -1' 'layer_norm_eps'
	config '.hidden_act = "relu"' 'hidden_act "relu": not supported'
	config '.position_embedding_type = "relative_key"' 'position_embedding_type "relative_key": not supported'
	config '.is_decoder = true' 'is_decoder: not supported'
	config '.model_type = "t5"' 'model_type "t5": not supported'
	config '.model_type = "mpnet"' 'no tensor encoder.relative_attention_bias.weight'
	config 'del(.model_type)' 'no model_type'
	config '[.]' 'config.json: not a JSON object'
}

@test "hf-local: files that are no JSON, or far too large or deep, are refused" {
	for file in config.json tokenizer.json modules.json sentence_bert_config.json 1_Pooling/config.json config_sentence_transformers.json; do
		broken bert-mean
		printf '{"a":' >"$broken/$file"
		refused 65 "$file: not JSON"
		printf '{"a":"\377"}' >"$broken/$file"
		refused 65 "$file: "
	done
	broken bert-mean
	printf '[%.0s' {1..100000} >"$broken/tokenizer.json"
	refused 65 tokenizer.json
	head -c 5000000 /dev/zero | tr '\0' ' ' >"$broken/config.json"
	refused 65 'config.json: larger than'
}

@test "hf-local: a tokenizer that can't be, or of another kind, is refused" {
	tokenizer() {
		broken bert-mean
		json tokenizer.json "$1"
		refused 65 "$2"
	}
	tokenizer '.model.type = "WordLevel"' 'model of type "WordLevel": not supported'
	tokenizer '.model.type = "Unigram"' 'vocab: not an array'
	tokenizer '.normalizer = {type: "Nmt"}' 'normalizer of type "Nmt": not supported'
	tokenizer '.pre_tokenizer.type = "UnicodeScripts"' 'pre_tokenizer of type "UnicodeScripts": not supported'
	tokenizer '.post_processor.type = "Sequence"' 'post_processor of type "Sequence": not supported'
	tokenizer '.post_processor.single = []' 'post_processor: no text'
	tokenizer '.post_processor.special_tokens = {}' 'post_processor: a special token without ids'
	tokenizer '.post_processor.single |= map(select(.Sequence))' 'without special tokens'
	tokenizer '.post_processor.single |= [.[range(20) * 0]] + .' 'too many special tokens'
	tokenizer '.model.vocab = {}' 'vocab: '
	tokenizer '.model.vocab.horse = -1' 'vocab: an id'
	tokenizer '.model.vocab.horse = 4294967295' 'vocab: an id'
	tokenizer '.model.vocab.horse = 1099' 'token id 1099 lies outside the embedding table of 1099 rows'
	tokenizer '.added_tokens += [{id: 5000, content: "new"}]' 'token id 5000 lies outside the embedding table'
	tokenizer '.post_processor.special_tokens["[CLS]"].ids = [1100]' 'token id 1100 lies outside the embedding table'
	tokenizer '.model.unk_token = "nope"' 'unk_token: not in the vocabulary'
	tokenizer '.model.continuing_subword_prefix = "####################"' 'continuing_subword_prefix'
	tokenizer '.model.max_input_chars_per_word = 1e9' 'max_input_chars_per_word'
	tokenizer 'del(.model)' 'no model'
	broken bert-mean
	rm "$broken/tokenizer.json"
	printf 'a\nb\n' >"$broken/vocab.txt"
	refused 65 'no [PAD] in it'
}

@test "hf-local: modules, lengths and pooling that can't be are refused" {
	file() {
		broken "${4:-bert-mean}"
		json "$1" "$2"
		refused 65 "$3"
	}
	file modules.json '.[1].path = "../../etc"' 'a path that leaves the folder'
	file modules.json '.[1].path = "/etc"' 'a path that leaves the folder'
	file modules.json '.[1:]' 'module 0, Pooling: not supported here'
	file modules.json '.[1].type = "sentence_transformers.models.WordWeights"' 'module 1, WordWeights: not supported here'
	file modules.json '[]' 'no modules'
	file modules.json '[.[range(100) * 0]]' 'not supported here'
	file modules.json '.[0] |= del(.path)' 'without type or path'
	file 1_Pooling/config.json '.pooling_mode_cls_token = true' 'this way of pooling is not supported'
	file 1_Pooling/config.json '.pooling_mode_mean_tokens = false' 'this way of pooling is not supported'
	file sentence_bert_config.json '.max_seq_length = 1' 'special tokens are 2'
	file sentence_bert_config.json '.max_seq_length = 0' 'max_seq_length: want a number'
	file sentence_bert_config.json '.max_seq_length = "x"' 'max_seq_length: want a number'
	file config_sentence_transformers.json '.prompts = {a: 1}' 'prompts: not an object of texts'
	file config_sentence_transformers.json '.default_prompt_name = "x"' 'there is no such prompt'
	file 2_Dense/config.json '.activation_function = "torch.nn.SiLU"' 'activation_function torch.nn.SiLU: not supported' bert-dense
}

@test "hf-local: a max_seq_length beyond the position table is cut to it" {
	broken bert-mean
	json sentence_bert_config.json '.max_seq_length = 4000'
	run --separate-stderr hf-local "$broken" -- sh -c 'curl -sS -H "Authorization: Bearer $HF_TOKEN" "$HF_ENDPOINT_URL/info" | jq .max_input_length
		curl -sS -H "Authorization: Bearer $HF_TOKEN" -H "Content-Type: application/json" -d "{\"inputs\":\"$(seq 200 | tr "\n" " ")\"}" "$HF_ENDPOINT_URL" | jq ".embeddings | length"'
	[ "$status" -eq 0 ]
	is $'40\n32'
}

@test "hf-local: a prompt that is the model's default is used unless another is asked for" {
	broken bert-cls
	json config_sentence_transformers.json '.default_prompt_name = "query"'
	run --separate-stderr hf-local "$broken" -- sh -c 'curl -sS -H "Authorization: Bearer $HF_TOKEN" -H "Content-Type: application/json" -d "{\"inputs\":[\"a\"]}" "$HF_ENDPOINT_URL" -D - -o /dev/null | grep -i compute-tokens'
	[ "$status" -eq 0 ]
	[[ $output == 'x-compute-tokens: '[1-9][0-9]* ]]
}
