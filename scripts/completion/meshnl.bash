# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# bash completion for meshnl(8): commands, options, interfaces of kind hubmesh and network
# namespaces.

# Names of interfaces may hold anything and compgen -W expands its words: only plain ones pass.
_meshnl_devices()
{
	ip -o link show type hubmesh 2>/dev/null | sed -n 's/^[0-9]*: \([A-Za-z0-9._-]*\).*/\1/p'
}

_meshnl_netns()
{
	ip netns list 2>/dev/null | sed -n 's/^\([A-Za-z0-9._-]*\).*/\1/p'
}

_meshnl()
{
	local commands=" show links hubs routes trees fdb keys qos filter stats drops monitor dev "
	local globals="-n --netns -o --output --watch --no-color -h --help"
	local word=${COMP_WORDS[COMP_CWORD]} before='' command='' operand='' words='' i

	COMPREPLY=()
	[ "$COMP_CWORD" -gt 0 ] && before=${COMP_WORDS[COMP_CWORD - 1]}
	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		-n | --netns | -o | --output) ((i++)) ;;
		-*) ;;
		*) if [ -z "$command" ]; then command=${COMP_WORDS[i]}; else operand+=${COMP_WORDS[i]}; fi ;;
		esac
	done
	case $before in
	-n | --netns) words=$(_meshnl_netns) ;;
	-o | --output) words="table json" ;;
	*)
		case $command:$operand in
		:) words=$commands ;;
		dev:) words="add del" ;;
		dev:add) ;;
		dev:del) words=$(_meshnl_devices) ;;
		*:) words=$(_meshnl_devices) ;;
		esac
		[[ $word == -* ]] && words+=" $globals" ;;
	esac
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
	return 0
}

complete -F _meshnl meshnl
