# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# bash completion for meshctl(8): commands, options, and the names of hubs and links,
# asked from the daemon quietly.

# Ask with the socket the user has typed, if any.
_meshctl_ask()
{
	local i args=(-o json)

	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		-s | --socket) args+=(-s "${COMP_WORDS[i + 1]}") ;;
		esac
	done
	"${COMP_WORDS[0]}" "${args[@]}" "$1" 2>/dev/null
}

# Names come from other machines and compgen -W expands its words: only plain ones may pass.
_meshctl_hubs()
{
	_meshctl_ask hubs | grep -o '"name":"[A-Za-z0-9._-]*"' | cut -d '"' -f 4
}

_meshctl_services()
{
	_meshctl_ask service | grep -o '"name":"[a-z0-9-]*"' | cut -d '"' -f 4 | sort -u
}

_meshctl_links()
{
	_meshctl_ask links | grep -o '"link":[0-9]*' | cut -d : -f 2
}

_meshctl()
{
	local commands=" status hubs links routes path sessions qos filter stats ping top log log-level config reload service resolve proxy versions rollback canary promote pin clear ca version help "
	local globals="-s --socket -o --output --watch --no-color -h --help"
	local word=${COMP_WORDS[COMP_CWORD]} before='' command='' operand='' words='' i

	COMPREPLY=()
	[ "$COMP_CWORD" -gt 0 ] && before=${COMP_WORDS[COMP_CWORD - 1]}
	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		-s | --socket | -o | --output | -c | --count | -i | --interval | -n | --lines | \
			--delay) ((i++)) ;;
		-*) ;;
		*) if [ -z "$command" ]; then command=${COMP_WORDS[i]}; else operand+=${COMP_WORDS[i]}; fi ;;
		esac
	done
	case $before in
	-s | --socket) mapfile -t COMPREPLY < <(compgen -f -- "$word") && return ;;
	-o | --output) words="table json" ;;
	-c | --count | -i | --interval | -n | --lines | --delay) return ;;
	esac
	if [ -z "$words" ]; then
		case $command:$operand in
		:) words=$commands ;;
		path:) words=$(_meshctl_hubs) ;;
		ping:) words="$(_meshctl_hubs) -c --count -i --interval -4" ;;
		stats:) words="link hub --drops" ;;
		stats:link) words=$(_meshctl_links) ;;
		stats:hub) words=$(_meshctl_hubs) ;;
		top:) words="-d --delay -n --count" ;;
		log:) words="-f --follow -n --lines" ;;
		log-level:) words="error warning info debug" ;;
		service:) words="list add remove show history start stop restart logs" ;;
		service:remove | service:show | service:history | service:start | service:stop | service:restart | service:logs) words=$(_meshctl_services) ;;
		versions: | rollback: | canary: | promote: | pin: | clear:) words=$(_meshctl_services) ;;
		resolve:) words="$(_meshctl_services) -e --explain -r --range --interface --zone --protocol --capability --credential --max-latency --max-price --slots --shared" ;;
		ca:) words="init issue issue-service show revoke revocations --help" ;;
		ca:revocations) words="install --help" ;;
		ca:*) words="--mesh --dir --days --hub --out --zone --pubkey --reason --service --help" ;;
		help:) words=$commands ;;
		esac
		[[ $word == -* ]] && words+=" $globals"
	fi
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
	[[ $command:$operand == service:add && $word != -* ]] &&
		mapfile -t COMPREPLY < <(compgen -f -- "$word")
	[[ $command == ca && $before == --reason ]] &&
		mapfile -t COMPREPLY < <(compgen -W "key-compromise affiliation-changed superseded cessation privilege-withdrawn unspecified" -- "$word") &&
		return 0
	[[ $command == ca && $word != -* && ($before == --* || $before == install) ]] &&
		mapfile -t COMPREPLY < <(compgen -f -- "$word")
	return 0
}

complete -F _meshctl meshctl
