# SPDX-License-Identifier: GPL-2.0
# Hubmesh: `make help` lists the targets.

VERSION      := $(shell sed -n 's/^\#define HUBMESH_VERSION "\(.*\)"/\1/p' include/hubmesh/version.h)
prefix       ?= /usr/local
sbindir      ?= $(prefix)/sbin
bindir       ?= $(prefix)/bin
mandir       ?= $(prefix)/share/man
sysconfdir   ?= /etc
unitdir      ?= $(prefix)/lib/systemd/system
completiondir ?= $(prefix)/share/bash-completion/completions
KVER         ?= $(shell uname -r)
KDIR         ?= /lib/modules/$(KVER)/build
BPF_CC       ?= clang
BPFTOOL      ?= $(firstword $(wildcard /usr/sbin/bpftool /sbin/bpftool) bpftool)
B            := build
O            := $(B)/obj
CC           ?= gcc
PKGS_DAEMON  := libuv libnghttp2 libmicrohttpd jansson libcyaml yaml-0.1 libcbor libmnl \
		libcap-ng libseccomp sqlite3 wolfssl libgcrypt libbpf
PKGS_CTL     := jansson smartcols libcurl
PKGS_NL      := jansson smartcols libnl-3.0 libnl-genl-3.0 libnl-route-3.0

PKG_CONFIG   ?= pkg-config
WARN         := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
		-Wno-unused-parameter -Wno-missing-field-initializers
CFLAGS       ?= -O2 -g
BASE_CFLAGS   = -std=gnu11 $(WARN) -D_GNU_SOURCE \
		-Iinclude -Iinclude/uapi -I. -I$(O) \
		$(shell $(PKG_CONFIG) --cflags $(PKGS_DAEMON) $(PKGS_CTL) $(PKGS_NL))

