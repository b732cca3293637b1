# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# kernels.sh - fetch Debian kernels and their headers; sourced by scripts/vm
#
# Everything lives in $cache, outside the source tree and apart from the machine's own
# apt. A private apt configuration per Debian suite reuses the machine's configured
# mirror (and, through apt.conf, its proxy) with the suite name substituted.
#
#   $cache/apt-<suite>/            private apt lists
#   $cache/<series>/<package>_<version>/
#       kernel                     the kernel, uncompressed where possible
#       lib/modules/<release>/     its modules, after depmod
#       headers/                   its headers, if the machine has no matching ones
#       release                    what uname -r prints in the guest
#       kdir                       the directory to give to make -C
#   $cache/<series>/current        link to the one in use
#
# Reads: cache, series. Uses: die, note.
#
# shellcheck disable=SC1091,SC2013,SC2016,SC2154

suite_of_series()
{
	case $series in
	6.1) echo bookworm ;;
	6.12) echo trixie ;;
	*) die 2 "--kernel: no kernel series '$series' (6.1, 6.12, debug and debug-kcsan are known)" ;;
	esac
}

# The machine's Debian sources with another suite's name, as sources.list lines.
sources_for_suite()
{
	local suite=$1 keyring=/usr/share/keyrings/debian-archive-keyring.gpg

	apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' \
		'Created-By: Packages' |
	sed -nE "s#^(\S+) (bookworm|trixie|oldstable|stable)(-updates|-security)? main\$#\
deb [signed-by=$keyring] \1 $suite\3 main#p" | sort -u
}

# Run an apt tool with the private configuration of $suite.
private_apt()
{
	local tool=$1 apt_dir=$cache/apt-$suite

	shift
	"$tool" -qq -o Dir::Etc::sourcelist="$apt_dir/sources.list" \
		-o Dir::Etc::sourceparts=/dev/null -o Dir::Etc::preferencesparts=/dev/null \
		-o Dir::State::lists="$apt_dir/lists" \
		-o Dir::State::status="$apt_dir/status" \
		-o Dir::Cache="$apt_dir/cache" \
		-o APT::Sandbox::User= -o APT::Get::List-Cleanup=false "$@"
}

private_apt_update()
{
	local apt_dir=$cache/apt-$suite

	mkdir -p "$apt_dir"/{lists/partial,cache/archives/partial}
	: >"$apt_dir/status"
	sources_for_suite "$suite" >"$apt_dir/sources.list"
	[[ -s $apt_dir/sources.list ]] ||
		die 69 "no Debian mirror of section main found in the machine's apt sources"
	private_apt apt-get update
}

# The first real package that package $1 depends on and whose name matches $2.
private_dependency()
{
	private_apt apt-cache depends "$1" |
		sed -nE "s/^[ |]*Depends: ($2)\$/\1/p" | head -n 1
}

private_version()
{
	private_apt apt-cache show --no-all-versions "$1" | sed -n 's/^Version: //p'
}

# Download packages and unpack them below a directory.
private_unpack()
{
	local into=$1 deb

	shift
	mkdir -p "$into/debs"
	(cd "$into/debs" && private_apt apt-get download "$@")
	for deb in "$into"/debs/*.deb; do
		dpkg-deb --extract "$deb" "$into"
	done
	rm -r "$into/debs"
}

installed_version()
{
	dpkg-query -W -f '${Version}' "$1" 2>/dev/null || true
}

# Take the ELF kernel out of a bzImage: booted directly it saves the guest the firmware's
# and the decompressor's work, about 3 s. Keep the bzImage if there is none in it.
unpack_kernel()
{
	local image=$1 into=$2 magic tool offset

	for tool in xz zstd; do
		case $tool in
		xz) magic='\xfd7zXZ\x00' ;;
		zstd) magic='\x28\xb5\x2f\xfd' ;;
		esac
		for offset in $(LC_ALL=C grep -aboP "$magic" "$image" | cut -d: -f1); do
			# the compressed kernel is followed by other data, which the tools mind
			tail -c "+$((offset + 1))" "$image" | $tool -dc >"$into" 2>/dev/null || true
			if [[ $(head -c 4 "$into" | tr -d '\0') == $'\x7fELF' ]]; then
				return
			fi
		done
	done
	mv "$image" "$into"
}

fetch_image()
{
	local package=$1 into=$2

	private_unpack "$into" "$package"
	if [[ -d $into/usr/lib/modules ]]; then
		mkdir -p "$into/lib"
		mv "$into/usr/lib/modules" "$into/lib/modules"
	fi
	unpack_kernel "$into"/boot/vmlinuz-* "$into/kernel"
	basename "$into"/lib/modules/* >"$into/release"
	rm -rf "${into:?}/usr" "${into:?}/boot"
	depmod -b "$into" "$(<"$into/release")"
}

# Leaves the build directory's final path in $into/kdir.
fetch_headers()
{
	local release=$1 version=$2 into=$3 final=$4 headers=linux-headers-$1

	if [[ $(installed_version "$headers") == "$version" ]]; then
		echo "/usr/src/$headers" >"$into/kdir"
	else
		mkdir -p "$into/headers"
		private_unpack "$into/headers" "$headers" \
			"$(private_dependency "$headers" 'linux-headers-.*-common.*')" \
			"$(private_dependency "$headers" 'linux-kbuild-.*')"
		if [[ $suite != "$(. /etc/os-release && echo "${VERSION_CODENAME:-}")" ]]; then
			relocate_headers "$into/headers" "$final/headers" "$release"
		fi
		echo "$final/headers/usr/src/$headers" >"$into/kdir"
	fi
	ln -sfn "$(<"$into/kdir")" "$into/lib/modules/$release/build"
}

# Make extracted headers of another Debian release usable in place, with this machine's
# compiler and C library.
relocate_headers()
{
	local into=$1 final=$2 release=$3
	local build=$into/usr/src/linux-headers-$release
	local libraries=usr/lib/x86_64-linux-gnu program

	sed -i "s#/usr/src/#$final/usr/src/#" "$build/Makefile"
	# the compiler: the machine's gcc, without the one option that needs a newer gcc
	sed -i 's/gcc-[0-9]*$/gcc/' "$build/.kernelvariables"
	if ! gcc -fmin-function-alignment=16 -xc -c -o /dev/null /dev/null 2>/dev/null; then
		sed -i '/^CONFIG_CC_HAS_MIN_FUNCTION_ALIGNMENT=/d' \
			"$build/include/config/auto.conf"
	fi
	# no BTF in modules: it takes a newer pahole (autoconf.h, which shapes structures, stays)
	sed -i '/^CONFIG_DEBUG_INFO_BTF_MODULES=/d' "$build/include/config/auto.conf"
	# the build's own programs: run them with the libraries they were linked against
	private_unpack "$into" libc6 libelf1t64 zlib1g libzstd1
	find "$into"/usr/lib/linux-kbuild-* -type f -perm /111 | while read -r program; do
		if [[ $(head -c 4 "$program" | tr -d '\0') == $'\x7fELF' ]]; then
			patchelf --set-interpreter "$final/$libraries/ld-linux-x86-64.so.2" \
				--force-rpath --set-rpath "$final/$libraries" "$program"
		fi
	done
}

# Bring in the newest kernel of $series, unless it is there already.
fetch_kernel()
{
	local suite package version final staging

	suite=$(suite_of_series)
	rm -rf "$cache/$series"/staging.*
	private_apt_update
	package=$(private_dependency linux-image-amd64 'linux-image-[0-9].*-amd64')
	[[ $package == linux-image-"$series".* ]] ||
		die 69 "$suite's linux-image-amd64 is '$package', not of series $series"
	version=$(private_version "$package")
	final=$cache/$series/${package}_$version
	if [[ ! -d $final ]]; then
		note "fetching $package $version"
		staging=$(mktemp -d "$cache/$series/staging.XXXXXX")
		fetch_image "$package" "$staging"
		fetch_headers "${package#linux-image-}" "$version" "$staging" "$final"
		chmod 755 "$staging"
		mv "$staging" "$final"
	fi
	ln -sfn "${final##*/}" "$cache/$series/current"
}

# Print the build directory; one that went away with the machine's headers is looked up anew.
print_kdir()
{
	if [[ ! -d $(<"$image_dir/kdir") ]]; then
		use_kernel newest
	fi
	[[ -d $(<"$image_dir/kdir") ]] ||
		die 69 "headers of $release are gone; remove $image_dir to fetch them again"
	cat "$image_dir/kdir"
}

# Set image_dir and release, fetching first if there is no kernel or $1 is "newest".
use_kernel()
{
	local lock

	if is_debug_series; then
		use_debug_kernel "$@"
		return
	fi
	suite_of_series >/dev/null
	if [[ ${1:-} == newest || ! -e $cache/$series/current ]]; then
		mkdir -p "$cache/$series"
		exec {lock}>"$cache/lock"
		flock "$lock"
		if [[ ${1:-} == newest || ! -e $cache/$series/current ]]; then
			set -E
			trap '[[ $BASH_SUBSHELL -gt 0 ]] || die 69 "could not fetch a $series kernel"' ERR
			fetch_kernel
			trap - ERR
			set +E
		fi
		exec {lock}>&-
	fi
	image_dir=$(readlink -f "$cache/$series/current")
	release=$(<"$image_dir/release")
}
