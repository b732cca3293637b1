# SPDX-License-Identifier: GPL-2.0
"""How patient tests are.  env HUBMESH_TIME_SCALE=N multiplies every time limit, for kernels
that check so much that they are many times slower (scripts/vm --debug)."""

import os

TIME_SCALE = float(os.environ.get("HUBMESH_TIME_SCALE", "1"))


def scaled(seconds):
    return seconds * TIME_SCALE
