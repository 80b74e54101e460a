# Completions are made of what the programs' -h says, and complete it.
load helper

setup_file() {
	local programs=()

	for page in "$REPO"/man/*.1; do
		page=${page##*/}
		programs+=("$BUILD/${page%.1}")
	done
	"$REPO/completions/make" "$BATS_FILE_TMPDIR" "${programs[@]}"
}

# What bash offers for the last of the words, a line each.
offers() {
	bash -c 'source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); "_vecpipe_${1//-/_}"
		printf "%s\n" "${COMPREPLY[@]}"' _ "$BATS_FILE_TMPDIR/bash/$1" "$@"
}

@test "completions: each option of each program's -h is in all three" {
	for file in "$BATS_FILE_TMPDIR"/bash/*; do
		p=${file##*/}
		echo "$p"
		help=$("$p" -h | sed -nE 's/^ +(-[A-Za-z0-9], )?--([a-z0-9-]+).*/\2/p' | sort)
		[[ $help == *version* ]]
		diff <(echo "$help") <(offers "$p" -- | sed -n 's/^--//p' | sort)
		diff <(echo "$help") <(sed -nE "s/^\t'\*--([a-z0-9-]+)=?\[.*/\1/p" "$BATS_FILE_TMPDIR/zsh/_$p" | sort)
		diff <(echo "$help") <(sed -nE 's/^complete .* -l ([a-z0-9-]+) .*/\1/p' "$BATS_FILE_TMPDIR/fish/$p.fish" | sort)
		diff <("$p" -h | sed -nE 's/^ +-([A-Za-z0-9]), --.*/\1/p' | sort) <(offers "$p" - | sed -nE 's/^-([A-Za-z0-9])$/\1/p' | sort)
	done
	[ "$(find "$BATS_FILE_TMPDIR/bash" -type f | wc -l)" -eq "$(find "$REPO/man" -name '*.1' | wc -l)" ]
}

@test "completions: they are shell, and nothing is left over" {
	for file in "$BATS_FILE_TMPDIR"/bash/*; do
		p=${file##*/}
		run --separate-stderr bash -euc "source '$file'; complete -p '$p'"
		[ "$status" -eq 0 ]
		[ "$stderr" = '' ]
		[[ $output == "complete -F _vecpipe_"*" $p" ]]
		[ "$(head -1 "$BATS_FILE_TMPDIR/zsh/_$p")" = "#compdef $p" ]
		bash -n "$BATS_FILE_TMPDIR/zsh/_$p" # arrays, case and quotes are the same there
		! command -v zsh >/dev/null || zsh -n "$BATS_FILE_TMPDIR/zsh/_$p"
		run grep -vE "^(#|complete -c $p( -f| -s .| -l [a-z0-9-]+| -[xrF]| -[and] ([a-z_]+|'([^'\\]|\\\\.)*'))*\$)" "$BATS_FILE_TMPDIR/fish/$p.fish"
		[ "$status" -eq 1 ]
		! command -v fish >/dev/null || fish -n "$BATS_FILE_TMPDIR/fish/$p.fish"
	done
	[ ! -e "$BATS_FILE_TMPDIR/help" ]
}

@test "completions for bash: options, their words, and no more than was begun" {
	run offers hf-embed --tr
	[ "$output" = --truncate ]
	run offers pc-index create -m ''
	[ "$output" = $'cosine\ndotproduct\neuclidean' ]
	run offers pc-index create --metric = d
	[ "$output" = dotproduct ]
	run offers pc-index create --metric =
	[ "${#lines[@]}" -eq 3 ]
	run offers hf-embed -j a
	[ "$output" = auto ]
	run offers pc-index create --region ''
	[ "$output" = '' ]
	run offers pc-query ''
	[ "$output" = '' ]
}

@test "completions for bash: files where a file is wanted, folders where a folder is" {
	mkdir "$BATS_TEST_TMPDIR/in"
	cd "$BATS_TEST_TMPDIR/in"
	mkdir 'my folder'
	touch 'my file' other
	run offers hf-embed -r my
	[ "$(sort <<<"$output")" = $'my file\nmy folder' ]
	run offers pc-local --imports ''
	[ "$output" = 'my folder' ]
	run offers pc-local o
	[ "$output" = other ]
	run offers pc-local db -- cat
	[[ $'\n'$output$'\n' == *$'\ncat\n'* ]]
	run offers pc-upsert o
	[ "$output" = '' ]
}

@test "completions for bash: the commands of pc-index and hf-endpoint, past options and their arguments" {
	run offers pc-index ''
	[ "$output" = $'create\nconfigure\ndescribe\nstats\ndelete\nlist\nnamespaces\nbackups\nrestores\nimports' ]
	run offers pc-index -v --retries 3 de
	[ "$output" = $'describe\ndelete' ]
	run offers pc-index --retries = 3 imports c
	[ "$output" = cancel ]
	run offers pc-index -q backups ''
	[ "$output" = $'list\ncreate\ndescribe\ndelete' ]
	run offers pc-index describe ''
	[ "$output" = '' ]
	run offers pc-index backups create ''
	[ "$output" = '' ]
	run offers hf-endpoint s
	[ "$output" = scale-to-zero ]
}

@test "completions for fish: commands, options and their words" {
	command -v fish >/dev/null || skip 'needs fish'
	fish_offers() {
		HOME=$BATS_TEST_TMPDIR run fish --no-config -c "source $BATS_FILE_TMPDIR/fish/${1%% *}.fish; complete -C '$1'"
		output=$(cut -f 1 <<<"$output")
	}
	fish_offers 'pc-index na'
	[ "$output" = namespaces ]
	fish_offers 'pc-index namespaces cr'
	[ "$output" = create ]
	fish_offers 'pc-index create --metric e'
	[ "$output" = euclidean ]
	fish_offers 'hf-embed --trunc'
	[ "$output" = --truncate ]
}

@test "completions for zsh: commands, options and their words" {
	command -v zsh >/dev/null || skip 'needs zsh'
	# an interactive zsh is typed to, and read until what is wanted has come
	offered() {
		HOME=$BATS_TEST_TMPDIR run timeout 20 zsh -f -c 'zmodload zsh/zpty; zpty z zsh -f -i
			zpty -w z "PROMPT=; stty -echo; fpath=($1 \$fpath); autoload -Uz compinit; compinit -u -D; bindkey ^I list-choices; echo READ\"\"Y"
			zpty -r z text "*READY*"; zpty -w -n z "$2"$'"'\t'"'; zpty -r z text "*$3*"; zpty -d z' zsh "$BATS_FILE_TMPDIR/zsh" "$1" "$2"
		[ "$status" -eq 0 ]
	}
	offered 'pc-index na' namespaces
	offered 'pc-index backups de' 'delete*describe'
	offered 'pc-index create --metric ' 'cosine*dotproduct*euclidean'
	offered 'pc-index create --re' '--read-capacity*--region*--retries'
}

@test "completions: a program whose -h can't be understood is refused" {
	printf '#!/bin/sh\necho usage: odd\n' >"$BATS_TEST_TMPDIR/odd"
	chmod +x "$BATS_TEST_TMPDIR/odd"
	run --separate-stderr "$REPO/completions/make" "$BATS_TEST_TMPDIR/out" "$BATS_TEST_TMPDIR/odd"
	[ "$status" -eq 1 ]
	[ "$stderr" = 'odd: its -h shows no options' ]
	run --separate-stderr "$REPO/completions/make" "$BATS_TEST_TMPDIR/out"
	[ "$status" -eq 64 ]
}
