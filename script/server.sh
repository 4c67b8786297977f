# Servers built from source, with assertions.  Sourced by bash, after lib.sh and
# chroot.sh.

# What a server needs to be built with all that the tests can use.
need_build_packages()
{
	need_packages gcc clang make libc6-dev perl bison flex pkg-config libreadline-dev zlib1g-dev libperl-dev \
		python3-dev libxml2-dev libssl-dev uuid-dev libicu-dev libipc-run-perl bzip2 xz-utils
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
	local version=$1 dir=$2 apt release suite versions candidate archive origin label uri component
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
	apt_log=$dir/log
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

# Build the server of a source tree in the directory $2, and install it as $3.  The
# tree stays as it is.
build_server()
{
	local tree=$1 build=$2 prefix=$3 log=$2.log
	mkdir -p "$build"
	say "building PostgreSQL with assertions, as $prefix"
	(
		# "set -e" does not hold on the left of a ||
		cd "$build" &&
			{ [ -e config.status ] ||
				"$tree/configure" --prefix="$prefix" CFLAGS="-O1 -g" --enable-cassert --enable-debug \
					--enable-depend --enable-tap-tests --with-perl --with-python --with-libxml \
					--with-openssl --with-uuid=e2fs --with-icu; } &&
			make -s -j"$(nproc)" world-bin &&
			make -s install-world-bin
	) </dev/null >"$log" 2>&1 || { tail -n 15 "$log" >&2; die "the server does not build, see $log"; }
	rm -f "$log"
}

# Set $prefix to a server with assertions of this version, from the distribution's
# source package.  It is kept for the next run; its source and objects are not.
make_assert_server()
{
	local version=$1 dir
	prefix=$cache/assert-$version
	lock_kept "$prefix"
	if [ ! -e "$prefix/.ready" ]; then
		need_build_packages
		dir=$cache/assert-$version.work
		rm -rf "$prefix" "$dir"
		fetch_source "$version" "$dir" || skip "no source of PostgreSQL $version on the mirror"
		build_server "$dir/source" "$dir/build" "$prefix"
		rm -rf "$dir"
		touch "$prefix/.ready"
	fi
	unlock_kept
}

# Set $prefix to a server with assertions of a tree, and $version to its major
# version.  What was built is kept, and brought up to date with the tree.
make_tree_server()
{
	local tree key
	tree=$(cd "$1" 2>/dev/null && pwd -P) && [ -x "$tree/configure" ] || die "$1 is no source tree of PostgreSQL"
	[ ! -e "$tree/config.status" ] || die "$tree is configured in place; run:
    make -C $tree distclean"
	version=$(sed -n "s/^PACKAGE_VERSION='\([0-9]*\).*/\1/p" "$tree/configure")
	key=$(printf '%s' "$tree" | sha256sum | cut -c 1-12)
	prefix=$cache/source-$version-$key
	lock_kept "$prefix"
	need_build_packages
	build_server "$tree" "$prefix.build" "$prefix"
	unlock_kept
}
