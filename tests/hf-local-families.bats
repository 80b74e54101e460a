load helper
load hf-local

# same MODEL FILTER: a copy whose tokenizer.json is changed so gives the same token ids
same() {
	broken "$1"
	json tokenizer.json "$2"
	run model-check "$broken" "$broken/reference.jsonl"
	[ "$status" -eq 0 ] || {
		echo "$output"
		return 1
	}
}

# other MODEL FILTER: it gives other ones
other() {
	broken "$1"
	json tokenizer.json "$2"
	run model-check "$broken" "$broken/reference.jsonl"
	[ "$status" -eq 1 ] && [[ $output == *'other token ids'* ]] || {
		echo "$output"
		return 1
	}
}

@test "hf-local: an MPNet agrees: positions from 2 on, a bias for each distance" {
	agrees mpnet
}

@test "hf-local: a RoBERTa agrees: byte-level BPE" {
	agrees roberta
}

@test "hf-local: an XLM-R agrees: Unigram, behind a Sequence of normalizers" {
	agrees xlm-roberta
}

@test "hf-local: a BERT with the tokenizer of XLM-R agrees" {
	agrees bert-multilingual
}

@test "hf-local: a Nomic BERT agrees: rotary embedding, SwiGLU" {
	agrees nomic-bert
}

@test "hf-local: a ModernBERT agrees: norms first, GeGLU, windows of attention, BPE behind NFC" {
	agrees modernbert
}

@test "hf-local: a model is found in the Hub's cache by its name, wherever the environment says that is" {
	local at=$BATS_TEST_TMPDIR/cache model
	mkdir -p "$at/models--org--tiny/refs" "$at/models--org--tiny/snapshots"
	cp -r "$MODELS/bert-mean" "$at/models--org--tiny/snapshots/0123abc"
	printf 0123abc >"$at/models--org--tiny/refs/main"
	cd "$BATS_TEST_TMPDIR"
	for model in org/tiny "$at/models--org--tiny" "$at/models--org--tiny/snapshots/0123abc"; do
		HF_HUB_CACHE=$at run --separate-stderr hf-local "$model" -- echo served
		[ "$status" -eq 0 ] && [ "$output" = served ] && [ -z "$stderr" ]
	done
	mkdir -p "$HF_HOME" xdg/huggingface home/.cache/huggingface
	ln -s "$at" "$HF_HOME/hub"
	run hf-local org/tiny -- echo served
	[ "$status" -eq 0 ] && [ "$output" = served ]
	unset HF_HOME
	ln -s "$at" xdg/huggingface/hub
	XDG_CACHE_HOME=$PWD/xdg run hf-local org/tiny -- echo served
	[ "$status" -eq 0 ] && [ "$output" = served ]
	ln -s "$at" home/.cache/huggingface/hub
	HOME=$PWD/home run hf-local org/tiny -- echo served
	[ "$status" -eq 0 ] && [ "$output" = served ]
}

@test "hf-local: a model that is neither a folder nor in the cache is said to be nowhere, and how to get it" {
	export HF_HUB_CACHE=$BATS_TEST_TMPDIR/cache
	run --separate-stderr hf-local org/nope -- echo served
	[ "$status" -eq 66 ]
	[ -z "$output" ]
	[ "$stderr" = "hf-local: org/nope: no such folder, and no such model in the cache $HF_HUB_CACHE: \`hf download org/nope\` gets it" ]
	mkdir -p "$HF_HUB_CACHE/models--org--nope/refs"
	run --separate-stderr hf-local org/nope -- echo served
	[ "$status" -eq 66 ]
	[[ $stderr == *'refs/main: no such file: was the model downloaded whole?' ]]
	printf '../../../etc' >"$HF_HUB_CACHE/models--org--nope/refs/main"
	run --separate-stderr hf-local org/nope -- echo served
	[ "$status" -eq 66 ]
	[[ $stderr == *'refs/main: not the name of a revision' ]]
}

@test "hf-local: weights in parts, as large models have them, are one model" {
	broken bert-mean
	split_weights
	run model-check "$broken" "$broken/reference.jsonl"
	echo "$output"
	[ "$status" -eq 0 ]
	rm "$broken/model-00002-of-00002.safetensors"
	run --separate-stderr hf-local "$broken" -- echo served
	[ "$status" -eq 66 ]
	[[ $stderr == *'model-00002-of-00002.safetensors: No such file or directory' ]]
	json model.safetensors.index.json '.weight_map |= map_values("../model.safetensors")'
	refused 65 'leaves the folder'
	json model.safetensors.index.json 'del(.weight_map)'
	refused 65 'no weight_map'
}

# split_weights: the copy's weights in two files and an index
split_weights() {
	python3 - "$broken" <<'END_OF_PYTHON'
import json, struct, sys, os
folder = sys.argv[1] + '/'
b = open(folder + 'model.safetensors', 'rb').read()
size = struct.unpack('<Q', b[:8])[0]
h = json.loads(b[8:8 + size])
h.pop('__metadata__', None)
index = {}
for part in (0, 1):
    name = 'model-0000%d-of-00002.safetensors' % (part + 1)
    head, data = {}, b''
    for i, k in enumerate(sorted(h)):
        if i % 2 == part:
            begin, end = h[k]['data_offsets']
            head[k] = dict(h[k], data_offsets=[len(data), len(data) + end - begin])
            data += b[8 + size + begin:8 + size + end]
            index[k] = name
    t = json.dumps(head).encode()
    open(folder + name, 'wb').write(struct.pack('<Q', len(t)) + t + data)
json.dump({'metadata': {}, 'weight_map': index}, open(folder + 'model.safetensors.index.json', 'w'))
os.remove(folder + 'model.safetensors')
END_OF_PYTHON
}

@test "hf-local: the same tokenizer told in other words gives the same ids" {
	same roberta '.model.merges |= map(split(" "))'
	same modernbert '.model.merges |= map(join(" "))'
	same modernbert '.normalizer = {type: "Sequence", normalizers: [{type: "Sequence", normalizers: [{type: "NFD"}]}, {type: "NFC"}]}'
	same roberta '.pre_tokenizer = {type: "Sequence", pretokenizers: [
		{type: "Split", pattern: {Regex: "'\''s|'\''t|'\''re|'\''ve|'\''m|'\''ll|'\''d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+"}, behavior: "Isolated", invert: false},
		{type: "ByteLevel", add_prefix_space: false, use_regex: false}]}'
	same roberta '.post_processor = {type: "Sequence", processors: [{type: "ByteLevel"}, {type: "BertProcessing", sep: ["</s>", 2], cls: ["<s>", 0]}]}'
	same xlm-roberta '.pre_tokenizer = {type: "Metaspace", replacement: "▁", add_prefix_space: true}'
	same xlm-roberta '.normalizer.normalizers[2].pattern.Regex = "\\ {2,}" | .normalizer.normalizers += [{type: "Replace", pattern: {String: "▁▁"}, content: "▁"}]'
	same bert-multilingual '.pre_tokenizer.pretokenizers[0] = {type: "Split", pattern: {Regex: "\\s+"}, behavior: "Removed", invert: false}'
	same bert-mean '.normalizer = {type: "Sequence", normalizers: [.normalizer]} | .pre_tokenizer = {type: "Sequence", pretokenizers: [.pre_tokenizer, {type: "BertPreTokenizer"}]}'
}

@test "hf-local: each part of a tokenizer counts" {
	other roberta '.model.merges |= reverse'
	other modernbert '.normalizer = {type: "NFD"}'
	other modernbert '.added_tokens |= map(select(.content | test("^ +$") | not))'
	other roberta '.pre_tokenizer.add_prefix_space = true'
	other roberta '.pre_tokenizer = {type: "Sequence", pretokenizers: [{type: "WhitespaceSplit"}, .pre_tokenizer]}'
	other roberta '.added_tokens |= map(.lstrip = false)'
	other xlm-roberta '.normalizer.normalizers |= .[:1]'
	other xlm-roberta '.normalizer.normalizers |= .[1:]'
	other xlm-roberta '.pre_tokenizer.prepend_scheme = "never"'
	other xlm-roberta '.model.unk_id = 4'
	other xlm-roberta '.model.vocab |= map([.[0], -1])'
	other bert-multilingual '.pre_tokenizer.pretokenizers |= .[1:]'
}

@test "hf-local: what a tokenizer has that is not supported is refused by name" {
	tokenizer() {
		broken "$1"
		json tokenizer.json "$2"
		refused 65 "$3"
	}
	tokenizer roberta '.model.dropout = 0.1' 'model: BPE: dropout 0.1: not supported'
	tokenizer roberta '.model.end_of_word_suffix = "</w>"' 'model: BPE: end_of_word_suffix "</w>": not supported'
	tokenizer roberta '.pre_tokenizer = {type: "Split", pattern: {Regex: "[a-z]+"}, behavior: "Isolated", invert: false}' 'pre_tokenizer: Split: pattern "[a-z]+": not supported'
	tokenizer roberta '.pre_tokenizer = {type: "Split", pattern: {String: "a"}, behavior: "Merged", invert: false}' 'pre_tokenizer: Split: behavior "Merged": not supported'
	tokenizer roberta '.pre_tokenizer = {type: "Sequence", pretokenizers: [{type: "UnicodeScripts"}]}' 'pre_tokenizer of type "UnicodeScripts": not supported'
	tokenizer xlm-roberta '.normalizer.normalizers[1] = {type: "Nmt"}' 'normalizer of type "Nmt": not supported'
	tokenizer xlm-roberta '.normalizer.normalizers[2].pattern.Regex = "a|b"' 'normalizer: Replace: pattern "a|b": not supported'
	tokenizer xlm-roberta '.pre_tokenizer.prepend_scheme = "last"' 'pre_tokenizer: Metaspace: prepend_scheme "last": not supported'
	tokenizer xlm-roberta '.post_processor = {type: "Sequence", processors: [.post_processor, .post_processor]}' 'post_processor: several'
	tokenizer xlm-roberta '.post_processor.type = "PairProcessing"' 'post_processor of type "PairProcessing": not supported'
}

