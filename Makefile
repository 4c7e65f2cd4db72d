# coracle: make, make install, make test, make demo, make bench, make conformance

PREFIX ?= /usr/local
DESTDIR ?=
CARGO ?= cargo

bindir = $(DESTDIR)$(PREFIX)/bin
mandir = $(DESTDIR)$(PREFIX)/share/man/man1
bashdir = $(DESTDIR)$(PREFIX)/share/bash-completion/completions
zshdir = $(DESTDIR)$(PREFIX)/share/zsh/site-functions
fishdir = $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d

# .cargo/config.toml names the target, so that the static C runtime stays away from build scripts.
host := $(shell rustc -vV 2>/dev/null | sed -n 's/^host: //p')
binary := target/$(or $(host),$(shell uname -m)-unknown-linux-gnu)/release/coracle

.PHONY: all test demo bench conformance install install-docker uninstall lint clean

all: $(binary)

# Only when a source is newer: `sudo make install` after `make` needs no cargo.
$(binary): Cargo.toml Cargo.lock $(shell find src -name '*.rs')
	@command -v $(CARGO) >/dev/null || { echo "cargo is needed: https://rustup.rs"; exit 1; }
	@command -v cc >/dev/null || { echo "a C compiler is needed (Debian: apt install gcc libc6-dev)"; exit 1; }
	$(CARGO) build --locked --release
	@touch $@

test:
	tests/all

demo: $(binary)
	tests/demo $(binary)

bench: $(binary)
	benches/all $(binary)

conformance: $(binary)
	tests/conformance/all $(binary)

lint:
	$(CARGO) fmt --check
	$(CARGO) clippy --locked --all-targets -- -D warnings

install: $(binary)
	install -D -m 755 $(binary) $(bindir)/coracle
	install -d $(mandir) $(bashdir) $(zshdir) $(fishdir)
	install -m 644 man/*.1 $(mandir)/
	install -m 644 completions/coracle.bash $(bashdir)/coracle
	install -m 644 completions/_coracle $(zshdir)/_coracle
	install -m 644 completions/coracle.fish $(fishdir)/coracle.fish

# `docker` for scripts that say so. Not part of install: it would hide another docker.
install-docker: install
	ln -sf coracle $(bindir)/docker

uninstall:
	rm -f $(bindir)/coracle $(mandir)/coracle.1 $(mandir)/coracle-*.1
	rm -f $(bashdir)/coracle $(zshdir)/_coracle $(fishdir)/coracle.fish
	if [ "$$(readlink $(bindir)/docker)" = coracle ]; then rm -f $(bindir)/docker; fi

clean:
	$(CARGO) clean
