# pg_session_readonly

EXTENSION = pg_session_readonly
EXTVERSION = $(shell sed -n "s/^default_version = '\(.*\)'/\1/p" $(srcdir)/$(EXTENSION).control)
PGFILEDESC = "pg_session_readonly - a connection that stays read-only"

MODULE_big = pg_session_readonly
OBJS = \
	$(WIN32RES) \
	pg_session_readonly.o \
	src/commands.o \
	src/function_lists.o \
	src/function_policy.o \
	src/guc_pin.o \
	src/mode.o \
	src/pinned_settings.o \
	src/read_only.o \
	src/refusal.o \
	src/role_settings.o \
	src/temp_schema.o \
	src/write_guard.o
LOCAL_HEADERS = $(wildcard $(srcdir)/src/*.h)

DATA = $(patsubst $(srcdir)/%,%,$(wildcard $(srcdir)/$(EXTENSION)--*.sql))

# script/test says what each is about
REGRESS = mode transactions commands write_guard functions pinned monitoring reads

PG_CPPFLAGS = -I$(srcdir)/src -DPGSR_VERSION='"$(EXTVERSION)"'

# C code that writes behind core's back, for the test of the write guard.
EXTRA_CLEAN = test/writer$(DLSUFFIX) test/writer.o test/writer.bc

# The parameters of a hook are not all of use to each, nor are those of inline
# functions in the server's headers.
PG_CFLAGS = -Wall -Wextra -Wno-unused-parameter

PG_CONFIG ?= pg_config
PGXS := $(shell $(PG_CONFIG) --pgxs)
include $(PGXS)

$(OBJS): $(LOCAL_HEADERS) $(EXTENSION).control

# An ordinary user may LOAD only from $libdir/plugins.  The library stands there
# as a link: a copy would be a second library to the server.
PLUGIN_LINK = $(DESTDIR)$(pkglibdir)/plugins/$(MODULE_big)$(DLSUFFIX)

install: install-plugin-link
uninstall: uninstall-plugin-link

.PHONY: install-plugin-link uninstall-plugin-link prove
install-plugin-link: installdirs
	$(MKDIR_P) '$(DESTDIR)$(pkglibdir)/plugins'
	ln -sf ../$(MODULE_big)$(DLSUFFIX) '$(PLUGIN_LINK)'

uninstall-plugin-link:
	rm -f '$(PLUGIN_LINK)'

# The TAP tests make their own servers, with the installed library.
PROVE ?= prove
PROVE_TESTS ?= t/*.pl
prove: test/writer$(DLSUFFIX)
	PATH='$(bindir)':"$$PATH" PG_REGRESS='$(top_builddir)/src/test/regress/pg_regress' \
	PGSR_WRITER='$(CURDIR)/test/writer$(DLSUFFIX)' \
	$(PROVE) -I '$(top_srcdir)/src/test/perl' -I t $(PROVE_FLAGS) $(PROVE_TESTS)

# The archive for PGXN.
DISTVERSION = $(shell sed -n 's/^   "version": "\(.*\)",/\1/p' META.json)
.PHONY: dist
dist:
	git archive --format=zip --prefix=$(EXTENSION)-$(DISTVERSION)/ \
		-o $(EXTENSION)-$(DISTVERSION).zip HEAD
