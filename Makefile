# pg_session_readonly

EXTENSION = pg_session_readonly
# META.json says which release this is, the control file which SQL objects it has.
RELEASE = $(shell sed -n 's/^   "version": "\(.*\)",/\1/p' $(srcdir)/META.json)
PGFILEDESC = "pg_session_readonly - a connection that stays read-only"

MODULE_big = pg_session_readonly
OBJS = \
	$(WIN32RES) \
	pg_session_readonly.o \
	src/administered.o \
	src/commands.o \
	src/function_lists.o \
	src/function_policy.o \
	src/guc_record.o \
	src/list.o \
	src/mode.o \
	src/pinned_settings.o \
	src/read_only.o \
	src/refusal.o \
	src/sessions.o \
	src/temporary_tables.o \
	src/write_guard.o
LOCAL_HEADERS = $(wildcard $(srcdir)/src/*.h)

DATA = $(patsubst $(srcdir)/%,%,$(wildcard $(srcdir)/$(EXTENSION)--*.sql))

PG_CONFIG ?= pg_config

# The first lines of each file in sql/ say what it is about.  Those named
# optional_* need a part that a server can be built without, and are chosen by the
# extension that such a server lacks.
REGRESS = mode transactions commands write_guard functions pinned monitoring reads holes
extension_dir := $(shell $(PG_CONFIG) --sharedir)/extension
optional = $(if $(wildcard $(extension_dir)/$(1).control),$(2))
REGRESS += $(call optional,pageinspect,holes_pageinspect)
REGRESS += $(call optional,xml2,optional_xml)
REGRESS += $(call optional,uuid-ossp,optional_uuid)
REGRESS += $(call optional,pgcrypto,optional_pgcrypto)

# "make installcheck" runs the tests in t/ as well, which make their own servers
# with the installed library and need Perl's IPC::Run.  Where the library is not
# installed, as in the build of a package, TAP_TESTS is set to nothing.
TAP_TESTS ?= 1
ifdef TAP_TESTS
# C code that writes behind core's back, for the test of the write guard.
REGRESS_PREP = test/writer$(DLSUFFIX)
export PGSR_WRITER = $(CURDIR)/test/writer$(DLSUFFIX)
endif
EXTRA_CLEAN = test/writer$(DLSUFFIX) test/writer.o test/writer.bc

PG_CPPFLAGS = -I$(srcdir)/src -DPGSR_VERSION='"$(RELEASE)"'

# The parameters of a hook are not all of use to each, nor are those of inline
# functions in the server's headers.
PG_CFLAGS = -Wall -Wextra -Wno-unused-parameter

# 15's headers declare walkers as bool (*walker) (), which since C23, the default of
# gcc 15, is a function without parameters.
ifneq (,$(filter 15.%,$(shell $(PG_CONFIG) --version)))
PG_CFLAGS += -std=gnu11
endif

PGXS := $(shell $(PG_CONFIG) --pgxs)
include $(PGXS)

$(OBJS): $(LOCAL_HEADERS) $(srcdir)/META.json

# An ordinary user may LOAD only from $libdir/plugins.  The library stands there
# as a link: a copy would be a second library to the server.
PLUGIN_LINK = $(DESTDIR)$(pkglibdir)/plugins/$(MODULE_big)$(DLSUFFIX)

install: install-plugin-link
uninstall: uninstall-plugin-link

.PHONY: install-plugin-link uninstall-plugin-link
install-plugin-link: installdirs
	$(MKDIR_P) '$(DESTDIR)$(pkglibdir)/plugins'
	ln -sf ../$(MODULE_big)$(DLSUFFIX) '$(PLUGIN_LINK)'

uninstall-plugin-link:
	rm -f '$(PLUGIN_LINK)'

# where the tests in t/ find what they share
PG_PROVE_FLAGS += -I $(srcdir)/t

# The archive for PGXN, of the last commit; script/package --pgxn checks it.
.PHONY: dist
dist:
	git archive --format=zip --prefix=$(EXTENSION)-$(RELEASE)/ \
		-o $(EXTENSION)-$(RELEASE).zip HEAD
