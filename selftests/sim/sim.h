/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: sim: many hubs in one process, with a world that misbehaves on purpose
 *
 * Links the daemon's own rooms and hub.c; replaces the shells: a virtual
 * clock (world.c), an underlay of point-to-point edges with loss, delay,
 * duplication and cuts, TCP-like sessions (net.c), the kernel module's
 * tables (kernel.c).  check.c holds the invariants, main.c the scenario.
 * Documentation/simulator.rst.
 */
#ifndef SIM_H
#define SIM_H

#include <stdio.h>

#include "daemon/hub/hub.h"
#include "daemon/routing/tree.h"
#include "daemon/session/sender.h"
#include "daemon/wire/control.h"
#include "daemon/lib/prng.h"

#define SIM_HUBS_MAX 512
#define SIM_EDGES_PER_NODE_MAX 32
#define SIM_CERT_MAX 2048
#define SIM_PHASES 4
#define SIM_PROBE_NS (50 * NSEC_PER_MSEC)
#define SIM_PROBE_DEAD_NS (150 * NSEC_PER_MSEC)
#define SIM_SESSION_DEAD_NS (5 * NSEC_PER_SEC)
#define SIM_HANDSHAKE_NS (4 * NSEC_PER_MSEC)
#define SIM_CONTROL_PORT 4878
#define SIM_DATA_PORT 4877
#define SIM_PROXY_PORT 4879
#define SIM_REQUEST_NS (8 * NSEC_PER_SEC) /* every hub asks then, all at once */

/** struct sim_key - stands for key material: equal fields, equal keys */
struct sim_key {
	bool is_live;
	uint64_t conn;
	uint32_t serial, cipher;
	uint32_t peer_life; /* incarnation of the other hub it was made with */
	uint64_t made_ns;
};

struct sim_ring {
	struct sim_key keys[SIM_PHASES];
	int tx, pending; /* -1 none */
	uint64_t born_ns;
};

/** struct sim_sender - phases of a sender key, one's own or another's */
struct sim_sender {
	bool is_live[SIM_PHASES];
	uint8_t material[SIM_PHASES][CONTROL_SENDER_MATERIAL_LEN];
	int tx; /* own only, -1 none */
};

struct sim_link {
	bool exists, is_up;
	uint32_t remote_link;
	int peer, edge;
	uint64_t heard_ns;
	struct sim_ring ring;
};

/** struct sim_node - one machine: identity, disk, kernel and, while alive, a hub */
struct sim_node {
	int index;
	bool is_alive;
	uint32_t life;
	uint64_t started_ns;
	int64_t drift_ppm;
	struct hub *hub;
	struct hub_id id;
	uint8_t seed[32];
	uint8_t cert[SIM_CERT_MAX];
	size_t cert_len;
	struct in6_addr ula;
	uint64_t disk[3]; /* by enum persist_key */
	bool has_module;
	int island; /* frames go between nodes of one, and to nobody without the module: -1 */
	int edges[SIM_EDGES_PER_NODE_MAX];
	int n_edges;
	uint64_t timer; /* armed for, NEVER */
	/* its service, if it provides one; survives a crash as a file would */
	bool is_withdrawn;
	uint8_t service_state;
	uint32_t patch;
	uint64_t request; /* of this life, 0 not asked yet */
	struct versions_ruling *rulings; /* on disk */
	size_t n_rulings;
	uint8_t *list; /* of revocations, on disk */
	size_t list_len;
	/* kernel */
	struct sim_link *links; /* by index */
	size_t n_links;
	struct sim_ring *seals; /* by node */
	bool *knows; /* by node: HUB_SET */
	bool *guards; /* by node: GUARD, since it is known */
	uint32_t *told; /* by node: IPv4 of its last HUB_SET, network order */
	uint32_t *neighbour; /* by node: IPv4 whose neighbour entry leads there */
	struct effect_route *routes; /* by node; n_via 0: none */
	uint64_t generation;
	struct trees *trees; /* of the last set */
	struct sim_sender *senders; /* by node, ours at our own index */
	uint8_t *proved; /* by node: mask of our phases it is said to have */
	uint64_t *asked_ns; /* NEED_SESSION rate limit, by node */
};