# Rooms, hub.c and shells are one archive; main.c is the daemon, and the
# simulator and the unit tests link the same archive.
DAEMON_SRC   := $(filter-out daemon/main.c %.bpf.c,$(wildcard daemon/*/*.c))
TOOLS_SRC    := $(wildcard tools/lib/*.c)
CTL_SRC      := $(wildcard tools/meshctl/*.c)
NL_SRC       := $(wildcard tools/meshnl/*.c)

DAEMON_OBJ   := $(DAEMON_SRC:%.c=$(O)/%.o)
TOOLS_OBJ    := $(TOOLS_SRC:%.c=$(O)/%.o)
CTL_OBJ      := $(CTL_SRC:%.c=$(O)/%.o)
NL_OBJ       := $(NL_SRC:%.c=$(O)/%.o)
UNIT_BIN     := $(patsubst selftests/unit/%.c,$(B)/unit/%,$(wildcard selftests/unit/test_*.c))
FUZZ_BIN     := $(patsubst selftests/fuzz/%.c,$(B)/targets/%,$(wildcard selftests/fuzz/fuzz_*.c))
NET_BIN      := $(patsubst selftests/net/%.c,$(B)/net/%,$(wildcard selftests/net/*.c)) \
		$(B)/net/meshd_few_records
SIM_SRC      := $(wildcard selftests/sim/*.c)
MAN          := $(patsubst Documentation/man/%.rst,$(B)/man/%,$(wildcard Documentation/man/*.rst))
LIBS_DAEMON   = $(shell $(PKG_CONFIG) --libs $(PKGS_DAEMON)) -lm
LIBS_CTL      = $(shell $(PKG_CONFIG) --libs $(PKGS_DAEMON) $(PKGS_CTL)) -lm
LIBS_NL       = $(shell $(PKG_CONFIG) --libs $(PKGS_NL))
LIBS_ALL      = $(shell $(PKG_CONFIG) --libs $(PKGS_DAEMON) $(PKGS_CTL) $(PKGS_NL) cmocka) -lm
ARCHIVES     := $(B)/libmeshctl.a $(B)/libmeshnl.a $(B)/libtools.a $(B)/libmeshd.a
SANITIZE     := -O1 -g1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all

.PHONY: all help modules modules_install tests unit fuzz sim net man install uninstall clean \
	deb deps check check-debug demo bench bench-proxy print-cflags print-version

all: $(B)/meshd $(B)/meshctl $(B)/meshnl

help:
	@echo "make              meshd, meshctl and meshnl, in build/"
	@echo "make modules      hubmesh.ko for the running kernel (KVER=, KDIR= for others)"
	@echo "make install      all of it (DESTDIR=, prefix=); module only if it was built"
	@echo "make uninstall    remove it again (same DESTDIR=, prefix=)"
	@echo "make deb          Debian packages hubmesh and hubmesh-dkms, in build/deb/"
	@echo "make demo         five hubs in one virtual machine, told as a story (KEEP=1: a shell)"
	@echo "make check        every test; ends with: N passed, N failed, N skipped"
	@echo "make check-debug  kernel tests under KASAN, lockdep, kmemleak, failing allocations, KCSAN"
	@echo "make bench        data path and failover beside their peers; control plane"
	@echo "make bench-proxy  the proxy beside haproxy, nginx and stunnel, on this machine (root)"
	@echo "make deps         install the Debian packages all this needs"
	@echo "make clean        remove what was built"

# ---- daemon and tools

$(O)/%.o: %.c
	@mkdir -p $(@D)
	@echo "  CC      $<"
	@$(CC) $(BASE_CFLAGS) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c $< -o $@

# Programs for the kernel's virtual machine, with the functions that load them.
$(O)/%.bpf.o: %.bpf.c
	@mkdir -p $(@D)
	@echo "  BPF     $<"
	@$(BPF_CC) -target bpf -O2 -g -Wall -Wextra -Werror -Wno-unused-parameter -I. \
		-I/usr/include/$(shell $(BPF_CC) -print-multiarch) -MMD -MP -c $< -o $@

$(O)/%.skel.h: $(O)/%.bpf.o
	@echo "  SKEL    $@"
	@$(BPFTOOL) gen object $(@:.skel.h=.linked.o) $<
	@$(BPFTOOL) gen skeleton $(@:.skel.h=.linked.o) name $(notdir $*)_bpf >$@.new
	@mv $@.new $@

$(O)/daemon/redirect/redirect.o: $(O)/daemon/redirect/redirect.skel.h

$(B)/libmeshd.a: $(DAEMON_OBJ)
$(B)/libtools.a: $(TOOLS_OBJ)
$(B)/libmeshctl.a: $(filter-out $(O)/tools/meshctl/main.o,$(CTL_OBJ))
$(B)/libmeshnl.a: $(filter-out $(O)/tools/meshnl/main.o,$(NL_OBJ))
$(B)/%.a:
	@echo "  AR      $@"
	@mkdir -p $(@D)
	@rm -f $@ && ar rcs $@ $^

$(B)/meshd: $(O)/daemon/main.o $(B)/libmeshd.a
	@echo "  LD      $@"
	@$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS_DAEMON)

$(B)/meshctl: $(O)/tools/meshctl/main.o $(B)/libmeshctl.a $(B)/libtools.a $(B)/libmeshd.a
	@echo "  LD      $@"
	@$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS_CTL)

$(B)/meshnl: $(O)/tools/meshnl/main.o $(B)/libmeshnl.a $(B)/libtools.a
	@echo "  LD      $@"
	@$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS_NL)

# ---- tests: `make tests` builds the variants `make check` runs

$(B)/unit/%: $(O)/selftests/unit/%.o $(ARCHIVES)
	@mkdir -p $(@D)
	@echo "  LD      $@"
	@$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS_TEST) $(LIBS_ALL)

# Reads what our own DNS code writes.
$(B)/unit/test_names: LIBS_TEST = $(shell $(PKG_CONFIG) --libs ldns)

$(B)/net/%: $(O)/selftests/net/%.o $(ARCHIVES)
	@mkdir -p $(@D)
	@echo "  LD      $@"
	@$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS_ALL)

# Changes the keys of bulk every few MB instead of every few hundred.
$(O)/daemon/proxy/bulk_way_few_records.o: daemon/proxy/bulk_way.c
	@mkdir -p $(@D)
	@echo "  CC      $< (few records)"
	@$(CC) $(BASE_CFLAGS) $(CPPFLAGS) $(CFLAGS) -DBULK_RECORDS_MAX=128 -MMD -MP -c $< -o $@

$(B)/net/meshd_few_records: $(O)/daemon/main.o $(O)/daemon/proxy/bulk_way_few_records.o $(B)/libmeshd.a
	@mkdir -p $(@D)
	@echo "  LD      $@"
	@$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS_DAEMON)

$(B)/targets/%: $(O)/selftests/fuzz/%.o $(ARCHIVES)
	@mkdir -p $(@D)
	@echo "  LD      $@"
	@$(CC) $(CFLAGS) -fsanitize=fuzzer $(LDFLAGS) -o $@ $^ $(LIBS_ALL)

$(B)/sim: $(SIM_SRC:%.c=$(O)/%.o) $(B)/libmeshd.a
	@echo "  LD      $@"
	@$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS_DAEMON)

.SECONDARY:

unit: $(UNIT_BIN)
net: $(NET_BIN)
targets: $(FUZZ_BIN)
sim: $(B)/sim
fuzz:
	@$(MAKE) --no-print-directory B=build/fuzz CC=clang \
		CFLAGS="$(SANITIZE) -fsanitize=fuzzer-no-link" targets

tests: all sim fuzz $(addprefix $(B)/net/,meshd_few_records redirect connector)
	@$(MAKE) --no-print-directory B=build/asan CFLAGS="$(SANITIZE)" unit net
	@scripts/kmod 6.1 build/6.1 HUBMESH_SELFTEST=y
	@scripts/kmod 6.12 build/6.12 HUBMESH_SELFTEST=y

# ---- module

modules:
	$(MAKE) -C $(KDIR) M=$(CURDIR) modules

modules_install:
	$(MAKE) -C $(KDIR) M=$(CURDIR) modules_install

print-cflags:
	@echo $(BASE_CFLAGS)

print-version:
	@echo $(VERSION)

# ---- documentation, installation

man: $(MAN)
$(B)/man/%: Documentation/man/%.rst
	@mkdir -p $(@D)
	@echo "  MAN     $@"
	@rst2man --strict $< $@

install: all man
	install -d $(DESTDIR)$(sbindir) $(DESTDIR)$(bindir) $(DESTDIR)$(unitdir) \
		$(DESTDIR)$(completiondir) $(DESTDIR)$(sysconfdir)/hubmesh
	install -m 755 $(B)/meshd $(DESTDIR)$(sbindir)/meshd
	install -m 755 $(B)/meshctl $(DESTDIR)$(bindir)/meshctl
	install -m 755 $(B)/meshnl $(DESTDIR)$(sbindir)/meshnl
	install -m 644 scripts/meshd.yaml.example $(DESTDIR)$(sysconfdir)/hubmesh/meshd.yaml.example
	sed 's|@sbindir@|$(sbindir)|g' scripts/systemd/meshd.service > $(B)/meshd.service
	install -m 644 $(B)/meshd.service $(DESTDIR)$(unitdir)/meshd.service
	install -m 644 scripts/completion/meshctl.bash $(DESTDIR)$(completiondir)/meshctl
	install -m 644 scripts/completion/meshnl.bash $(DESTDIR)$(completiondir)/meshnl
	for page in $(notdir $(MAN)); do \
		install -D -m 644 $(B)/man/$$page $(DESTDIR)$(mandir)/man$${page##*.}/$$page; done
	# for the kernel it was built for, which need not be KVER's
	if [ -e hubmesh.ko ]; then \
		release=$$(modinfo -F vermagic ./hubmesh.ko | cut -d' ' -f1) && \
		install -D -m 644 hubmesh.ko $(DESTDIR)/lib/modules/$$release/extra/hubmesh.ko && \
		{ [ -n "$(DESTDIR)" ] || depmod $$release; }; fi

uninstall:
	rm -f $(DESTDIR)$(sbindir)/meshd $(DESTDIR)$(bindir)/meshctl $(DESTDIR)$(sbindir)/meshnl \
		$(DESTDIR)$(unitdir)/meshd.service $(DESTDIR)$(completiondir)/meshctl \
		$(DESTDIR)$(completiondir)/meshnl \
		$(DESTDIR)$(sysconfdir)/hubmesh/meshd.yaml.example \
		$(DESTDIR)/lib/modules/*/extra/hubmesh.ko
	for page in $(notdir $(MAN)); do rm -f $(DESTDIR)$(mandir)/man$${page##*.}/$$page; done

deb:
	@scripts/deb

clean:
	rm -rf $(B)
	find . -path ./.git -prune -o \( -name '*.o' -o -name '*.ko' -o -name '*.mod' \
		-o -name '*.mod.c' -o -name '.*.cmd' -o -name modules.order \
		-o -name Module.symvers \) -print0 | xargs -0 rm -f

# ---- the commands of README.md

deps:
	@scripts/deps

check: deps
	@$(MAKE) --no-print-directory -j2 tests
	@selftests/check

# Every function by its own name, in reports and where allocations are made to fail.
NO_INLINE := -fno-inline-functions-called-once -fno-inline-small-functions -fno-ipa-sra -fno-ipa-cp

check-debug: deps
	@$(MAKE) --no-print-directory -j2 net
	@for series in debug debug-kcsan; do \
		scripts/kmod $$series build/$$series HUBMESH_SELFTEST=y KCFLAGS="$(NO_INLINE)" && \
		selftests/debug/build $$series build/$$series || exit; done
	@selftests/check --json build/check-debug.json debug

demo: deps
	@$(MAKE) --no-print-directory -j2 all
	@scripts/kmod 6.1 build/6.1 HUBMESH_SELFTEST=y
	@tools/demo/run $(if $(KEEP),--keep)

bench: deps
	@$(MAKE) --no-print-directory -j2 all
	@scripts/kmod 6.1 build/6.1 HUBMESH_SELFTEST=y
	@tools/bench/run

bench-proxy: deps
	@$(MAKE) --no-print-directory -j2 all
	@tools/bench/run proxy

-include $(shell find $(O) -name '*.d' 2>/dev/null)
