#!/usr/bin/env bash
# hf-local's encoder against onnxruntime, and against sentence-transformers where ST=1: TEXTS (5,000) one-line descriptions of
# Debian packages in batches of 64, by the model in $VECPIPE_MODEL (all-MiniLM-L6-v2). All take turns, ROUNDS (5) times;
# medians and their ratios, then one short text, then what a start costs. The rivals go into a venv under build/.
set -euo pipefail
cd "$(dirname "$0")/../.."
texts=${TEXTS:-5000}
build=${VECPIPE_BUILD:-build} model=${VECPIPE_MODEL:?names no model folder} rounds=${ROUNDS:-5}
venv=${VENV:-build/rivals} work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for name in "${!OPENBLAS_@}"; do # what makes OpenBLAS slower is not to count for us
	unset "$name"
done
export PATH="$PWD/$build:$PATH"
[[ $build != /* ]] || export PATH="$build:$PATH"
[ -x "$venv/bin/python" ] || python3 -m venv "$venv"
"$venv/bin/python" -c 'import onnx, onnxruntime, tokenizers, safetensors' 2>"$work/err" ||
	"$venv/bin/pip" install -q onnx onnxruntime tokenizers safetensors numpy
[ -z "${ST:-}" ] || "$venv/bin/python" -c 'import sentence_transformers' 2>"$work/err" ||
	"$venv/bin/pip" install -q sentence-transformers
rivals=("$venv/bin/python" tests/bench/rivals-model.py)
apt-cache dumpavail | sed -n 's/^Description\(-en\)\?: //p' | sort -u | shuf -n "$texts" --random-source=<(yes) >"$work/lines"
"${rivals[@]}" make "$model" "$work/model.onnx"
coproc "${rivals[@]}" serve "$model" "$work/model.onnx" "$work/lines" 2>"$work/err"
ask() { # COMMAND: ANSWER is what the rivals say to it
	echo "$1" >&"${COPROC[1]}"
	read -r ANSWER <&"${COPROC[0]}" || { cat "$work/err" >&2; exit 1; }
}
read -r ways <&"${COPROC[0]}" || { cat "$work/err" >&2; exit 1; }

# all compute the same: the least cosine of 64 texts
ask "vectors $work/want"
head -64 "$work/lines" >"$work/some"
for kernel in int16 float32; do
	PRECISION=${kernel/float32/f32} "$build/tests/bench/model-lines" "$work/some" 64 "$work/got" >/dev/null
	paste -d' ' "$work/want" "$work/got" | awk -v kernel=$kernel '
		{ s = 0; for (i = 1; i <= NF / 2; i++) s += $i * $(i + NF / 2); if (NR == 1 || s < least) least = s }
		END { printf "%s agrees with onnxruntime: least cosine %.8f\n", kernel, least; exit !(least > 0.9999) }'
done
for ((round = 0; round < rounds; round++)); do
	for way in $ways; do
		ask "$way"
		echo "$way $ANSWER"
	done
	echo "hf-local-int16 $("$build/tests/bench/model-lines" "$work/lines")"
	echo "hf-local-float32 $(PRECISION=f32 "$build/tests/bench/model-lines" "$work/lines")"
done >"$work/times"
sort -k1,1 -k2,2n "$work/times" | awk -v texts="$texts" '
	{ t[$1, n[$1]++] = $2 }
	END {
		for (w in n) {
			m[w] = t[w, int(n[w] / 2)]
			if (w ~ /^sorted/ && (!best || m[w] < best))
				best = m[w]
			printf "%-18s %7.2f s %7.0f texts/s\n", w, m[w], texts / m[w]
		}
		split("hf-local-int16 hf-local-float32", ours, " ")
		for (i = 1; i <= 2; i++) {
			printf "%s: %.2f x onnxruntime at its best, %.2f x as it is ordinarily used", ours[i], best / m[ours[i]],
				m["ordinary"] / m[ours[i]]
			if ("st" in m)
				printf ", %.2f x sentence-transformers", m["st"] / m[ours[i]]
			print ""
		}
	}'
text='a person on a horse jumps over a broken down airplane'
ask "short $text"
echo "one short text: onnxruntime, no HTTP: $ANSWER ms"
for precision in int16 f32; do
	echo "one short text: hf-local $precision, over HTTP: $(hf-local --precision $precision "$model" -- "${rivals[@]}" http "$text") ms"
done
cat >"$work/first" <<'END'
curl -sS -o /dev/null -H "Authorization: Bearer $HF_TOKEN" -H 'Content-Type: application/json' -d '{"inputs":"a horse"}' "$HF_ENDPOINT_URL/embed"
END
for precision in int16 f32; do
	for _ in 1 2 3 4 5; do
		start=$(date +%s%N)
		/usr/bin/time -a -o "$work/memory.$precision" -f %M hf-local --precision $precision "$model" -- sh "$work/first"
		echo $((($(date +%s%N) - start) / 1000000))
	done | sort -n | sed -n 3p >"$work/start"
	echo "from start to end with one answer, $precision: $(cat "$work/start") ms, $(($(sort -n "$work/memory.$precision" | tail -1) / 1024)) MiB at most"
done
