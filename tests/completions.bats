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

# The commands of a program that has some, a line each: `create`, `backups`, `backups list` ...
commands() {
	for verb in $(offers "$1" ''); do
		echo "$verb"
		offers "$1" "$verb" '' | sed -n "s/^./$verb &/p"
	done
}

@test "completions: each option of each program's -h is in all three" {
	cd "$BATS_TEST_TMPDIR" # where there are no files to offer
	for file in "$BATS_FILE_TMPDIR"/bash/*; do
		p=${file##*/}
		echo "$p"
		help=$("$p" -h | sed -nE 's/^ +(-[A-Za-z0-9], )?--([a-z0-9-]+).*/\2/p' | sort)
		[[ $help == *version* ]]
		all=$(offers "$p" -
			commands "$p" | while read -r c; do offers "$p" $c -; done)
		diff <(echo "$help") <(sed -n 's/^--//p' <<<"$all" | sort -u)
		diff <(echo "$help") <(sed -nE "s/^\t'\*--([a-z0-9-]+)=?\[.*/\1/p" "$BATS_FILE_TMPDIR/zsh/_$p" | sort)
		diff <(echo "$help") <(sed -nE 's/^complete .* -l ([a-z0-9-]+) .*/\1/p' "$BATS_FILE_TMPDIR/fish/$p.fish" | sort)
		diff <("$p" -h | sed -nE 's/^ +-([A-Za-z0-9]), --.*/\1/p' | sort) <(sed -nE 's/^-([A-Za-z0-9])$/\1/p' <<<"$all" | sort -u)
	done
	[ "$(find "$BATS_FILE_TMPDIR/bash" -type f | wc -l)" -eq "$(find "$REPO/man" -name '*.1' | wc -l)" ]
}

# An option's argument that the program does not complain about.
argument() {
	case $1 in
	metric) echo cosine ;;
	type) [ "$p" = pc-index ] && echo dense || echo public ;;
	tag | env) echo a=b ;;
	deletion-protection) echo enabled ;;
	read-capacity) echo on-demand ;;
	on-error) echo abort ;;
	image) echo huggingface ;;
	*) echo 1 ;;
	esac
}

@test "completions: a command is offered no option that it refuses, and those of pc-index all that they take" {
	for p in pc-index hf-endpoint; do
		run commands "$p"
		[ "${#lines[@]}" -ge 11 ]
		"$p" -h | sed -nE '/^all:/q; s/^ +(-[A-Za-z0-9], )?--([a-z0-9-]+)( [A-Z])?.*/\2\3/p' >"$BATS_TEST_TMPDIR/options"
		refused=0 taken=0
		while read -r c; do
			offered=$(offers "$p" $c --)
			while read -r option with; do
				# without a key or a token, it gets no further than its command line
				run --separate-stderr "$p" $c "--$option" ${with:+"$(argument "$option")"} x x
				[ "$status" -ne 0 ]
				echo "$p $c --$option: $stderr"
				if [[ $stderr == *': no option of '* || $stderr == *': takes no option '* ]]; then
					refused=$((refused + 1))
					run grep -qxe "--$option" <<<"$offered"
					[ "$status" -eq 1 ]
				elif [ "$p" = pc-index ]; then
					taken=$((taken + 1))
					grep -qxe "--$option" <<<"$offered"
				fi
			done <"$BATS_TEST_TMPDIR/options"
		done < <(commands "$p")
		[ "$refused" -gt 100 ]
	done
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
		run grep -vE "^(#|function __vecpipe_|[[:blank:]]|end$|complete -c $p( -f| -s .| -l [a-z0-9-]+| -[xrF]| -[and] '([^'\\]|\\\\.)*')*\$)" "$BATS_FILE_TMPDIR/fish/$p.fish"
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
	run offers hf-local --precision ''
	[ "$output" = $'int16\nf32' ]
	run offers hf-endpoint create --image ''
	[ "$output" = $'huggingface\ntei' ]
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

@test "completions for bash: behind a command its options, in front of it those of all" {
	common=$(offers pc-index -)
	[[ $common == *$'-q\n--quiet'* && $common != *--metric* && $common != *--yes* ]]
	[ "$(offers pc-index describe -)" = "$common" ]
	[ "$(offers pc-index -v --retries 3 namespaces create n -)" = "$common"$'\n--if-missing\n--filterable' ]
	[ "$(offers pc-index backups delete -)" = "$common"$'\n-y\n--yes' ]
	[ "$(offers pc-index --name create list -)" = "$common" ] # create is no command there
	# list may be left out behind a noun
	[ "$(offers pc-index namespaces an-index -)" = "$common"$'\n--prefix' ]
	[ "$(offers pc-index namespaces list -)" = "$common"$'\n--prefix' ]
	run offers hf-endpoint update --i
	[ "$output" = $'--image\n--instance-type\n--instance-size' ]
	run offers hf-endpoint pause --m
	[ "$output" = '' ]
	run offers hf-endpoint pause --n
	[ "$output" = --namespace ]
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
	fish_offers 'hf-local --precision '
	[ "$output" = $'f32\nint16' ]
	fish_offers 'pc-index --retries 3 backups create --n'
	[ "$output" = $'--name\n--no-wait' ]
	fish_offers 'pc-index create --n'
	[ "$output" = --no-wait ]
	fish_offers 'pc-index namespaces an-index --p'
	[ "$output" = --prefix ]
	fish_offers 'pc-index namespaces describe an-index --p'
	[ "$output" = '' ]
	fish_offers 'pc-index describe cr'
	[ "$output" = '' ]
	fish_offers 'hf-endpoint delete --y'
	[ "$output" = --yes ]
	fish_offers 'hf-endpoint -u de delete --m'
	[ "$output" = '' ]
}

@test "completions for zsh: commands, options and their words" {
	command -v zsh >/dev/null || skip 'needs zsh'
	# an interactive zsh is typed to, and read until what is wanted has come; what is not, has not come until then
	offered() {
		HOME=$BATS_TEST_TMPDIR run timeout 20 zsh -f -c 'zmodload zsh/zpty; zpty z zsh -f -i
			zpty -w z "PROMPT=; stty -echo; fpath=($1 \$fpath); autoload -Uz compinit; compinit -u -D; bindkey ^I list-choices; echo READ\"\"Y"
			zpty -r z text "*READY*"; zpty -w -n z "$2"$'"'\t'"'; zpty -r z text "*$3*" || exit 2; zpty -d z; [[ -z $4 || $text != *$4* ]]' zsh "$BATS_FILE_TMPDIR/zsh" "$1" "$2" "${3-}"
		[ "$status" -eq 0 ]
	}
	offered 'pc-index na' namespaces
	offered 'pc-index backups de' 'delete*describe'
	offered 'pc-index create --metric ' 'cosine*dotproduct*euclidean'
	offered 'pc-index create --re' '--read-capacity*--region*--retries'
	offered 'pc-index describe an-index --' '--deadline*--wait' --metric
	offered 'pc-index --retries 3 backups create --n' '--name*--no-wait'
	offered 'pc-index namespaces an-index --' '--prefix*--wait' --if-missing
	offered 'hf-endpoint -u create pause --' '--namespace*--wait' --model
	offered 'hf-local --precision ' 'f32*int16'
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
