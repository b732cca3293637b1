#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# A function in shell: a town in, its forecast out, asked with curl.
set -eu

town=$(cat)
weather=$(curl --silent --fail --max-time 5 "$WEATHER_URL")
printf 'shell: %s: %s\n' "$town" "$weather"
