#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# test_meshctl - meshctl against the real API in front of a fake mesh (fake_meshd)
#
# Usage: selftests/net/test_meshctl.sh
#
# FAKE_MESHD and MESHCTL name the programs; by default those of `make tests`.  Prints
# KTAP.  Needs no root and leaves nothing behind.
set -uo pipefail

top=$(cd "$(dirname "$0")/../.." && pwd)
fake_meshd=${FAKE_MESHD:-$top/build/asan/net/fake_meshd}
meshctl=${MESHCTL:-$top/build/meshctl}
dir=$(mktemp -d /tmp/hubmesh-meshctl-XXXXXX)
socket=$dir/api.sock
n=0 failures=0 daemon_in='' daemon_pid=''

unset NO_COLOR MESHCTL_SOCKET
export TZ=UTC

stop_daemon()
{
	[ -n "$daemon_pid" ] || return 0
	exec {daemon_in}>&-
	wait "$daemon_pid"
	daemon_status=$?
	daemon_pid=''
}

# The daemon ends when its standard input does: it cannot outlive this script.
start_daemon()
{
	local deadline=$((SECONDS + 10))

	rm -f "$dir/in" && mkfifo "$dir/in"
	"$fake_meshd" "$socket" "$@" <"$dir/in" 2>>"$dir/daemon.log" &
	daemon_pid=$!
	exec {daemon_in}>"$dir/in"
	until "$meshctl" -s "$socket" -o json status >/dev/null 2>&1; do
		[ $SECONDS -lt $deadline ] || return 1
	done
}

clean_up()
{
	stop_daemon
	rm -rf "$dir"
}
trap clean_up EXIT

# run EXPECTED_STATUS WORDS...: output in $out, complaints in $err
run()
{
	local expected=$1 status

	shift
	out=$("$meshctl" -s "$socket" "$@" 2>"$dir/err" </dev/null)
	status=$?
	err=$(<"$dir/err")
	[ $status -eq "$expected" ] && return
	echo "# meshctl $*: exit $status, expected $expected: $out $err"
	return 1
}

has()
{
	[[ $1 == *"$2"* ]] && return
	echo "# expected \"$2\" in: $1"
	return 1
}

lacks()
{
	[[ $1 != *"$2"* ]] && return
	echo "# did not expect \"$2\" in: $1"
	return 1
}

test_status_is_one_screen()
{
	run 0 status && has "$out" "alpha" && has "$out" "2 of 3 up" &&
		has "$out" "expires in 12 days" && [ "$(wc -l <<<"$out")" -le 24 ]
}

test_tables_name_peers()
{
	run 0 hubs && has "$out" "delta" && has "$out" "unreachable" &&
		run 0 links && has "$out" "bravo" && has "$out" "eth0" &&
		run 0 routes && has "$out" "charlie (2)" &&
		run 0 sessions && has "$out" "1h03m" &&
		run 0 qos && has "$out" "no rate" && has "$out" "20.0 Mbit/s" &&
		run 0 filter && has "$out" "protocol=6 ports=22-23" && has "$out" "10.77.0.2/32" &&
		run 0 config && has "$out" "lab.example"
}

test_json_is_parseable_for_every_command()
{
	local command

	for command in status hubs links routes sessions qos filter stats config version log "path delta"; do
		# shellcheck disable=SC2086 # words on purpose
		run 0 -o json $command && jq -e .api <<<"$out" >/dev/null || return 1
	done
}

test_path_exits_1_when_unreachable_or_unknown()
{
	run 0 path delta && has "$out" "bravo" && run 1 path echo && run 1 path nobody &&
		has "$err" "meshctl hubs" && run 1 path twin && has "$err" "several"
}

test_stats_pick_one_object()
{
	run 0 stats --drops && has "$out" "hop tag does not verify" && lacks "$out" "rx-short" &&
		run 0 stats link 1 && has "$out" "rtt_us" && run 1 stats link 99 &&
		run 0 stats hub bravo && run 1 stats hub nobody && run 64 stats peer bravo
}