@test "hf-local: nothing in a tokenizer is believed before it is checked" {
	tokenizer() {
		broken "$1"
		json tokenizer.json "$2"
		refused 65 "$3"
	}
	tokenizer roberta '.model.merges[3] = "e zzz"' 'merges: number 4 is not in the vocabulary'
	tokenizer roberta '.model.merges[3] = ["e"]' 'merges: pair ["e"]: not supported'
	tokenizer roberta '.model.merges[3] = "a b c"' 'merges: pair "a b c": not supported'
	tokenizer roberta '.model.merges = 7' 'merges: not an array'
	tokenizer roberta '.model.vocab.er = 1100' 'token id 1100 lies outside the embedding table of 1100 rows'
	tokenizer roberta '.post_processor.cls = ["<s>", 1100]' 'token id 1100 lies outside the embedding table'
	tokenizer roberta '.post_processor.cls = "<s>"' 'post_processor: cls or sep'
	tokenizer xlm-roberta '.model.vocab += [["new", -1]]' 'token id 852 lies outside the embedding table of 852 rows'
	tokenizer xlm-roberta '.model.vocab[9] = .model.vocab[8]' 'vocab: a token stands twice'
	tokenizer xlm-roberta '.model.vocab[9][1] = "x"' 'vocab: not a token and its score'
	tokenizer xlm-roberta '.model.unk_id = null' 'unk_id: not in the vocabulary'
	tokenizer xlm-roberta '.model.unk_id = 852' 'unk_id: not in the vocabulary'
	for map in '"AAAA"' '"!"' '""' '.[:1000]' '"ZmZm" + .[4:]' '.[:-8]' '7'; do
		tokenizer xlm-roberta ".normalizer.normalizers[0].precompiled_charsmap |= $map" 'Precompiled: not a sound character map'
	done
	tokenizer xlm-roberta '.normalizer |= reduce range(20) as $i (.; {type: "Sequence", normalizers: [.]})' 'normalizer: Sequence: no list, or too deep'
	tokenizer xlm-roberta '.pre_tokenizer.replacement = "ab"' 'replacement: not one character'
}

@test "hf-local: settings of an encoder that are not supported are refused by name" {
	config() {
		broken "$1"
		json config.json "$2"
		refused 65 "$3"
	}
	config mpnet '.relative_attention_num_buckets = 7' 'relative_attention_num_buckets'
	config mpnet '.relative_attention_num_buckets = 64' 'relative_attention_bias.weight: not of the shape'
	config roberta '.pad_token_id = 64' 'a text may have 1 tokens, but its special tokens are 2'
	config roberta '.pad_token_id = 1000000' 'pad_token_id leaves no positions'
	config nomic-bert '.activation_function = "swish"' 'activation_function "swish": not supported'
	config nomic-bert '.rotary_emb_interleaved = true' 'rotary_emb_interleaved: not supported'
	config nomic-bert '.rotary_emb_fraction = 0.5' 'rotary_emb_fraction below 1: not supported'
	config nomic-bert '.rotary_scaling_factor = 2' 'rotary_scaling_factor: not supported'
	config nomic-bert '.moe_every_n_layers = 2' 'moe_every_n_layers: not supported'
	config nomic-bert '.prenorm = true' 'prenorm: not supported'
	config nomic-bert '.rotary_emb_base = 0' 'rotary_emb_base'
	config nomic-bert 'del(.rotary_emb_base) | .rope_parameters.rope_type = "yarn"' 'rope_type "yarn": not supported'
	config modernbert '.layer_types = ["full_attention", "full_attention", "full_attention", "full_attention"]' 'layer_types in this order'
	config modernbert '.norm_bias = true' 'norm_bias: not supported'
	config modernbert '.hidden_activation = "silu"' 'hidden_activation "silu": not supported'
	config modernbert '.local_attention = 0' 'local_attention'
	config modernbert '.num_attention_heads = 32' 'odd number'
	config bert-mean '.model_type = "t5"' 'model_type "t5": not supported; want bert, '
}

@test "hf-local: the younger spelling of a configuration means the same" {
	broken nomic-bert
	json config.json 'del(.n_embd, .n_layer, .n_head, .n_inner, .n_positions, .rotary_emb_base, .layer_norm_epsilon)'
	run model-check "$broken" "$broken/reference.jsonl"
	[ "$status" -eq 0 ]
	broken modernbert
	json config.json 'del(.global_rope_theta, .local_rope_theta, .global_attn_every_n_layers)
		| .layer_types = ["full_attention", "sliding_attention", "sliding_attention", "full_attention"]
		| .rope_parameters = {
		full_attention: {rope_type: "default", rope_theta: 160000}, sliding_attention: {rope_type: "default", rope_theta: 10000}}'
	run model-check "$broken" "$broken/reference.jsonl"
	[ "$status" -eq 0 ]
	json config.json '.rope_parameters.sliding_attention.rope_theta = 160000'
	run model-check "$broken" "$broken/reference.jsonl"
	[ "$status" -eq 1 ]
}
