// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: effects on the module's tables: links, hubs, keys, routes
 *
 * One request per function.  Setting what exists and deleting what is gone
 * succeed, so that hub.c need not know what the kernel has.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/datapath/internal.h"
#include "daemon/lib/cleanup.h"
#include "daemon/lib/log.h"
#include "daemon/lib/memory.h"
#include "daemon/lib/secret.h"
#include "daemon/routing/tree.h"

#define ROUTES_MESSAGE_MAX 30000 /* bytes; then the transaction goes on in another message */
#define ROUTE_ATTR_MAX 128 /* one route, longest form */
#define TREE_ATTR_MAX (64 + TREE_CHILDREN_MAX * 4 + TREE_GROUPS_MAX * (RECORD_GROUP_LEN + 8))
#define HUBS_PER_FLUSH 1024

_Static_assert(ROUTES_MESSAGE_MAX + ROUTE_ATTR_MAX < NETLINK_REQUEST_MAX, "a step fits");
_Static_assert(ROUTES_MESSAGE_MAX + TREE_ATTR_MAX < NETLINK_REQUEST_MAX, "a step fits");
_Static_assert(TREE_CHILDREN_MAX == HUBMESH_TREE_CHILDREN_MAX, "as many children as the kernel");
_Static_assert(TREE_GROUPS_MAX == HUBMESH_TREE_GROUPS_MAX, "as many groups as the kernel");
_Static_assert(EFFECT_NEXTHOPS_MAX == HUBMESH_NEXTHOPS_MAX, "as many next hops as the kernel");
_Static_assert(DATAPATH_DROPS_MAX > HUBMESH_DROP_MAX, "room for every drop reason");

/* --- device --- */

int datapath_configure(struct datapath *dp, const struct datapath_settings *settings)
{
	struct nlmsghdr *message = datapath_begin(dp, HUBMESH_CMD_DEV_SET, 0);
	struct nlattr *nest = mnl_attr_nest_start(message, HUBMESH_A_DEVICE);

	mnl_attr_put(message, HUBMESH_A_DEVICE_ID, HUB_ID_LEN, settings->id.b);
	mnl_attr_put_u16(message, HUBMESH_A_DEVICE_PORT, settings->data_port);
	mnl_attr_put_u16(message, HUBMESH_A_DEVICE_CONTROL_PORT, settings->control_port);
	mnl_attr_nest_end(message, nest);
	return datapath_run(dp, NULL, NULL);
}

int datapath_set_peers(struct datapath *dp, uint32_t flags, const struct hub_id *peers, size_t n)
{
	struct nlmsghdr *message = datapath_begin(dp, HUBMESH_CMD_DEV_SET, 0);
	struct nlattr *nest = mnl_attr_nest_start(message, HUBMESH_A_DEVICE), *list;

	list = mnl_attr_nest_start(message, HUBMESH_A_DEVICE_PEERS);
	mnl_attr_put_u32(message, HUBMESH_A_PEERS_FLAGS, flags);
	if (n)
		mnl_attr_put(message, HUBMESH_A_PEERS_LIST, n * sizeof(*peers), peers);
	mnl_attr_nest_end(message, list);
	mnl_attr_nest_end(message, nest);
	return datapath_run(dp, NULL, NULL);
}

/* --- links --- */

static struct nlattr *begin_link(struct nlmsghdr *message, uint32_t link)
{
	struct nlattr *nest = mnl_attr_nest_start(message, HUBMESH_A_LINK);

	mnl_attr_put_u32(message, HUBMESH_A_LINK_INDEX, link);
	return nest;
}

static void put_carrier(struct nlmsghdr *message, const struct endpoint *local,
			const struct endpoint *remote, const uint8_t *lladdr)
{
	bool has_local = local->family == remote->family;

	mnl_attr_put_u32(message, HUBMESH_A_LINK_OIF, remote->ifindex);
	if (lladdr) {
		mnl_attr_put(message, HUBMESH_A_LINK_REMOTE_LLADDR, ENDPOINT_LLADDR_LEN, lladdr);
		return;
	}
	if (remote->family == AF_INET) {
		mnl_attr_put(message, HUBMESH_A_LINK_REMOTE4, 4, &remote->addr4);
		if (has_local)
			mnl_attr_put(message, HUBMESH_A_LINK_LOCAL4, 4, &local->addr4);
	} else {
		mnl_attr_put(message, HUBMESH_A_LINK_REMOTE6, 16, &remote->addr6);
		if (has_local)
			mnl_attr_put(message, HUBMESH_A_LINK_LOCAL6, 16, &local->addr6);
	}
	mnl_attr_put_u16(message, HUBMESH_A_LINK_REMOTE_PORT, remote->port);
}

static int set_link(struct datapath *dp, uint8_t command, uint32_t link, uint32_t remote_link,
		    const struct hub_id *peer, const struct endpoint *local,
		    const struct endpoint *remote, const uint8_t *lladdr)
{
	struct nlmsghdr *message = datapath_begin(dp, command, 0);
	struct nlattr *nest = begin_link(message, link);

	if (command == HUBMESH_CMD_LINK_NEW)
		mnl_attr_put(message, HUBMESH_A_LINK_PEER, HUB_ID_LEN, peer->b);
	mnl_attr_put_u32(message, HUBMESH_A_LINK_REMOTE_INDEX, remote_link);
	put_carrier(message, local, remote, lladdr);
	mnl_attr_put_u32(message, HUBMESH_A_LINK_PROBE_MS, dp->probe_ms);
	mnl_attr_put_u32(message, HUBMESH_A_LINK_PROBE_MISSES, dp->probe_misses);
	mnl_attr_nest_end(message, nest);
	return datapath_run(dp, NULL, NULL);
}

static void note_peer(const struct nlmsghdr *message, void *arg)
{
	const struct nlattr *tb[HUBMESH_A_MAX + 1], *link[HUBMESH_A_LINK_MAX + 1];

	datapath_content(message, tb);
	netlink_parse_nested(tb[HUBMESH_A_LINK], link, HUBMESH_A_LINK_MAX);
	netlink_bytes(link[HUBMESH_A_LINK_PEER], arg, HUB_ID_LEN);
}

static int read_peer(struct datapath *dp, uint32_t link, struct hub_id *ret)
{
	struct nlmsghdr *message = datapath_begin(dp, HUBMESH_CMD_LINK_GET, 0);

	mnl_attr_nest_end(message, begin_link(message, link));
	return datapath_run(dp, note_peer, ret);
}

/* A link keeps its peer for life: an index that now means another is made anew. */
int datapath_link_set(struct datapath *dp, uint32_t link, uint32_t remote_link,
		      const struct hub_id *peer, const struct endpoint *local,
		      const struct endpoint *remote, const uint8_t *lladdr)
{
	struct hub_id had = {0};
	int error =
		set_link(dp, HUBMESH_CMD_LINK_NEW, link, remote_link, peer, local, remote, lladdr);

	if (!error)
		return datapath_policy_link(dp, link, remote->ifindex);
	if (error != -EEXIST)
		return error;
	error = read_peer(dp, link, &had);
	if (error)
		return error;
	if (hub_id_equal(&had, peer)) {
		error = set_link(dp, HUBMESH_CMD_LINK_SET, link, remote_link, peer, local, remote,
				 lladdr);
	} else {
		error = datapath_link_del(dp, link);
		if (!error)
			error = set_link(dp, HUBMESH_CMD_LINK_NEW, link, remote_link, peer, local,
					 remote, lladdr);
	}
	return error ?: datapath_policy_link(dp, link, remote->ifindex);
}

int datapath_set_probes(struct datapath *dp, uint32_t probe_ms, uint32_t probe_misses)
{
	struct datapath_link_list links;
	int error = datapath_list_links(dp, &links);

	dp->probe_ms = probe_ms;
	dp->probe_misses = probe_misses;
	for (size_t i = 0; i < links.n && !error; i++) {
		struct nlmsghdr *message = datapath_begin(dp, HUBMESH_CMD_LINK_SET, 0);
		struct nlattr *nest = begin_link(message, links.at[i].link);

		mnl_attr_put_u32(message, HUBMESH_A_LINK_PROBE_MS, probe_ms);
		mnl_attr_put_u32(message, HUBMESH_A_LINK_PROBE_MISSES, probe_misses);
		mnl_attr_nest_end(message, nest);
		error = datapath_run(dp, NULL, NULL);
	}
	free(links.at);
	return error;
}

int datapath_link_del(struct datapath *dp, uint32_t link)
{
	struct nlmsghdr *message = datapath_begin(dp, HUBMESH_CMD_LINK_DEL, 0);
	int error;

	mnl_attr_nest_end(message, begin_link(message, link));
	error = datapath_run(dp, NULL, NULL);
	return error == -ENOENT ? 0 : error;
}

/* --- hubs --- */

static int command_hub(struct datapath *dp, uint8_t command, const struct hub_id *hub)
{
	struct nlmsghdr *message = datapath_begin(dp, command, 0);
	struct nlattr *nest = mnl_attr_nest_start(message, HUBMESH_A_HUB);

	mnl_attr_put(message, HUBMESH_A_HUB_ID, HUB_ID_LEN, hub->b);
	mnl_attr_nest_end(message, nest);
	return datapath_run(dp, NULL, NULL);
}

/* Place of @hub in the sorted table; @found tells whether it is there. */
static size_t neighbour_at(const struct datapath *dp, const struct hub_id *hub, bool *found)
{
	size_t low = 0, high = dp->n_neighbours;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (hub_id_cmp(&dp->neighbours[middle].hub, hub) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	*found = low < dp->n_neighbours && hub_id_equal(&dp->neighbours[low].hub, hub);
	return low;
}

static struct datapath_neighbour *neighbour_get(struct datapath *dp, const struct hub_id *hub)
{
	bool found;
	size_t at = neighbour_at(dp, hub, &found);

	if (found)
		return &dp->neighbours[at];
	if (dp->n_neighbours == dp->max_neighbours) {
		dp->max_neighbours = dp->max_neighbours ? 2 * dp->max_neighbours : 16;
		dp->neighbours =
			xreallocarray(dp->neighbours, dp->max_neighbours, sizeof(*dp->neighbours));
	}
	memmove(&dp->neighbours[at + 1], &dp->neighbours[at],
		(dp->n_neighbours - at) * sizeof(*dp->neighbours));
	dp->n_neighbours++;
	dp->neighbours[at] = (struct datapath_neighbour){.hub = *hub};
	return &dp->neighbours[at];
}

static int change_neighbour(struct datapath *dp, bool add, int family, const void *addr,
			    const struct hub_id *hub)
{
	int error = device_neighbour(&dp->device, add, family, addr, hub);

	return error ? datapath_keep_error(dp, error, dp->device.rtnl->error) : 0;
}

/* What changed loses its old entry; what is set is written even if unchanged. */
static int set_neighbours(struct datapath *dp, struct datapath_neighbour *had,
			  const struct in6_addr *ula, struct in_addr ipv4)
{
	int error = 0;

	if (!IN6_IS_ADDR_UNSPECIFIED(&had->ula) && !IN6_ARE_ADDR_EQUAL(&had->ula, ula))
		error = change_neighbour(dp, false, AF_INET6, &had->ula, &had->hub);
	if (!error && had->ipv4.s_addr && had->ipv4.s_addr != ipv4.s_addr)
		error = change_neighbour(dp, false, AF_INET, &had->ipv4, &had->hub);
	if (error)
		return error;
	had->ula = *ula;
	had->ipv4 = ipv4;
	if (!IN6_IS_ADDR_UNSPECIFIED(ula))
		error = change_neighbour(dp, true, AF_INET6, ula, &had->hub);
	if (!error && ipv4.s_addr)
		error = change_neighbour(dp, true, AF_INET, &ipv4, &had->hub);
	return error;
}

int datapath_hub_set(struct datapath *dp, const struct hub_id *hub, const struct in6_addr *ula,
		     struct in_addr ipv4)
{
	int error = command_hub(dp, HUBMESH_CMD_HUB_NEW, hub);

	if (error && error != -EEXIST)
		return error;
	return set_neighbours(dp, neighbour_get(dp, hub), ula, ipv4);
}

int datapath_hub_del(struct datapath *dp, const struct hub_id *hub, const struct in6_addr *ula,
		     struct in_addr ipv4)
{
	static const struct in6_addr no_ula;
	static const struct in_addr no_ipv4;
	bool found;
	size_t at = neighbour_at(dp, hub, &found);
	int error, neighbour_error = 0;

	if (found) {
		neighbour_error = set_neighbours(dp, &dp->neighbours[at], &no_ula, no_ipv4);
		memmove(&dp->neighbours[at], &dp->neighbours[at + 1],
			(--dp->n_neighbours - at) * sizeof(*dp->neighbours));
	}
	error = command_hub(dp, HUBMESH_CMD_HUB_DEL, hub);
	return error && error != -ENOENT ? error : neighbour_error;
}

/* --- an earlier run's leftovers --- */

struct leftovers {
	uint32_t links[HUBS_PER_FLUSH];
	struct hub_id hubs[HUBS_PER_FLUSH];
	size_t n_links, n_hubs;
};

static void note_leftover(const struct nlmsghdr *message, void *arg)
{
	const struct nlattr *tb[HUBMESH_A_MAX + 1], *link[HUBMESH_A_LINK_MAX + 1],
		*hub[HUBMESH_A_HUB_MAX + 1];
	struct leftovers *left = arg;

	datapath_content(message, tb);
	netlink_parse_nested(tb[HUBMESH_A_LINK], link, HUBMESH_A_LINK_MAX);
	netlink_parse_nested(tb[HUBMESH_A_HUB], hub, HUBMESH_A_HUB_MAX);
	if (left->n_links < HUBS_PER_FLUSH &&
	    netlink_bytes(link[HUBMESH_A_LINK_INDEX], &left->links[left->n_links], 4))
		left->n_links++;
	if (left->n_hubs < HUBS_PER_FLUSH &&
	    netlink_bytes(hub[HUBMESH_A_HUB_ID], &left->hubs[left->n_hubs], HUB_ID_LEN))
		left->n_hubs++;
}

static int flush_some(struct datapath *dp, struct leftovers *left)
{
	int error = 0;

	for (size_t i = 0; i < left->n_links && !error; i++)
		error = datapath_link_del(dp, left->links[i]);
	for (size_t i = 0; i < left->n_hubs && !error; i++) {
		error = command_hub(dp, HUBMESH_CMD_HUB_DEL, &left->hubs[i]);
		if (error == -ENOENT)
			error = 0;
	}
	return error;
}

int datapath_flush(struct datapath *dp)
{
	_cleanup_free_ struct leftovers *left = xnew(struct leftovers);
	int error;

	/* Each round removes what it found: the kernel's limits bound the rounds. */
	do {
		left->n_links = left->n_hubs = 0;
		error = datapath_dump(dp, HUBMESH_CMD_LINK_GET, note_leftover, left);
		if (!error)
			error = datapath_dump(dp, HUBMESH_CMD_HUB_GET, note_leftover, left);
		if (!error)
			error = flush_some(dp, left);
	} while (!error && (left->n_links || left->n_hubs));
	return error;
}

/* --- keys --- */

static struct nlmsghdr *begin_key(struct datapath *dp, uint8_t command, enum key_owner owner,
				  uint32_t link, const struct hub_id *hub, uint8_t phase,
				  struct nlattr **key)
{
	struct nlmsghdr *message = datapath_begin(dp, command, 0);
	struct nlattr *nest;

	if (owner == KEY_OWNER_LINK) {
		nest = begin_link(message, link);
	} else {
		nest = mnl_attr_nest_start(message, HUBMESH_A_HUB);
		mnl_attr_put(message, HUBMESH_A_HUB_ID, HUB_ID_LEN, hub->b);
	}
	mnl_attr_nest_end(message, nest);
	*key = mnl_attr_nest_start(message, HUBMESH_A_KEY);
	if (phase != EFFECT_PHASES_ALL)
		mnl_attr_put_u8(message, HUBMESH_A_KEY_PHASE, phase);
	if (owner == KEY_OWNER_SENDER)
		mnl_attr_put_u32(message, HUBMESH_A_KEY_SCOPE, HUBMESH_KEY_SCOPE_SENDER);
	return message;
}

int datapath_key_install(struct datapath *dp, enum key_owner owner, uint32_t link,
			 const struct hub_id *hub, uint8_t phase, uint32_t cipher,
			 const uint8_t *rx, const uint8_t *tx, size_t len)
{
	struct nlattr *key;
	struct nlmsghdr *message =
		begin_key(dp, HUBMESH_CMD_KEY_SET, owner, link, hub, phase, &key);
	int error;

	mnl_attr_put_u32(message, HUBMESH_A_KEY_CIPHER, cipher);
	if (rx)
		mnl_attr_put(message, HUBMESH_A_KEY_RX, len, rx);
	if (tx)
		mnl_attr_put(message, HUBMESH_A_KEY_TX, len, tx);
	mnl_attr_nest_end(message, key);
	error = datapath_run(dp, NULL, NULL);
	netlink_wipe(dp->genl);
	return error;
}

int datapath_key_use(struct datapath *dp, enum key_owner owner, uint32_t link,
		     const struct hub_id *hub, uint8_t phase)
{
	struct nlattr *key;
	struct nlmsghdr *message =
		begin_key(dp, HUBMESH_CMD_KEY_USE, owner, link, hub, phase, &key);

	mnl_attr_nest_end(message, key);
	return datapath_run(dp, NULL, NULL);
}

int datapath_key_del(struct datapath *dp, enum key_owner owner, uint32_t link,
		     const struct hub_id *hub, uint8_t phase)
{
	struct nlattr *key;
	struct nlmsghdr *message =
		begin_key(dp, HUBMESH_CMD_KEY_DEL, owner, link, hub, phase, &key);
	int error;

	mnl_attr_nest_end(message, key);
	error = datapath_run(dp, NULL, NULL);
	return error == -ENOENT ? 0 : error;
}

/* --- routes --- */

static void put_route(struct nlmsghdr *message, const struct effect_route *route)
{
	struct nlattr *nest = mnl_attr_nest_start(message, HUBMESH_A_ROUTES_ROUTE), *hop;

	mnl_attr_put(message, HUBMESH_A_ROUTE_HUB, HUB_ID_LEN, route->hub.b);
	for (size_t i = 0; i < route->n_via && i < EFFECT_NEXTHOPS_MAX; i++) {
		hop = mnl_attr_nest_start(message, HUBMESH_A_ROUTE_NEXTHOP);
		mnl_attr_put_u32(message, HUBMESH_A_NEXTHOP_LINK, route->via[i].link);
		mnl_attr_put_u8(message, HUBMESH_A_NEXTHOP_WEIGHT, route->via[i].weight);
		mnl_attr_nest_end(message, hop);
	}
	if (route->backup) {
		hop = mnl_attr_nest_start(message, HUBMESH_A_ROUTE_BACKUP);
		mnl_attr_put_u32(message, HUBMESH_A_NEXTHOP_LINK, route->backup);
		if (hub_id_is_valid(&route->tunnel_end))
			mnl_attr_put(message, HUBMESH_A_NEXTHOP_TUNNEL, HUB_ID_LEN,
				     route->tunnel_end.b);
		mnl_attr_nest_end(message, hop);
	}
	if (route->frame_max)
		mnl_attr_put_u32(message, HUBMESH_A_ROUTE_FRAME_MAX, route->frame_max);
	mnl_attr_nest_end(message, nest);
}

static void put_tree(struct nlmsghdr *message, const struct tree *tree, const struct hub_id *self,
		     uint32_t frame_max)
{
	struct nlattr *nest = mnl_attr_nest_start(message, HUBMESH_A_ROUTES_TREE);
	bool is_own = hub_id_equal(&tree->root, self);
	uint8_t groups[HUBMESH_TREE_GROUPS_MAX][RECORD_GROUP_LEN];
	uint64_t masks[HUBMESH_TREE_GROUPS_MAX];

	for (size_t i = 0; i < tree->n_groups; i++) {
		memcpy(groups[i], tree->groups[i].mac, RECORD_GROUP_LEN);
		masks[i] = tree->groups[i].children;
	}
	mnl_attr_put(message, HUBMESH_A_TREE_ROOT, HUB_ID_LEN, tree->root.b);
	if (!is_own)
		mnl_attr_put(message, HUBMESH_A_TREE_PARENT, HUB_ID_LEN, tree->parent.b);
	if (tree->n_children)
		mnl_attr_put(message, HUBMESH_A_TREE_CHILDREN,
			     tree->n_children * sizeof(tree->child[0]), tree->child);
	if (tree->n_groups) {
		mnl_attr_put(message, HUBMESH_A_TREE_GROUPS, tree->n_groups * RECORD_GROUP_LEN,
			     groups);
		mnl_attr_put(message, HUBMESH_A_TREE_MASKS, tree->n_groups * sizeof(masks[0]),
			     masks);
	}
	if (is_own && frame_max)
		mnl_attr_put_u32(message, HUBMESH_A_TREE_FRAME_MAX, frame_max);
	mnl_attr_nest_end(message, nest);
}

/* How far a transaction has got. */
struct routes_progress {
	size_t routes, trees;
};

static bool put_next(struct nlmsghdr *message, const struct effect *effect,
		     const struct hub_id *self, struct routes_progress *done)
{
	const struct trees *trees = effect->routes.trees;

	if (done->routes < effect->routes.n_routes)
		put_route(message, &effect->routes.routes[done->routes++]);
	else if (trees && done->trees < trees->n)
		put_tree(message, &trees->list[done->trees++], self, effect->routes.tree_frame_max);
	else
		return false;
	return true;
}

int datapath_routes(struct datapath *dp, const struct effect *effect)
{
	struct routes_progress done = {0};
	bool is_first = true, is_last;
	int error;

	do {
		struct nlmsghdr *message = datapath_begin(dp, HUBMESH_CMD_ROUTE_REPLACE, 0);
		struct nlattr *nest = mnl_attr_nest_start(message, HUBMESH_A_ROUTES), *flags_attr;
		uint32_t flags = is_first ? HUBMESH_ROUTES_F_BEGIN : 0;

		mnl_attr_put_u64(message, HUBMESH_A_ROUTES_GENERATION, effect->routes.generation);
		flags_attr = mnl_nlmsg_get_payload_tail(message);
		mnl_attr_put_u32(message, HUBMESH_A_ROUTES_FLAGS, flags);
		do {
			is_last = !put_next(message, effect, &dp->id, &done);
		} while (!is_last && message->nlmsg_len < ROUTES_MESSAGE_MAX);
		if (is_last) {
			flags |= HUBMESH_ROUTES_F_COMMIT;
			memcpy(mnl_attr_get_payload(flags_attr), &flags, sizeof(flags));
		}
		mnl_attr_nest_end(message, nest);
		error = datapath_run(dp, NULL, NULL);
		is_first = false;
	} while (!error && !is_last);
	return error;
}

/* --- our addresses --- */

static int change_address(struct datapath *dp, bool add, int family, const void *addr,
			  uint8_t prefix_len)
{
	int error = device_address(&dp->device, add, family, addr, prefix_len);

	return error ? datapath_keep_error(dp, error, dp->device.rtnl->error) : 0;
}

int datapath_addresses(struct datapath *dp, const struct in6_addr *ula, struct in_addr ipv4,
		       uint8_t ipv4_prefix_len)
{
	bool same_ipv4 = dp->ipv4.s_addr == ipv4.s_addr && dp->ipv4_prefix_len == ipv4_prefix_len;
	int error = 0;

	if (!IN6_IS_ADDR_UNSPECIFIED(&dp->ula) && !IN6_ARE_ADDR_EQUAL(&dp->ula, ula))
		error = change_address(dp, false, AF_INET6, &dp->ula, 64);
	if (!error && dp->ipv4.s_addr && !same_ipv4)
		error = change_address(dp, false, AF_INET, &dp->ipv4, dp->ipv4_prefix_len);
	if (error)
		return error;
	dp->ula = *ula;
	dp->ipv4 = ipv4;
	dp->ipv4_prefix_len = ipv4_prefix_len;
	if (!IN6_IS_ADDR_UNSPECIFIED(ula))
		error = change_address(dp, true, AF_INET6, ula, 64);
	if (!error && ipv4.s_addr)
		error = change_address(dp, true, AF_INET, &ipv4, ipv4_prefix_len);
	return error;
}

void datapath_dress_again(struct datapath *dp)
{
	int error;

	if (IN6_IS_ADDR_UNSPECIFIED(&dp->ula) || !device_is_undressed(&dp->device, &dp->ula))
		return;
	error = datapath_addresses(dp, &dp->ula, dp->ipv4, dp->ipv4_prefix_len);
	for (size_t i = 0; i < dp->n_neighbours && !error; i++) {
		struct datapath_neighbour *neighbour = &dp->neighbours[i];

		error = set_neighbours(dp, neighbour, &neighbour->ula, neighbour->ipv4);
	}
	log_warning(
		LOG_LOCAL_CLASS,
		"event=interface-dressed-again interface=%s error=%d reason=\"somebody has set it "
		"down and up, or removed its address\"",
		dp->device.name, error);
}
