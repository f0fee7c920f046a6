# Builds callrec and installs it for C and C++ programs. docs/install.md describes it.
#
#   make              builds the libraries
#   make install      installs them, the headers, what pkg-config and CMake need, and the licences
#   make tools            builds the program callrec, its completions and all manual pages
#   make install-tools    installs them, after building them where Cargo can be run
#   make uninstall    removes all that
#   make deb          builds the Debian packages
#   make site         builds the site of all documents in target/site; needs mdbook
#
# PREFIX, LIBDIR, INCLUDEDIR and DESTDIR say where. FEATURES is a list of cargo features such as
# "gateway"; DEFAULT_FEATURES=no leaves out the features that are on by default. TARGET is a target of
# rustc, and CROSS the prefix of the compiler and the binutils for it.

MAKEFLAGS += --no-print-directory

PREFIX ?= /usr/local
LIBDIR ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
DESTDIR ?=
FEATURES ?=
DEFAULT_FEATURES ?= yes
TARGET ?=
CROSS ?=

CARGO ?= cargo
INSTALL ?= install
ifeq ($(origin CC),default)
CC := $(CROSS)gcc
endif
LD := $(CROSS)ld
OBJCOPY := $(CROSS)objcopy
STRIP := $(CROSS)strip
export CARGO CC LD OBJCOPY STRIP

VERSION := $(shell sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
SONAME := libcallrec.so.0
SHARED := libcallrec.so.$(VERSION)
HEADERS := $(wildcard include/*.h include/*.hpp)
# The parts of callrec.hpp.
HEADER_PARTS := $(wildcard include/callrec/*.hpp)
BINDIR ?= $(PREFIX)/bin
DATADIR ?= $(PREFIX)/share
DOCDIR ?= $(DATADIR)/doc/callrec
# Where the shells look for completions: zsh's directory has another name in Debian.
BASHDIR := $(DATADIR)/bash-completion/completions
FISHDIR := $(DATADIR)/fish/vendor_completions.d
ZSHDIR ?= $(DATADIR)/zsh/site-functions
LICENCES := LICENSE-MIT LICENSE-APACHE THIRD-PARTY.txt

# The commands run here, so a relative CARGO_TARGET_DIR is relative to this directory.
export CARGO_TARGET_DIR := $(abspath $(or $(CARGO_TARGET_DIR),target))
CARGO_OUTPUT := $(CARGO_TARGET_DIR)$(if $(TARGET),/$(TARGET))/release
# The libraries that a program needs which links the static library. Cargo runs rustc, which writes the
# file, only once for each choice of features.
empty :=
comma := ,
space := $(empty) $(empty)
NATIVE := $(CARGO_OUTPUT)/native-static-libs-$(subst $(space),_,$(DEFAULT_FEATURES) $(FEATURES))
# What will be installed.
BUILD ?= $(CARGO_TARGET_DIR)/package$(if $(TARGET),-$(TARGET))

CARGO_FLAGS := $(if $(TARGET),--target $(TARGET)) $(if $(FEATURES),--features "$(FEATURES)") \
	$(if $(filter no,$(DEFAULT_FEATURES)),--no-default-features)

# An administrator who has no Cargo, or an old one, installs what was built before.
RUST := packaging/check-rust
BUILT := $(if $(shell CARGO="$(CARGO)" $(RUST) 2>&1),,libraries)

all: libraries

# Cargo always runs, because only Cargo knows what has changed.
libraries:
	@$(RUST)
	@mkdir -p $(BUILD) $(CARGO_OUTPUT)
	$(CARGO) rustc --release --lib --crate-type staticlib $(CARGO_FLAGS) -- \
		--print native-static-libs=$(NATIVE)
	packaging/link $(CARGO_OUTPUT)/libcallrec.a $(NATIVE) $(BUILD)

# The manual pages come from the header, the configuration keys and the command line.
tools:
	@$(RUST)
	@mkdir -p $(BUILD)
	$(CARGO) build --release -p callrec-cli -p callrec-manual
	rm -rf $(BUILD)/man
	$(CARGO_TARGET_DIR)/release/callrec-manual $(BUILD)/man
	for shell in bash fish zsh; do \
		$(CARGO_TARGET_DIR)/release/callrec completions $$shell > $(BUILD)/callrec.$$shell || exit 1; done

# The directory of the headers, relative to that of the libraries: the CMake package may be moved.
RELATIVE_INCLUDE = $(shell realpath -m --relative-to=$(LIBDIR) $(INCLUDEDIR))
SUBSTITUTE = sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@LIBDIR@|$(patsubst $(PREFIX)/%,$${prefix}/%,$(LIBDIR))|' \
	-e 's|@INCLUDEDIR@|$(patsubst $(PREFIX)/%,$${prefix}/%,$(INCLUDEDIR))|' -e 's|@VERSION@|$(VERSION)|' \
	-e 's|@MAJOR@|$(firstword $(subst ., ,$(VERSION)))|' \
	-e 's|@RELATIVE_INCLUDE@|$(RELATIVE_INCLUDE)|' -e 's|@SONAME@|$(SONAME)|' -e 's|@SHARED@|$(SHARED)|' \
	-e "s|@PRIVATE@|$$(cat $(NATIVE))|" \
	-e "s|@PRIVATE_LIST@|$$(sed -e 's/-l//g' -e 's/ /;/g' $(NATIVE))|"

descriptions: $(BUILT)
	@test -e $(BUILD)/libcallrec.so || $(RUST)
	@$(SUBSTITUTE) packaging/callrec.pc.in > $(BUILD)/callrec.pc
	@$(SUBSTITUTE) packaging/callrecConfig.cmake.in > $(BUILD)/callrecConfig.cmake
	@$(SUBSTITUTE) packaging/callrecConfigVersion.cmake.in > $(BUILD)/callrecConfigVersion.cmake

install-licences:
	$(INSTALL) -d $(DESTDIR)$(DOCDIR)
	$(INSTALL) -m 644 $(LICENCES) $(DESTDIR)$(DOCDIR)

install: $(BUILT) descriptions install-licences
	$(INSTALL) -d $(DESTDIR)$(LIBDIR)/pkgconfig $(DESTDIR)$(LIBDIR)/cmake/callrec $(DESTDIR)$(INCLUDEDIR)
	$(INSTALL) -m 755 $(BUILD)/libcallrec.so $(DESTDIR)$(LIBDIR)/$(SHARED)
	ln -sf $(SHARED) $(DESTDIR)$(LIBDIR)/$(SONAME)
	ln -sf $(SONAME) $(DESTDIR)$(LIBDIR)/libcallrec.so
	$(INSTALL) -m 644 $(BUILD)/libcallrec.a $(DESTDIR)$(LIBDIR)
	$(INSTALL) -m 644 $(HEADERS) $(DESTDIR)$(INCLUDEDIR)
	$(INSTALL) -d $(DESTDIR)$(INCLUDEDIR)/callrec
	$(INSTALL) -m 644 $(HEADER_PARTS) $(DESTDIR)$(INCLUDEDIR)/callrec
	$(INSTALL) -m 644 $(BUILD)/callrec.pc $(DESTDIR)$(LIBDIR)/pkgconfig
	$(INSTALL) -m 644 $(BUILD)/callrecConfig.cmake $(BUILD)/callrecConfigVersion.cmake $(DESTDIR)$(LIBDIR)/cmake/callrec

install-tools: $(if $(BUILT),tools) install-licences
	@test -f $(BUILD)/callrec.zsh || $(RUST)
	$(INSTALL) -d $(addprefix $(DESTDIR),$(BINDIR) $(BASHDIR) $(FISHDIR) $(ZSHDIR)) $(addprefix $(DESTDIR)$(DATADIR)/man/man,1 3 5)
	$(INSTALL) -m 755 $(CARGO_TARGET_DIR)/release/callrec $(DESTDIR)$(BINDIR)
	$(STRIP) $(DESTDIR)$(BINDIR)/callrec
	$(INSTALL) -m 644 $(BUILD)/callrec.bash $(DESTDIR)$(BASHDIR)/callrec
	$(INSTALL) -m 644 $(BUILD)/callrec.fish $(DESTDIR)$(FISHDIR)
	$(INSTALL) -m 644 $(BUILD)/callrec.zsh $(DESTDIR)$(ZSHDIR)/_callrec
	for section in 1 3 5; do \
		$(INSTALL) -m 644 $(BUILD)/man/man$$section/* $(DESTDIR)$(DATADIR)/man/man$$section || exit 1; done

uninstall:
	rm -rf $(DESTDIR)$(DOCDIR)
	rm -rf $(DESTDIR)$(INCLUDEDIR)/callrec
	rm -f $(addprefix $(DESTDIR),$(BINDIR)/callrec $(BASHDIR)/callrec $(FISHDIR)/callrec.fish $(ZSHDIR)/_callrec)
	rm -f $(addprefix $(DESTDIR)$(DATADIR)/man/,man1/callrec.1 man1/callrec-*.1 man3/callrec.3 man3/rec_*.3 man5/callrec-*.5)
	rm -f $(addprefix $(DESTDIR)$(LIBDIR)/,$(SHARED) $(SONAME) libcallrec.so libcallrec.a pkgconfig/callrec.pc)
	rm -f $(addprefix $(DESTDIR)$(INCLUDEDIR)/,$(notdir $(HEADERS)))
	rm -rf $(DESTDIR)$(LIBDIR)/cmake/callrec

# Their directories are Debian's.
deb:
	packaging/deb $(CARGO_TARGET_DIR)/debian FEATURES="$(subst $(space),$(comma),$(strip $(FEATURES)))" DEFAULT_FEATURES="$(DEFAULT_FEATURES)"

# docs/book.toml says how. Cargo builds the preprocessor that it names.
site:
	@command -v mdbook > /dev/null || { echo "make site needs mdBook: cargo install mdbook" >&2; exit 1; }
	mdbook build docs --dest-dir $(CARGO_TARGET_DIR)/site

.PHONY: all deb libraries tools descriptions install install-licences install-tools site uninstall