struct sim_edge {
	int node[2];
	uint64_t delay_ns;
	bool is_up;
};

struct sim_message {
	struct sim_message *next;
	uint64_t due_ns;
	uint8_t message; /* 0: end of stream */
	size_t len;
	uint8_t body[];
};

/** struct sim_conn - a TCP and TLS connection; side 0 dialled */
struct sim_conn {
	uint64_t id;
	int node[2];
	uint32_t life[2];
	uint64_t session[2];
	bool is_open[2];
	bool over_mesh;
	int edge;
	struct sim_message *head[2], *tail[2]; /* by sender */
	uint64_t dead_since_ns;
};

enum sim_event_kind {
	SIM_TIMER,
	SIM_BEACON,
	SIM_CONNECTED,
	SIM_ACCEPTED,
	SIM_CONNECT_FAILED,
	SIM_PUMP,
	SIM_KEEPALIVE,
	SIM_PROBE,
	SIM_FAULT,
	SIM_EDGE_HEAL,
	SIM_NODE_START,
	SIM_TRAFFIC,
	SIM_CHECK,
	SIM_SERVICE,
	SIM_REQUEST,
	SIM_LEASES,
	SIM_DEPLOY,
	SIM_USE,
	SIM_REVOKE,
};

struct sim_event {
	uint64_t at_ns, order;
	enum sim_event_kind kind;
	int node, edge, side;
	uint64_t a; /* conn id, life, ... */
	uint8_t *bytes;
	size_t len;
};

struct sim_options {
	uint64_t seed;
	const char *topology, *trace_path, *faults, *deploy;
	int hubs, services, bare;
	uint32_t slots, slow_ms;
	bool has_requests;
	uint64_t seconds;
	bool has_loss, has_cut, has_partition, has_crash, has_restart, has_drift, has_rekey,
		has_churn, has_revoke, verbose;
};

struct sim {
	struct sim_options options;
	uint64_t now_ns, order;
	struct prng rng;
	struct sim_event *heap;
	size_t n_heap, heap_capacity;
	struct sim_node *nodes;
	int n_nodes;
	struct sim_edge *edges;
	int n_edges;
	struct sim_conn **conns; /* by id - 1; NULL when over */
	size_t n_conns, conns_capacity;
	uint8_t root_seed[32], root[SIM_CERT_MAX];
	size_t root_len;
	struct effects fx;
	FILE *trace;
	uint64_t digest;
	char failure[512]; /* first broken invariant */
	/* figures */
	uint64_t heal_ns, first_converged_ns, converged_ns, seals_ns;
	uint64_t frames_sent, frames_delivered, frames_lost, loops, events, promotions;
	uint64_t granted, refused, leases_max, leases_all, providers_used;
	uint64_t walks_repaired, walks_lost; /* with one wire cut */
	uint64_t served_ns; /* all users had a provider, since they asked; 0 not yet */
	uint64_t deployed_ns, left_ns, rollbacks, uses, uses_failed;
	int revoked; /* node, -1 none */
	uint64_t list_number, listed_ns, spread_ns;
	uint64_t sent_by_kind[EFFECT_LOG + 1];
};