test_usage_errors_exit_64()
{
	run 64 && run 64 frobnicate && run 64 lniks && has "$err" "meshctl links" &&
		run 64 hubs extra && run 64 hubs --colour && run 64 -o xml hubs &&
		run 64 ping && run 64 ping -c 0 bravo && run 64 ping -i 0 bravo &&
		run 64 log -n x && run 64 log-level && run 64 --watch log -f
}

test_help_is_no_error()
{
	run 0 help && has "$out" "sessions" && run 0 --help && run 0 hubs --help &&
		has "$out" "Example:" && run 0 help ping && has "$out" "--interval" && run 0 ping -h
}

test_log_shows_lines_and_follows()
{
	run 0 log && has "$out" "event=start" && run 0 log -n 1 && lacks "$out" "event=start"
	mkfifo "$dir/follow"
	"$meshctl" -s "$socket" log -f -n 1 >"$dir/follow" &
	local pid=$! line
	exec {follow}<"$dir/follow"
	read -r -t 10 -u "$follow" line # it has found its place
	run 0 log-level debug
	read -r -t 10 -u "$follow" line
	kill "$pid" && wait "$pid" 2>/dev/null
	exec {follow}<&-
	has "$line" "event=log-level level=debug"
}

test_reload_passes_the_daemons_words_on()
{
	run 1 reload && has "$err" "meshd.yaml:3: mtu is 12; write 1280 to 9000" &&
		run 65 log-level loud && has "$err" "debug"
}

test_output_to_a_pipe_has_no_colour()
{
	run 0 status && lacks "$out" $'\e' && run 0 top -d 0.1 && lacks "$out" $'\e' &&
		has "$out" "bit/s"
}

test_watch_repeats()
{
	local lines

	lines=$(timeout 5 "$meshctl" -s "$socket" -o json --watch=0.1 routes | head -n 3 | wc -l)
	[ "$lines" -eq 3 ]
}

test_ping_without_a_reply_exits_1()
{
	if ! "$meshctl" -s "$socket" -o json ping -c 1 -4 bravo >"$dir/ping" 2>"$dir/err"; then
		grep -q "no ICMP socket" "$dir/err" && return
		jq -e '.sent == 1 and .received == 0' "$dir/ping" >/dev/null
	fi
}

# In a network of its own, where the loopback holds the fake hub's address.
test_ping_measures_round_trips()
{
	local setup='ip link set lo up && ip addr add fd5e:1f2:3:0:aa:bbff:fecc:2/128 dev lo nodad'

	unshare -n bash -c "$setup" 2>/dev/null || return 4
	out=$(unshare -n bash -c "$setup && exec \"\$@\"" - \
		"$meshctl" -s "$socket" ping -c 3 -i 0.05 bravo) || return 1
	has "$out" "reply 3 from bravo" && has "$out" "3 received, 0 % lost" &&
		has "$out" "round trip min"
}

test_other_users_are_turned_away()
{
	[ "$(id -u)" -eq 0 ] || return 4
	chmod 755 "$dir"
	cp "$meshctl" "$dir/meshctl"
	setpriv --reuid 65534 --regid 65534 --clear-groups "$dir/meshctl" -s "$socket" status \
		2>"$dir/err"
	[ $? -eq 77 ] && has "$(<"$dir/err")" "sudo" || return 1
	chmod 666 "$socket" # now they reach the daemon, which looks for itself
	setpriv --reuid 65534 --regid 65534 --clear-groups "$dir/meshctl" -s "$socket" status \
		2>"$dir/err"
	[ $? -eq 77 ] && has "$(<"$dir/err")" "user 65534 may not ask"
}

