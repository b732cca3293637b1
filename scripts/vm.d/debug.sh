# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# debug.sh - build the debug kernels from Debian's kernel source; sourced by scripts/vm
#
# The series "debug" (KASAN, UBSAN, lockdep, kmemleak, debug objects, fault injection) and
# "debug-kcsan" (data races, lockdep). What is in them say the fragments in vm.d/debug/.
#
#   $cache/debug/current               link to the newest source's version
#   $cache/debug/<version>/source/     Debian's linux-source, unpacked
#   $cache/debug/<version>/<flavour>-<key>/
#       build/                         what make -C takes; its objects are removed
#       build.log                      everything the compiler said
#       kernel, release, kdir, lib/    as kernels.sh describes
#
# The key is made of the fragments, the compiler and $recipe, so that a second run finds
# what the first has built. release is written last: without it the build goes on where it
# was interrupted.
#
# Reads: cache, series, here. Uses: die, note, kernels.sh.
#
# shellcheck disable=SC2034,SC2154

# Count up whenever build_debug_kernel() or patch_source() make something else of the same.
recipe=1

source_package=linux-source-6.1
free_mib_needed=5000

is_debug_series()
{
	[[ $series == debug || $series == debug-kcsan ]]
}

flavour_of_series()
{
	case $series in
	debug) echo kasan ;;
	debug-kcsan) echo kcsan ;;
	esac
}

fragments()
{
	cat "$here/vm.d/debug/common.config" "$here/vm.d/debug/$(flavour_of_series).config"
}

check_build_tools()
{
	local tool missing=()

	for tool in gcc make flex bison bc; do
		command -v "$tool" >/dev/null || missing+=("$tool")
	done
	[[ -e /usr/include/gelf.h ]] || missing+=(libelf-dev)
	[[ ${#missing[@]} -eq 0 ]] || die 69 "missing: ${missing[*]} (scripts/deps installs them)"
}

check_free_space()
{
	local free_mib

	free_mib=$(df --output=avail -BM "$cache" | sed -n '2s/[^0-9]//gp')
	[[ $free_mib -ge $free_mib_needed ]] ||
		die 69 "$cache has $free_mib MiB left, a debug kernel takes $free_mib_needed while it is built"
}

# edit FILE EXPRESSION...: sed -i that must change something
edit()
{
	local file=$1

	cp "$file" "$file.before"
	sed -i "${@:2}" "$file"
	! cmp -s "$file" "$file.before" || die 69 "$file is not as scripts/vm.d/debug.sh knows it"
	rm "$file.before"
}

patch_source()
{
	local source=$1

	# The stack filter of fault injection, which tests aim with, was not offered on
	# x86-64 before 6.3 for want of a reliable unwinder. Ours has one: frame pointers.
	edit "$source/lib/Kconfig.debug" -e \
		'/^config FAULT_INJECTION_STACKTRACE_FILTER/,/^$/{/depends on !X86_64/d}'
	# On an emulated machine that others share, the PIT calibrates the clock several times
	# too slow whenever the emulator pauses in the wrong place. Believe the HPET instead.
	edit "$source/arch/x86/kernel/tsc.c" -e \
		'/PIT calibration deviates from/,/^}/s/return tsc_pit_min;/return tsc_ref_min;/'
}

fetch_source()
{
	local suite=bookworm version staging

	rm -rf "$cache"/debug/staging.*
	private_apt_update
	version=$(private_version "$source_package")
	if [[ ! -d $cache/debug/$version/source ]]; then
		check_free_space
		note "fetching $source_package $version"
		staging=$(mktemp -d "$cache/debug/staging.XXXXXX")
		private_unpack "$staging" "$source_package"
		mkdir "$staging/source"
		tar -xJf "$staging/usr/src/$source_package.tar.xz" -C "$staging/source" \
			--strip-components=1
		patch_source "$staging/source"
		mkdir -p "$cache/debug/$version"
		mv "$staging/source" "$cache/debug/$version/source"
		rm -rf "$staging"
	fi
	ln -sfn "$version" "$cache/debug/current"
}

# Every line of the fragments must have come true: an option that another one silently
# switched off is a check that cannot fail.
check_config()
{
	local config=$1 missing

	missing=$(fragments | grep -E '^(# )?CONFIG_' | grep -vxFf "$config") || return 0
	die 69 "the configuration refuses: ${missing//$'\n'/, }"
}

# A line every few seconds: how far the build is.
show_progress()
{
	local log=$1 of=$2 started=$SECONDS

	while sleep 10; do
		note "  $(grep -cE '^ +(CC|AS|AR|LD)' "$log") steps in $((SECONDS - started)) s," \
			"now $(tail -n 1 "$log" | sed 's/^ *//')"
		kill -0 "$of" 2>/dev/null || break
	done
}

run_make()
{
	local into=$1 maker progress status=0

	shift
	nice -n 10 make -j"$(nproc)" -C "$cache/debug/current/source" O="$into/build" "$@" \
		>>"$into/build.log" 2>&1 </dev/null &
	maker=$!
	show_progress "$into/build.log" "$maker" &
	progress=$!
	wait "$maker" || status=$?
	kill "$progress" 2>/dev/null || true
	wait "$progress" 2>/dev/null || true
	if [[ $status -ne 0 ]]; then
		tail -n 30 "$into/build.log" >&2
		die 69 "the debug kernel does not build; $into/build.log"
	fi
}

build_debug_kernel()
{
	local into=$1 flavour=$2 sanitize=() release started=$SECONDS

	check_build_tools
	check_free_space
	note "building the debug kernel, flavour $flavour, in $into (once; 10 to 30 minutes)"
	mkdir -p "$into/build"
	fragments >"$into/fragments"
	: >"$into/build.log"
	# the kernel itself is not watched for races, only modules built against it
	[[ $flavour != kcsan ]] || sanitize=(KCSAN_SANITIZE=n)
	run_make "$into" KCONFIG_ALLCONFIG="$into/fragments" allnoconfig
	check_config "$into/build/.config"
	run_make "$into" "${sanitize[@]}" bzImage modules
	# as it is: the code before KASAN has its shadow cannot be entered directly (PVH)
	cp "$into/build/arch/x86/boot/bzImage" "$into/kernel"
	release=$(<"$into/build/include/config/kernel.release")
	run_make "$into" INSTALL_MOD_PATH="$into" modules_install
	depmod -b "$into" "$release"
	ln -sfn "$into/build" "$into/lib/modules/$release/build"
	rm -f "$into/lib/modules/$release/source"
	# what modules are not built with
	find "$into/build" \( -name '*.o' -o -name '*.a' -o -name '.*.cmd' -o -name '.tmp_*' \
		-o -name 'vmlinux*' -o -name 'bzImage' \) -type f -delete
	echo "$into/build" >"$into/kdir"
	echo "$release" >"$into/release"
	note "built $release in $((SECONDS - started)) s, $(du -sm "$into" | cut -f1) MiB"
}

debug_image_dir()
{
	local key

	key=$({ fragments; gcc --version; echo "$recipe"; } | sha256sum | cut -c1-12)
	echo "$(readlink -f "$cache/debug/current")/$(flavour_of_series)-$key"
}

# As use_kernel(). Only who has to make something waits for others who do.
use_debug_kernel()
{
	local lock

	image_dir=$(debug_image_dir)
	if [[ ${1:-} == newest || ! -e $image_dir/release ]]; then
		mkdir -p "$cache/debug"
		exec {lock}>"$cache/debug/lock"
		flock "$lock"
		set -E
		trap '[[ $BASH_SUBSHELL -gt 0 ]] || die 69 "could not make the debug kernel"' ERR
		if [[ ${1:-} == newest || ! -e $cache/debug/current ]]; then
			fetch_source
		fi
		image_dir=$(debug_image_dir)
		if [[ ! -e $image_dir/release ]]; then
			build_debug_kernel "$image_dir" "$(flavour_of_series)"
		fi
		trap - ERR
		set +E
		exec {lock}>&-
	fi
	release=$(<"$image_dir/release")
}