/* world.c */
void sim_init(struct sim *sim, const struct sim_options *options);
void sim_fini(struct sim *sim);
void sim_schedule(struct sim *sim, uint64_t at_ns, struct sim_event event);
bool sim_pop(struct sim *sim, struct sim_event *ret);
void sim_trace(struct sim *sim, int node, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void sim_fail(struct sim *sim, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void sim_build_topology(struct sim *sim);
/** sim_has_frames() - Do frames go from one node to another when all wires are up? */
bool sim_has_frames(const struct sim *sim, int from, int to);
/** sim_edge_has_frames() - Both its ends have the module. */
bool sim_edge_has_frames(const struct sim *sim, int edge);
/* A node's own clock drifts. */
uint64_t node_clock(const struct sim *sim, const struct sim_node *node);

/* node.c: the shell */
void node_make_identity(struct sim *sim, struct sim_node *node);
void node_start(struct sim *sim, struct sim_node *node);
void node_crash(struct sim *sim, struct sim_node *node);
void node_stop(struct sim *sim, struct sim_node *node);
/** node_run_effects() - Carry out what the last event asked for and re-arm the timer. */
void node_run_effects(struct sim *sim, struct sim_node *node);
int node_by_id(const struct sim *sim, const struct hub_id *id);

/* net.c */
struct endpoint edge_address(const struct sim *sim, int edge, int side);
uint32_t edge_ifindex(int edge);
void net_beacon(struct sim *sim, struct sim_node *node, const struct effect *effect);
void net_dial(struct sim *sim, struct sim_node *node, const struct effect *effect);
void net_close(struct sim *sim, struct sim_node *node, uint64_t session);
void net_send(struct sim *sim, struct sim_node *node, const struct effect *effect);
void net_on_event(struct sim *sim, const struct sim_event *event);
struct sim_conn *net_conn_of(struct sim *sim, int node, uint64_t session, int *side);

/* kernel.c */
void kernel_reset(struct sim *sim, struct sim_node *node);
void kernel_effect(struct sim *sim, struct sim_node *node, const struct effect *effect);
void kernel_probe_all(struct sim *sim);
/** kernel_walk() - Follow routes. Return: hops; -1 no way; -2 loop. @delay_ns filled. */
int kernel_walk(struct sim *sim, int from, int to, uint64_t *delay_ns);
/** sim_group - what every second node listens to */
extern const uint8_t sim_group[6];
/**
 * kernel_spread() - Follow a frame along the tree of its root.
 * @sim: world
 * @root: node it starts at
 * @is_group: it is for sim_group, else for all
 * @copies: filled, by node: how many arrived
 *
 * Return: nodes reached; -1 one refused it, having another parent, or got it twice.
 */
int kernel_spread(struct sim *sim, int root, bool is_group, int *copies);
/** kernel_cut_each() - With each wire dead in turn and no new routes: no frame may loop. */
void kernel_cut_each(struct sim *sim);
/** proxies_check() - Can every hub's programs reach every hub's services? With all mended. */
bool proxies_check(struct sim *sim, char *why, size_t size);
/** kernel_send_frame() - Return: true delivered; else NEED_SESSION may be raised. */
bool kernel_send_frame(struct sim *sim, int from, int to);

/* revocations.c */
void revocations_begin(struct sim *sim);
void revocations_on_event(struct sim *sim);
/** revocations_keep() - REVOCATIONS. */
void revocations_keep(struct sim *sim, struct sim_node *node, const struct effect *effect);
void revocations_restore(struct sim_node *node, struct trust *trust);
/** revocations_converged() - In place of check_converged(), as one hub is not of the mesh. */
bool revocations_converged(const struct sim *sim, char *why, size_t size);

/* services.c */
/** services_start() - Before the hub starts: what it provides. */
void services_start(struct sim *sim, struct sim_node *node);
void services_on_event(struct sim *sim);
/** services_request() - Its user asks for the service, and keeps it. */
void services_request(struct sim *sim, struct sim_node *node);
/** services_check_leases() - What must hold at any time. */
void services_check_leases(struct sim *sim);
/** services_slowness_ns() - How much later than others a hub hears what it is told, with --slow. */
uint64_t services_slowness_ns(struct sim *sim, int node);
/** services_count() - Figures of the end. */
void services_count(struct sim *sim);
/** services_converged() - Every hub knows exactly what is offered. All are alive. */
bool services_converged(const struct sim *sim, char *why, size_t size);

/** services_deploy() - The next version in place of the present one. */
void services_deploy(struct sim *sim, struct sim_node *node);

/* versions.c */
/** versions_begin() - With --deploy: users use what they have, and a version comes. */
void versions_begin(struct sim *sim);
void versions_on_deploy(struct sim *sim);
void versions_on_use(struct sim *sim);
/** versions_keep() - A node's disk gets what its hub ruled; versions_restore() gives it back. */
void versions_keep(struct sim_node *node);
void versions_restore(struct sim_node *node);
/** versions_check() - At the end: was the version left, or kept, as it deserved? */
void versions_check(struct sim *sim);
/** versions_providers() - Of so many providers so many may have users at the end. */
uint64_t versions_providers(const struct sim *sim, uint64_t providers);

/* check.c */
bool check_converged(struct sim *sim, char *why, size_t size);

#endif