test_members_of_the_group_may_ask_but_not_change()
{
	[ "$(id -u)" -eq 0 ] || return 4
	chgrp 12345 "$socket"
	setpriv --reuid 65534 --regid 65534 --groups 12345 "$dir/meshctl" -s "$socket" hubs \
		>"$dir/out" 2>"$dir/err" || return 1
	has "$(<"$dir/out")" "bravo" || return 1
	setpriv --reuid 65534 --regid 65534 --groups 12345 "$dir/meshctl" -s "$socket" reload \
		2>"$dir/err"
	[ $? -eq 77 ] && has "$(<"$dir/err")" "only root"
}

test_a_second_daemon_does_not_take_the_socket()
{
	"$fake_meshd" "$socket" </dev/null 2>"$dir/err"
	[ $? -eq 69 ] && has "$(<"$dir/err")" "another meshd answers" && run 0 hubs
}

test_names_cannot_attack_the_terminal()
{
	local command

	stop_daemon && start_daemon hostile || return 1
	for command in hubs links routes sessions qos filter stats "path delta" "stats link 1"; do
		# shellcheck disable=SC2086 # words on purpose
		run 0 $command && lacks "$out" $'\e' && lacks "$out" $'\a' || return 1
	done
}

test_names_cannot_run_in_the_completing_shell()
{
	local COMP_WORDS COMP_CWORD COMPREPLY

	# shellcheck source=/dev/null
	. "$top/scripts/completion/meshctl.bash" || return 1
	COMP_WORDS=("$meshctl" -s "$socket" path '') COMP_CWORD=4
	_meshctl && [ "${COMPREPLY[*]}" = "alpha delta echo" ]
}

test_a_hub_without_module_says_what_to_do()
{
	stop_daemon && start_daemon bare || return 1
	run 0 status && has "$out" "control plane only" && has "$out" "modprobe hubmesh" &&
		run 0 stats && has "$out" "no data path" && run 0 stats --drops && run 0 top -d 0.1
}

test_completion_offers_commands_and_hubs()
{
	local COMP_WORDS COMP_CWORD COMPREPLY

	# shellcheck source=/dev/null
	. "$top/scripts/completion/meshctl.bash" || return 1
	COMP_WORDS=("$meshctl" -s "$socket" se) COMP_CWORD=3
	_meshctl && has "${COMPREPLY[*]}" "sessions" || return 1
	COMP_WORDS=("$meshctl" -s "$socket" path de) COMP_CWORD=4
	_meshctl && [ "${COMPREPLY[*]}" = delta ] || return 1
	COMP_WORDS=("$meshctl" ping --) COMP_CWORD=2
	_meshctl && has "${COMPREPLY[*]}" "--count"
}

test_the_daemon_ends_cleanly()
{
	stop_daemon
	[ "$daemon_status" -eq 0 ] || { sed 's/^/# /' "$dir/daemon.log"; return 1; }
}

test_without_daemon_exits_69_and_says_why()
{
	run 69 status && has "$err" "$socket" && has "$err" "systemctl status meshd" &&
		run 69 path delta && run 69 ping bravo && run 69 top && run 69 log -f &&
		run 0 version && has "$out" "does not answer"
}

tests=$(sed -n 's/^\(test_[a-z0-9_]*\)()$/\1/p' "$0")
echo "KTAP version 1"
if [ ! -x "$fake_meshd" ] || [ ! -x "$meshctl" ]; then
	echo "1..0 # SKIP no $fake_meshd or $meshctl: make tests"
	exit 4
fi
echo "1..$(wc -w <<<"$tests")"
start_daemon || echo "# fake_meshd does not start: $(<"$dir/daemon.log")"
for name in $tests; do
	n=$((n + 1))
	"$name"
	case $? in
	0) echo "ok $n ${name#test_}" ;;
	4) echo "ok $n ${name#test_} # SKIP needs root" ;;
	*) echo "not ok $n ${name#test_}" && failures=$((failures + 1)) ;;
	esac
done
[ $failures -eq 0 ]
