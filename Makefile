# vecpipe: small Unix programs that turn text into searchable vectors in a pipe.
# `make`, `make check`, `make demo`; the rest is in HACKING.md. CC, CFLAGS, LDFLAGS, PREFIX and DESTDIR
# are yours.

VERSION = 0.1.0
PREFIX = /usr/local
BINDIR = $(PREFIX)/bin
DATADIR = $(PREFIX)/share
MANDIR = $(DATADIR)/man

SERVERS = hf-local pc-local
FILTERS = $(filter-out $(SERVERS),$(sort $(patsubst cmd/%.c,%,$(wildcard cmd/*.c))))
PROGRAMS = $(FILTERS) $(SERVERS)

# A program is bound only to those that it uses.
FILTER_LIBS = -Wl,--as-needed -lcurl -ljq -lsqlite3 -lutf8proc -lm -lpthread
SERVER_LIBS = -lmicrohttpd $(FILTER_LIBS)

CFLAGS = -O2 -g
WARNINGS = -Wall -Wextra -Wpedantic -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wwrite-strings
VP_CFLAGS = -std=c11 -D_GNU_SOURCE -DVP_VERSION='"$(VERSION)"' -Ilib $(WARNINGS)

# SAN=1 builds with the sanitisers, in a folder of its own.
ifdef SAN
B = build/san
VP_CFLAGS += -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
VP_LDFLAGS += -fsanitize=address,undefined
else ifdef FUZZ
B = build/fuzz
CC = clang
VP_CFLAGS += -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all
VP_LDFLAGS += -fsanitize=address,undefined
else
B = build
endif

# What the filters share, and what only a local server needs.
LIB = $(B)/libvecpipe.a
LIB_OBJ = $(patsubst %.c,$(B)/%.o,$(filter-out lib/server.c,$(wildcard lib/*.c)))
MODEL = $(B)/libmodel.a
MODEL_OBJ = $(patsubst %.c,$(B)/%.o,lib/server.c $(wildcard lib/model/*.c))
STORE = $(B)/libstore.a
STORE_OBJ = $(patsubst %.c,$(B)/%.o,lib/server.c $(wildcard lib/store/*.c))
BIN = $(PROGRAMS:%=$(B)/%)

TEST_SRC = $(filter-out tests/oom.c,$(wildcard tests/*.c tests/unit/*.c))
TEST_BIN = $(TEST_SRC:%.c=$(B)/%)
FUZZ_SRC = $(filter-out tests/fuzz/replay.c,$(wildcard tests/fuzz/*.c))
FUZZ_BIN = $(FUZZ_SRC:%.c=$(B)/%)
BENCH_SRC = $(wildcard tests/bench/*.c)
BENCH_BIN = $(BENCH_SRC:%.c=$(B)/%)

all: $(BIN)

# The filters alone, where the local servers' libraries are not wanted.
clients: $(FILTERS:%=$(B)/%)

LINK = $(CC) $(CFLAGS) $(VP_LDFLAGS) $(LDFLAGS) -o $@ $^

$(B)/hf-local: $(B)/cmd/hf-local.o $(MODEL) $(LIB)
	$(LINK) $(SERVER_LIBS)

$(B)/pc-local: $(B)/cmd/pc-local.o $(STORE) $(LIB)
	$(LINK) $(SERVER_LIBS)

$(FILTERS:%=$(B)/%): $(B)/%: $(B)/cmd/%.o $(LIB)
	$(LINK) $(FILTER_LIBS)

$(B)/tests/fault: $(B)/tests/fault.o $(LIB)
	$(LINK) -lm -lpthread

$(filter-out $(B)/tests/fault,$(TEST_BIN)) $(BENCH_BIN): $(B)/%: $(B)/%.o $(MODEL) $(STORE) $(LIB)
	$(LINK) $(SERVER_LIBS)

# A fuzz target has libFuzzer for its main, or reads the files that are named.
ifdef FUZZ
$(FUZZ_BIN): FUZZ_MAIN = -fsanitize=fuzzer
$(FUZZ_BIN): $(B)/%: $(B)/%.o $(MODEL) $(STORE) $(LIB)
else
$(FUZZ_BIN): $(B)/%: $(B)/%.o $(B)/tests/fuzz/replay.o $(MODEL) $(STORE) $(LIB)
endif
	$(LINK) $(FUZZ_MAIN) $(SERVER_LIBS)
$(B)/tests/fuzz/options: VP_LDFLAGS += -Wl,--wrap=exit

# Makes allocations fail (LD_PRELOAD).
$(B)/tests/oom.so: tests/oom.c
	@mkdir -p $(@D)
	$(CC) -std=c11 -D_GNU_SOURCE $(WARNINGS) $(CPPFLAGS) $(CFLAGS) -fPIC -shared -o $@ $< -ldl

$(LIB): $(LIB_OBJ)
$(MODEL): $(MODEL_OBJ)
$(STORE): $(STORE_OBJ)
$(LIB) $(MODEL) $(STORE):
	rm -f $@
	$(AR) rcs $@ $^

$(B)/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(CC) $(VP_CFLAGS) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

-include $(shell find $(B)/cmd $(B)/lib $(B)/tests -name '*.d' 2>/dev/null)

# Install what is missing on this machine.
deps:
	@./deps.sh check

# The whole job on real text with a real model.
demo:
	@./deps.sh demo
	@$(MAKE) --no-print-directory all
	@PATH="$(abspath $(B)):$$PATH" examples/demo.sh

# All tests; FILES="hf-embed.bats ..." runs some of them, VALGRIND=1 the filters' own ones with the filters under valgrind.
check:
	@./deps.sh check
	@$(MAKE) --no-print-directory run-check

# What the tests run, beside the programs.
test-programs: all $(TEST_BIN) $(FUZZ_BIN) $(B)/tests/oom.so

run-check: test-programs
ifdef VALGRIND
	tests/valgrind.sh "$(abspath $(B))" $(FILES)
else
	@model=$$(examples/model.sh) && VECPIPE_BUILD="$(abspath $(B))" VECPIPE_MODEL="$$model" tests/run $(FILES)
endif

# The official Python and TypeScript clients against pc-local, unchanged; installs them under build/ (needs node and npm).
check-clients: all
	tests/check-clients.sh "$(abspath $(B))"

# The official Python client's Inference Endpoints against hf-local --models; installs huggingface_hub under build/.
check-hub: all
	tests/check-hub.sh "$(abspath $(B))"

# examples/spark on a cluster of two worker processes, one of which is killed; installs pyspark under build/ (needs java).
check-spark: all $(B)/tests/fault
	tests/check-spark.sh "$(abspath $(B))"

# The real model's vectors against those of sentence-transformers; installs it under build/.
check-fidelity: all
	@model=$$(examples/model.sh) && tests/check-fidelity.sh "$(abspath $(B))" "$$model"

# The programs built for arm64, and some of the tests under qemu-user.
check-arm64:
	tests/check-arm64.sh

# Each fuzz target for T seconds; TARGETS="json filter" runs some of them. Needs clang.
fuzz:
	@$(MAKE) --no-print-directory FUZZ=1 run-fuzz

run-fuzz: $(FUZZ_BIN)
	tests/fuzz/run "$(abspath $(B))" $(or $(T),60) $(or $(TARGETS),$(notdir $(FUZZ_BIN)))

lint:
	cd man && mandoc -T lint *.1 *.7
	shellcheck deps.sh completions/make examples/*.sh examples/vgrep tests/run tests/*.sh tests/bench/*.sh tests/fuzz/run tests/fuzz/*.sh .ci/run
	clang-format --dry-run -Werror cmd/*.c lib/*.[ch] lib/*/*.[ch] tests/*.c tests/*/*.[ch]
	cppcheck -q --std=c11 --enable=warning,performance,portability --suppressions-list=tests/cppcheck.txt --error-exitcode=1 \
		-Ilib -D_GNU_SOURCE -DVP_VERSION='""' -j2 cmd lib tests
	printf '%s\n' cmd/*.c lib/*.c lib/*/*.c tests/*.c tests/fuzz/*.c | xargs -P2 -I{} clang-tidy --quiet {} -- $(VP_CFLAGS)

# vecpipe beside what one would use instead: build/bench/report.md; N=, LINES=, VECTORS= and ROUNDS= make it shorter.
bench:
	@./deps.sh bench
	@$(MAKE) --no-print-directory run-bench

# The same in a minute, without the rivals.
bench-quick:
	@./deps.sh bench
	@$(MAKE) --no-print-directory run-bench QUICK=--quick

run-bench: all $(BENCH_BIN) $(B)/tests/fault
	@model=$$(examples/model.sh) && python3 tests/bench/report.py $(QUICK) "$(abspath $(B))" "$$model"

# The parts, each on its own.
bench-parts: all $(BENCH_BIN) $(B)/tests/fault
	@model=$$(examples/model.sh) && export VECPIPE_BUILD="$(abspath $(B))" VECPIPE_MODEL="$$model" && \
	for b in $(filter-out %/pc-local,$(BENCH_BIN)) tests/bench/cost.sh tests/bench/jobs.sh tests/bench/cache.sh; do \
		echo "== $${b##*/}"; $$b || exit 1; \
	done && db=$$(mktemp -d) && echo "== pc-local" && \
	$(B)/pc-local "$$db/bench.db" -- $(B)/tests/bench/pc-local; rm -rf "$$db"

# For bash, zsh and fish, out of what the programs' own -h says.
$(B)/completions/made: completions/make $(BIN)
	completions/make $(@D) $(BIN)
	@touch $@

COMPLETIONS = $(PROGRAMS:%=bash-completion/completions/%) $(PROGRAMS:%=zsh/site-functions/_%) \
	$(PROGRAMS:%=fish/vendor_completions.d/%.fish)

install-completions: $(B)/completions/made
	install -d $(addprefix $(DESTDIR)$(DATADIR)/,bash-completion/completions zsh/site-functions \
		fish/vendor_completions.d)
	install -m 644 $(B)/completions/bash/* $(DESTDIR)$(DATADIR)/bash-completion/completions
	install -m 644 $(B)/completions/zsh/* $(DESTDIR)$(DATADIR)/zsh/site-functions
	install -m 644 $(B)/completions/fish/* $(DESTDIR)$(DATADIR)/fish/vendor_completions.d

install: all install-completions
	install -d $(DESTDIR)$(BINDIR) $(DESTDIR)$(MANDIR)/man1 $(DESTDIR)$(MANDIR)/man7
	install $(BIN) $(DESTDIR)$(BINDIR)
	install -m 644 $(PROGRAMS:%=man/%.1) $(DESTDIR)$(MANDIR)/man1
	install -m 644 man/*.7 $(DESTDIR)$(MANDIR)/man7

uninstall:
	rm -f $(PROGRAMS:%=$(DESTDIR)$(BINDIR)/%) $(PROGRAMS:%=$(DESTDIR)$(MANDIR)/man1/%.1)
	rm -f $(patsubst man/%,$(DESTDIR)$(MANDIR)/man7/%,$(wildcard man/*.7))
	rm -f $(addprefix $(DESTDIR)$(DATADIR)/,$(COMPLETIONS))

# The source as it was committed, the same bytes whenever and wherever it is made.
DIST = build/vecpipe-$(VERSION).tar.gz
dist:
	@mkdir -p build
	git archive --format=tar --prefix=vecpipe-$(VERSION)/ HEAD | gzip -n -9 >$(DIST)
	@sha256sum $(DIST)

# Debian packages in build/deb, out of what was committed, once their tests have passed, and what lintian says of them;
# DEB_BUILD_OPTIONS=nocheck leaves the tests out.
deb: dist
	rm -rf build/deb
	mkdir -p build/deb
	tar -xzf $(DIST) -C build/deb
	cd build/deb/vecpipe-$(VERSION) && dpkg-buildpackage -us -uc
	lintian --fail-on error,warning build/deb/*.changes

clean:
	rm -rf build

.PHONY: all clients deps demo check run-check test-programs check-clients check-hub check-spark check-fidelity check-arm64 fuzz run-fuzz lint bench bench-quick run-bench bench-parts install install-completions uninstall dist deb clean
.SECONDARY:
