# Servers built from source, with assertions, and those that look for more.  Sourced
# by bash, after lib.sh and chroot.sh.
#
# There are three kinds:
#   assert     with assertions
#   sanitize   with AddressSanitizer and UndefinedBehaviorSanitizer as well
#   valgrind   one that tells valgrind of its memory contexts and buffers

# What a server of the kind $1 needs to be built with all that the tests can use.
build_packages()
{
	echo gcc clang make libc6-dev perl bison flex pkg-config libreadline-dev zlib1g-dev libperl-dev python3-dev \
		libxml2-dev libssl-dev uuid-dev libicu-dev libipc-run-perl bzip2 xz-utils
	case ${1:-assert} in
		# with what names the lines in reports, and the runtime, where clang does not bring that with it
		sanitize) echo llvm; known_packages "libclang-rt-$(clang_version)-dev" ;;
		valgrind) echo valgrind ;;
	esac
}

# The version of clang that is here, or that would be.
clang_version()
{
	clang -dumpversion 2>/dev/null | cut -d . -f 1 | grep . ||
		apt-cache show clang 2>/dev/null | sed -n 's/^Depends:.* clang-\([0-9]*\).*/\1/p' | head -n 1
}

# A "deb-src" line for the package lists that are read for this alone.
source_line()
{
	local keyring=/usr/share/keyrings/${1,,}-archive-keyring.gpg
	echo "deb-src $([ ! -e "$keyring" ] || echo "[signed-by=$keyring] ")$2 $3 $4"
}

# Unpack the source of the distribution's package of a version into $2/source.  apt
# keeps its state there too, so that the machine's is not touched.  Fails if the
# mirror has no source; newer ones may be gone where older ones are there.
fetch_source()
{
	local version=$1 dir=$2 apt release suite versions candidate archive origin label uri component apt_log=$2/log
	mkdir -p "$dir/source" "$dir/state/lists/partial" "$dir/cache/archives/partial"
	if [ "$version" = "$host_version" ]; then
		while IFS='|' read -r origin label uri suite component; do
			case $origin in Debian | Ubuntu) source_line "$origin" "$uri" "$suite" "$component" ;; esac
		done < <(apt_sources) >"$dir/sources.list"
	else
		find_mirror
		release=$(release_of "$version") || exit 1
		for suite in $release; do
			source_line Debian "$mirror" "$suite" main
		done >"$dir/sources.list"
	fi
	apt=(-o "Dir::Etc::sourcelist=$dir/sources.list" -o Dir::Etc::sourceparts=/dev/null
		-o "Dir::State=$dir/state" -o Dir::State::status=/var/lib/dpkg/status -o "Dir::Cache=$dir/cache"
		-o Acquire::Check-Valid-Until=false -o APT::Sandbox::User=root)
	apt_get "${apt[@]}" update || true
	versions=$(apt-cache "${apt[@]}" showsrc --only-source "postgresql-$version" 2>/dev/null |
		sed -n 's/^Version: //p' | sort -rVu)
	archive=
	for candidate in $versions; do
		say "fetching the source of postgresql-$version $candidate"
		if (cd "$dir" && apt_get "${apt[@]}" source --download-only --tar-only "postgresql-$version=$candidate"); then
			archive=$(ls "$dir/postgresql-${version}_"*.orig.tar.* | grep -v '\.asc$')
			break
		fi
		echo "It is not on the mirror."
	done
	if [ -z "$archive" ]; then
		sed -n 's/^[EW]: /    /p' "$dir/log" | tail -n 5
		return 1
	fi
	tar -xf "$archive" -C "$dir/source" --strip-components=1 --no-same-owner || die "cannot unpack $archive"
}

# Build the server of a source tree in the directory $2, and install it as $3: one
# of the kind $4.  The tree stays as it is.
#
# clang's sanitizers share one runtime in each process, which reads its options as
# the process starts.  gcc has two, and the second looks for its options at its first
# finding: in a backend before 16 they are gone by then, as the title of a process is
# written over its environment.  clang takes seven times as long with -O1 as with -O0.
# Calls by a pointer of another type are core's habit (its walkers of trees).  Findings
# of undefined behaviour do not end the process, so that test/sanitize.supp can tell
# those of core from ours.
build_server()
{
	local tree=$1 build=$2 prefix=$3 kind=${4:-assert} log=$2.log what=assertions
	local configure=(CFLAGS="-O1 -g")
	case $kind in
		sanitize)
			what="assertions and sanitizers"
			configure=(CC=clang LDFLAGS="-fsanitize=address,undefined"
				CFLAGS="-O0 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize=function")
			;;
		valgrind)
			what="assertions, for valgrind"
			configure=(CFLAGS="-O1 -g -fno-omit-frame-pointer" CPPFLAGS=-DUSE_VALGRIND)
			;;
	esac
	mkdir -p "$build"
	say "building PostgreSQL with $what, as $prefix"
	(
		# the programs that are built run while it is built
		export ASAN_OPTIONS=detect_leaks=0
		# "set -e" does not hold on the left of a ||
		cd "$build" &&
			{ [ -e config.status ] ||
				"$tree/configure" --prefix="$prefix" "${configure[@]}" --enable-cassert --enable-debug \
					--enable-depend --enable-tap-tests --with-perl --with-python --with-libxml \
					--with-openssl --with-uuid=e2fs --with-icu; } &&
			make -s -j"$(nproc)" world-bin &&
			make -s install-world-bin &&
			{ [ "$kind" != valgrind ] || cp "$tree/src/tools/valgrind.supp" "$prefix/"; }
	) </dev/null >"$log" 2>&1 || { tail -n 15 "$log" >&2; die "the server does not build, see $log"; }
	rm -f "$log"
}

