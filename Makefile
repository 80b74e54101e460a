# vecpipe: small Unix programs that turn text into searchable vectors in a pipe.
# `make`, `make check`, `make demo`; the rest is in HACKING.md. CC, CFLAGS, LDFLAGS, PREFIX and DESTDIR
# are yours.

VERSION = 0.1.0
PREFIX = /usr/local
BINDIR = $(PREFIX)/bin
MANDIR = $(PREFIX)/share/man

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

TEST_SRC = $(wildcard tests/*.c tests/unit/*.c)
TEST_BIN = $(TEST_SRC:%.c=$(B)/%)
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

$(LIB): $(LIB_OBJ)
$(MODEL): $(MODEL_OBJ)
$(STORE): $(STORE_OBJ)
$(LIB) $(MODEL) $(STORE):
	rm -f $@
	$(AR) rcs $@ $^

$(B)/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(CC) $(VP_CFLAGS) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

-include $(shell find $(B) -name '*.d' 2>/dev/null)

# Install what is missing on this machine.
deps:
	@./deps.sh check

# The whole job on real text with a real model.
demo:
	@./deps.sh demo
	@$(MAKE) --no-print-directory all
	@PATH="$(abspath $(B)):$$PATH" examples/demo.sh

# All tests; FILES="hf-embed.bats ..." runs some of them.
check:
	@./deps.sh check
	@$(MAKE) --no-print-directory run-check

run-check: all $(TEST_BIN)
	@model=$$(examples/model.sh) && VECPIPE_BUILD="$(abspath $(B))" VECPIPE_MODEL="$$model" tests/run $(FILES)

# The official Python and TypeScript clients against pc-local, unchanged; installs them under build/ (needs node and npm).
check-clients: all
	tests/check-clients.sh "$(abspath $(B))"

lint:
	cd man && mandoc -T lint *.1 *.7
	shellcheck deps.sh examples/*.sh tests/run tests/*.sh tests/bench/*.sh .ci/run
	clang-format --dry-run -Werror cmd/*.c lib/*.[ch] lib/*/*.[ch] tests/*.c tests/*/*.c

bench:
	@./deps.sh bench
	@$(MAKE) --no-print-directory run-bench

run-bench: all $(BENCH_BIN) $(B)/tests/fault
	@model=$$(examples/model.sh) && export VECPIPE_BUILD="$(abspath $(B))" VECPIPE_MODEL="$$model" && \
	for b in $(filter-out %/pc-local,$(BENCH_BIN)) tests/bench/cost.sh tests/bench/jobs.sh; do \
		echo "== $${b##*/}"; $$b || exit 1; \
	done && db=$$(mktemp -d) && echo "== pc-local" && \
	$(B)/pc-local "$$db/bench.db" -- $(B)/tests/bench/pc-local; rm -rf "$$db"

install: all
	install -d $(DESTDIR)$(BINDIR) $(DESTDIR)$(MANDIR)/man1 $(DESTDIR)$(MANDIR)/man7
	install $(BIN) $(DESTDIR)$(BINDIR)
	install -m 644 $(PROGRAMS:%=man/%.1) $(DESTDIR)$(MANDIR)/man1
	install -m 644 man/vecpipe.7 $(DESTDIR)$(MANDIR)/man7

uninstall:
	rm -f $(PROGRAMS:%=$(DESTDIR)$(BINDIR)/%) $(PROGRAMS:%=$(DESTDIR)$(MANDIR)/man1/%.1)
	rm -f $(DESTDIR)$(MANDIR)/man7/vecpipe.7

clean:
	rm -rf build

.PHONY: all clients deps demo check run-check check-clients lint bench run-bench install uninstall clean
.SECONDARY:
