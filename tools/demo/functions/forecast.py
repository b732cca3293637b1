#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""A function in Python: a town in, its forecast out, asked with urllib."""

import os
import sys
import urllib.request

town = sys.stdin.read()
with urllib.request.urlopen(os.environ["WEATHER_URL"], timeout=5) as answer:
    print(f"Python: {town}: {answer.read().decode()}", end="")
