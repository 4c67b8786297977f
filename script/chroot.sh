# Chroots with the PostgreSQL versions that this distribution does not have.
# Sourced by bash, after lib.sh.

cache=${PGSR_CACHE:-/var/cache/pg_session_readonly}
mirror=http://deb.debian.org/debian

# The release that has a version, and the one laid over it.
release_of()
{
	case $1 in
		15) echo bookworm ;;
		17) echo trixie ;;
		18) echo sid ;;
		19) echo sid experimental ;;
		*) die "no release is known to have PostgreSQL $1" ;;
	esac
}

# Make the chroot $root of a release in which nothing starts by itself.
bootstrap_chroot()
{
	local suite=$1 from=${2:-$mirror}
	need_packages debootstrap
	rm -rf "$root"
	mkdir -p "$cache"
	debootstrap --variant=minbase "$suite" "$root" "$from" >"$root.log" 2>&1 ||
		{ tail -n 5 "$root.log" >&2; die "debootstrap failed, see $root.log"; }

	# The Release files of sid and experimental may be past their date.  They
	# are still checked for their signature.
	cat >"$root/etc/apt/apt.conf.d/pgsr" <<-END
		Acquire::Check-Valid-Until "false";
		APT::Install-Recommends "false";
	END
	# no service starts, no cluster is made
	printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
	chmod +x "$root/usr/sbin/policy-rc.d"
	mkdir -p "$root/etc/postgresql-common"
	echo 'create_main_cluster = false' >"$root/etc/postgresql-common/createcluster.conf"
	# as on the host
	cp -L /etc/resolv.conf "$root/etc/resolv.conf" 2>/dev/null || true
	cp /etc/apt/apt.conf.d/*proxy* "$root/etc/apt/apt.conf.d/" 2>/dev/null || true
}

# Take another release into $root, with packages of these names from there only
# if they are wanted more or less than the rest.
add_release()
{
	local suite=$1 packages=$2 pin=$3 priority=$4
	echo "deb $mirror $suite main" >>"$root/etc/apt/sources.list"
	cat >"$root/etc/apt/preferences.d/pgsr" <<-END
		Package: $packages
		Pin: release $pin=$suite
		Pin-Priority: $priority
	END
}

# The chroot is complete: read its package lists, and keep it.
finish_chroot()
{
	enter_chroot sh -c 'apt-get update' >>"$root.log" 2>&1 ||
		{ tail -n 5 "$root.log" >&2; die "apt-get update failed, see $root.log"; }
	rm -rf "$work"
	touch "$root/.ready"
}

# Make a chroot for a version, if it is not there, and set $root to it.
make_chroot()
{
	local version=$1 suite over
	root=$cache/pg$version
	[ ! -e "$root/.ready" ] || return 0
	read -r suite over <<<"$(release_of "$version")"

	say "making a chroot of $suite${over:+ with $over} in $root"
	bootstrap_chroot "$suite"
	[ -z "$over" ] || add_release "$over" '*postgresql* libpq* libecpg* libpgtypes*' a 900
	finish_chroot
}

# Run a command in the chroot, on a copy of the tree.  What is mounted goes away
# with the command.
enter_chroot()
{
	rm -rf "$root/pgsr"
	mkdir "$root/pgsr"
	make_work_copy
	cp -a "$work/src/." "$root/pgsr/"
	chown -R root: "$root/pgsr"
	unshare --mount sh -c '
		mount -t proc proc "$0/proc" && mount --rbind /dev "$0/dev" || exit 1
		root=$0
		exec chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 \
			HOME=/root sh -c "cd /pgsr && exec \"\$@\"" sh "$@"' "$root" "$@"
}