# Set $prefix to a server of this version and kind, from the distribution's source
# package.  It is kept for the next run; its source and objects are not.
make_assert_server()
{
	local version=$1 kind=${2:-assert} dir
	prefix=$cache/$kind-$version
	lock_kept "$prefix"
	if [ ! -e "$prefix/.ready" ]; then
		need_packages $(build_packages "$kind")
		dir=$prefix.work
		rm -rf "$prefix" "$dir"
		fetch_source "$version" "$dir" || skip "no source of PostgreSQL $version on the mirror"
		build_server "$dir/source" "$dir/build" "$prefix" "$kind"
		rm -rf "$dir"
		touch "$prefix/.ready"
	fi
	unlock_kept
}

# Set $prefix to a server of a tree, of this kind, and $version to its major version.
# What was built is kept, and brought up to date with the tree.
make_tree_server()
{
	local tree kind=${2:-assert} key
	tree=$(cd "$1" 2>/dev/null && pwd -P) && [ -x "$tree/configure" ] || die "$1 is no source tree of PostgreSQL"
	[ ! -e "$tree/config.status" ] || die "$tree is configured in place; run:
    make -C $tree distclean"
	version=$(sed -n "s/^PACKAGE_VERSION='\([0-9]*\).*/\1/p" "$tree/configure")
	key=$(printf '%s' "$tree" | sha256sum | cut -c 1-12)
	prefix=$cache/source-$version-$key
	[ "$kind" = assert ] || prefix=$cache/$kind-source-$version-$key
	lock_kept "$prefix"
	need_packages $(build_packages "$kind")
	build_server "$tree" "$prefix.build" "$prefix" "$kind"
	unlock_kept
}

# --- what the sanitizers and valgrind find ---

# Make the directory $findings and have what a server of the kind $1 in $bin, and its
# programs, find written there, one file a process.  Slow servers get more time.
collect_findings()
{
	local kind=$1 own=$work/src/test/$1.supp common
	findings=$work/findings
	as_server_user mkdir "$findings"
	case $kind in
		sanitize)
			common=log_path=$findings/report:log_exe_name=1
			common+=:external_symbolizer_path=$(readlink -f "$(command -v llvm-symbolizer)")
			# no leaks, as with PostgreSQL's own runs: what is short-lived frees nothing
			export ASAN_OPTIONS=$common:detect_leaks=0:abort_on_error=1:disable_coredump=1:print_legend=0
			# core measures the depth of its stack, and cannot on a fake one
			ASAN_OPTIONS+=:detect_stack_use_after_return=0
			# t/027 loads two copies of the library, whose names 15 does not hide
			ASAN_OPTIONS+=:detect_odr_violation=0
			export UBSAN_OPTIONS=$common:print_stacktrace=1:suppressions=$own
			export PG_TEST_TIMEOUT_DEFAULT=900 PGCTLTIMEOUT=600
			;;
		valgrind)
			# The server runs under valgrind, what initdb starts does not.
			mv "$bin/postgres" "$bin/postgres.plain"
			cat >"$bin/postgres" <<-END
				#!/bin/sh
				[ "\$1" = -D ] || exec "$bin/postgres.plain" "\$@"
				exec valgrind --quiet --vgdb=no --leak-check=no --num-callers=30 --error-limit=no \\
					--log-file="$findings/valgrind.%p" --error-markers=BEGIN,END \\
					--suppressions="$work/server/valgrind.supp" --suppressions="$own" \\
					"$bin/postgres.plain" "\$@"
			END
			chmod 755 "$bin/postgres"
			export PG_TEST_TIMEOUT_DEFAULT=3600 PGCTLTIMEOUT=1200
			;;
	esac
}

# Print each report in $findings once, with how often it was made, and set $found to
# the number of different ones.  Two of undefined behaviour are the same if they name
# the same place, others if their first lines are the same but for addresses and
# processes.
show_findings()
{
	found=0
	[ -n "$(find "$findings" -type f -size +0)" ] || return 0
	find "$findings" -type f -size +0 -print0 | sort -z | xargs -0 perl -0777 -ne '
		for my $report (split /^(?===+\n==.*ERROR: |\S+:\d+:\d+: runtime error: |.*==\d+== BEGIN$)/m)
		{
			my @lines = split /^/m, $report;
			my $key = join("", @lines > 10 ? @lines[0 .. 9] : @lines);
			$key =~ s/(: runtime error: |== END\n).*/$1/s;
			$key =~ s/0x[0-9a-f]+|==\d+==//g;
			next if $key !~ /\S/;
			push @order, $key if !$count{$key}++;
			$text{$key} //= $report;
		}
		END { print "\n# found $count{$_} times:\n$text{$_}" for @order }' >"$work/found"
	cat "$work/found"
	found=$(grep -c '^# found [0-9]* times:$' "$work/found" || true)
}
