# SPDX-License-Identifier: GPL-2.0
"""Trees and sender keys as attribute bytes and requests."""

from . import uapi
from .mesh import CHACHA, hub_ref, material
from .netlink import as_dict, attr, parse, u8, u32, u64

BROADCAST = b"\xff" * 6
SENDER = uapi.HUBMESH_KEY_SCOPE_SENDER


def tree(root, parent=None, children=(), groups=None, frame_max=0):
    """One tree of a route set.  @root, @parent: hub ids; @groups: {MAC: mask of children}."""
    fields = [attr(uapi.HUBMESH_A_TREE_ROOT, root)]
    if parent is not None:
        fields.append(attr(uapi.HUBMESH_A_TREE_PARENT, parent))
    if children:
        fields.append(attr(uapi.HUBMESH_A_TREE_CHILDREN, b"".join(map(u32, children))))
    if groups:
        fields += [attr(uapi.HUBMESH_A_TREE_GROUPS, b"".join(groups)),
                   attr(uapi.HUBMESH_A_TREE_MASKS, b"".join(map(u64, groups.values())))]
    if frame_max:
        fields.append(attr(uapi.HUBMESH_A_TREE_FRAME_MAX, u32(frame_max)))
    return attr(uapi.HUBMESH_A_ROUTES_TREE, fields)


def sender_key(phase, raw, is_own, use=False, cipher=CHACHA, more=()):
    """Nest of KEY_SET for a sender key."""
    fields = [attr(uapi.HUBMESH_A_KEY_PHASE, u8(phase)),
              attr(uapi.HUBMESH_A_KEY_CIPHER, u32(cipher)),
              attr(uapi.HUBMESH_A_KEY_TX if is_own else uapi.HUBMESH_A_KEY_RX, raw),
              attr(uapi.HUBMESH_A_KEY_SCOPE, u32(SENDER)), *more]
    if use:
        fields.append(attr(uapi.HUBMESH_A_KEY_FLAGS, u32(uapi.HUBMESH_KEY_F_USE)))
    return attr(uapi.HUBMESH_A_KEY, fields)


def sender_phase(phase=None):
    """Nest of KEY_USE and KEY_DEL."""
    fields = [attr(uapi.HUBMESH_A_KEY_SCOPE, u32(SENDER))]
    if phase is not None:
        fields.append(attr(uapi.HUBMESH_A_KEY_PHASE, u8(phase)))
    return attr(uapi.HUBMESH_A_KEY, fields)


def set_sender_key(hub, owner, raw, phase=0, use=False, **kw):
    """Give @hub the sender key of @owner, which may be itself."""
    hub.request(uapi.HUBMESH_CMD_KEY_SET, hub_ref(owner.id),
                sender_key(phase, raw, owner is hub, use, **kw))


def use_sender_key(hub, owner, phase=0):
    """Of @hub itself: seal with it.  Of another: it has this phase of ours."""
    hub.request(uapi.HUBMESH_CMD_KEY_USE, hub_ref(owner.id), sender_phase(phase))


def del_sender_key(hub, owner, phase=None):
    hub.request(uapi.HUBMESH_CMD_KEY_DEL, hub_ref(owner.id), sender_phase(phase))


def trees_of(hub):
    """{root: (parent or None, [child links], {group: mask})} of the set in force."""
    found = {}
    for _, body in hub.request(uapi.HUBMESH_CMD_ROUTE_GET, dump=True):
        for kind, nest in parse(as_dict(body)[uapi.HUBMESH_A_ROUTES]):
            if kind != uapi.HUBMESH_A_ROUTES_TREE:
                continue
            one = as_dict(nest)
            groups = one.get(uapi.HUBMESH_A_TREE_GROUPS, b"")
            masks = _numbers(one.get(uapi.HUBMESH_A_TREE_MASKS, b""), 8)
            found[one[uapi.HUBMESH_A_TREE_ROOT]] = (
                one.get(uapi.HUBMESH_A_TREE_PARENT),
                _numbers(one.get(uapi.HUBMESH_A_TREE_CHILDREN, b""), 4),
                {groups[6 * n:6 * n + 6]: mask for n, mask in enumerate(masks)})
    return found


def _numbers(raw, size):
    return [int.from_bytes(raw[at:at + size], "little") for at in range(0, len(raw), size)]


def children_of(mesh, i, root):
    """Hubs that hub @i of a Mesh passes frames of @root on to, rising."""
    near = {b if a == i else a for a, b in mesh.edges if i in (a, b)}
    return sorted(k for k in near if k != root and mesh.first_hops(k)[root] == i)


def grow_trees(mesh, groups=lambda i, root, children: None, with_keys=True):
    """Routes, a tree of every hub and sender keys that all are known to have, for a Mesh.

    @groups: {MAC: mask} for hub i in the tree of a root.
    """
    mesh.generation += 1
    for i, hub in mesh.hubs.items():
        first, trees = mesh.first_hops(i), []
        for j, root in mesh.hubs.items():
            children = children_of(mesh, i, j)
            trees.append(tree(root.id, None if i == j else mesh[first[j]].id, children,
                              groups(i, j, children)))
            if with_keys:
                set_sender_key(hub, root, material("sender", j)[:44], use=i == j,
                               cipher=mesh.cipher)
        for other in mesh.hubs.values():
            if with_keys and other is not hub:
                use_sender_key(hub, other)
        hub.routes({mesh[j]: via for j, via in first.items()}, mesh.generation, trees=trees)
