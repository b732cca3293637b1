// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: the interface type "hubmesh"
 *
 * An Ethernet interface whose MAC is this hub's id.  Its life:
 *
 *   newlink -> ndo_init -> (ndo_open <-> ndo_stop)* -> ndo_uninit -> destructor
 *
 * ndo_init makes empty tables.  ndo_open opens the carrier sockets in the
 * underlay, the namespace the device was made in; ndo_stop closes them.
 * ndo_uninit marks the device dead and empties the tables.  Every hub and link
 * holds a reference on the net_device until it is freed, so the core runs the
 * destructor, which frees the rest, when no hub, link or request in flight is
 * left.
 *
 * The device may move to other namespaces; its underlay does not move and is not
 * owned: no mesh keeps a namespace alive.  When the underlay dies first, the
 * namespace's pre_exit closes the sockets and sets hm->underlay to NULL; the
 * device stays, without a carrier, until somebody removes it.
 *
 * Locks: rtnl, then hm->lock.  The list of devices is under rtnl.
 */
#include <linux/ethtool.h>
#include <linux/etherdevice.h>
#include <linux/if_arp.h>
#include <linux/ipv6.h>
#include <linux/module.h>
#include <linux/random.h>
#include <linux/udp.h>
#include <net/rtnetlink.h>
#include "../include/hubmesh/version.h"
#include "carrier.h"
#include "compat.h"
#include "datapath.h"
#include "device.h"
#include "filter.h"
#include "main.h"
#include "train.h"

/*
 * Room the datapath needs in front of an inner frame to seal it where it is.  LL_MAX_HEADER is
 * the stack's guess at what an underlay wants; kernels without wireless devices guess less
 * than the carrier takes.
 */
#define HM_OUTER_HEADROOM						\
	(LL_MAX_HEADER + sizeof(struct ipv6hdr) + sizeof(struct udphdr))
#define HM_NEEDED_HEADROOM						\
	(max_t(size_t, HM_OUTER_HEADROOM, HM_OUTER_ROOM) + HM_HDR_LEN + HM_ZONE_LEN)

#define HM_FEATURES (NETIF_F_SG | NETIF_F_HW_CSUM | NETIF_F_RXCSUM |	\
		     NETIF_F_GSO_SOFTWARE | NETIF_F_HIGHDMA)

static LIST_HEAD(hm_devices);

static int hm_open(struct net_device *dev)
{
	struct hm_device *hm = netdev_priv(dev);
	int ret = -ENONET;

	mutex_lock(&hm->lock);
	if (hm->underlay)
		ret = hm_carrier_open(hm, NULL);
	mutex_unlock(&hm->lock);
	if (!ret)
		netif_carrier_on(dev);
	return ret;
}

static int hm_stop(struct net_device *dev)
{
	struct hm_device *hm = netdev_priv(dev);

	netif_carrier_off(dev);
	mutex_lock(&hm->lock);
	hm_trains_flush(hm);
	hm_links_flush_queues(hm);
	hm_carrier_close(hm);
	hm_hubs_drop_held(hm);
	mutex_unlock(&hm->lock);
	return 0;
}

static int hm_dev_init(struct net_device *dev)
{
	struct hm_device *hm = netdev_priv(dev);
	int ret = -ENOMEM;

	hm->dev = dev;
	mutex_init(&hm->lock);
	xa_init_flags(&hm->links, XA_FLAGS_ALLOC1);
	hm->table_seq = 1;
	hm->port = HM_PORT_DATA;
	hm->control_port = HM_PORT_CONTROL;
	hm->ttl = HM_TTL_DEFAULT;
	hm->fdb_age_ms = HM_FDB_AGE_MS_DEFAULT;
	hm->rekey_frames = HM_SEAL_FRAMES_SOFT;
	hm->hop_rate_pps = HM_HOP_RATE_PPS_DEFAULT;
	get_random_bytes(&hm->flow_key, sizeof(hm->flow_key));
	hm_storm_init(&hm->storm);
	hm->storm.pps[HM_STORM_UNKNOWN] = HM_STORM_UNKNOWN_PPS_DEFAULT;
	hm_keyring_init(&hm->sender);
	hm_groups_init(hm);

	hm->counters = hm_counters_alloc(0);
	if (!hm->counters)
		return ret;
	hm->drops = hm_drops_alloc();
	if (!hm->drops)
		goto err_drops;
	ret = gro_cells_init(&hm->gro_cells, dev);
	if (ret)
		goto err_gro;
	ret = hm_trains_init(hm);
	if (ret)
		goto err_trains;
	ret = hm_fdb_init(hm);
	if (ret)
		goto err_fdb;
	return 0;

err_fdb:
	hm_trains_fini(hm);
err_trains:
	gro_cells_destroy(&hm->gro_cells);
err_gro:
	free_percpu(hm->drops);
err_drops:
	free_percpu(hm->counters);
	return ret;
}

/*
 * The interface is closed and nobody can find it by name or index any more.  A
 * netlink command that found it before waits for hm->lock and then sees it dead.
 */
static void hm_dev_uninit(struct net_device *dev)
{
	struct hm_device *hm = netdev_priv(dev);

	hm_groups_stop(hm);
	mutex_lock(&hm->lock);
	hm->dead = true;
	hm_route_abort(hm);
	hm_filter_clear(hm);
	hm_tree_withdraw(hm, &hm->tree);
	hm_keyring_clear(&hm->sender);
	hm_hubs_clear(hm);
	hm_links_clear(hm);
	hm_rules_replace(hm, NULL);
	mutex_unlock(&hm->lock);
	list_del_init(&hm->list);
}

/* The last reference is gone: no hub, link or reader is left. */
static void hm_dev_free(struct net_device *dev)
{
	struct hm_device *hm = netdev_priv(dev);

	hm_groups_fini(hm);
	hm_fdb_fini(hm);
	hm_trains_fini(hm);
	gro_cells_destroy(&hm->gro_cells);
	xa_destroy(&hm->links);
	free_percpu(hm->drops);
	free_percpu(hm->counters);
	memzero_explicit(&hm->flow_key, sizeof(hm->flow_key));
	mutex_destroy(&hm->lock);
}

static bool has_link_to(struct hm_device *hm, const u8 *id)
{
	struct hm_link *link;
	unsigned long index;

	xa_for_each(&hm->links, index, link)
		if (ether_addr_equal(link->peer, id))
			return true;
	return false;
}

/*
 * The id may change only while nothing refers to it: keys and routes of the
 * mesh belong to an id.
 */
static int check_new_id(struct hm_device *hm, const u8 *id, struct netlink_ext_ack *extack)
{
	lockdep_assert_held(&hm->lock);
	if (!hm_hub_id_is_valid(id)) {
		NL_SET_ERR_MSG(extack, "DEVICE_ID: must be a locally administered unicast MAC");
		return -EADDRNOTAVAIL;
	}
	if (netif_running(hm->dev)) {
		NL_SET_ERR_MSG(extack, "DEVICE_ID: set the interface down first");
		return -EBUSY;
	}
	if (hm->n_hubs) {
		NL_SET_ERR_MSG(extack, "DEVICE_ID: remove every hub first");
		return -EBUSY;
	}
	if (has_link_to(hm, id)) {
		NL_SET_ERR_MSG(extack, "DEVICE_ID: is the peer of a link; remove it first");
		return -EBUSY;
	}
	return 0;
}

static int hm_set_mac_address(struct net_device *dev, void *addr)
{
	struct hm_device *hm = netdev_priv(dev);
	struct sockaddr *sa = addr;
	int ret;

	mutex_lock(&hm->lock);
	ret = check_new_id(hm, sa->sa_data, NULL);
	if (!ret)
		eth_hw_addr_set(dev, sa->sa_data);
	mutex_unlock(&hm->lock);
	return ret;
}

static void hm_get_stats64(struct net_device *dev, struct rtnl_link_stats64 *stats)
{
	struct hm_device *hm = netdev_priv(dev);
	struct hm_counters_sum sum;

	hm_counters_sum(hm->counters, &sum);
	stats->rx_packets = sum.rx_frames;
	stats->rx_bytes = sum.rx_bytes;
	stats->tx_packets = sum.tx_frames;
	stats->tx_bytes = sum.tx_bytes;
	stats->rx_dropped = sum.rx_drops;
	stats->tx_dropped = sum.tx_drops;
}

static const struct net_device_ops hm_netdev_ops = {
	.ndo_init		= hm_dev_init,
	.ndo_uninit		= hm_dev_uninit,
	.ndo_open		= hm_open,
	.ndo_stop		= hm_stop,
	.ndo_start_xmit		= hm_xmit,
	.ndo_set_mac_address	= hm_set_mac_address,
	.ndo_set_rx_mode	= hm_groups_rx_mode,
	.ndo_validate_addr	= eth_validate_addr,
	.ndo_get_stats64	= hm_get_stats64,
};

static const char * const counter_names[] = {
	"rx_frames", "rx_bytes", "tx_frames", "tx_bytes", "rx_drops", "tx_drops",
	"forwarded",
};

static_assert(ARRAY_SIZE(counter_names) * sizeof(u64) == sizeof(struct hm_counters_sum));

/* Counters, then every drop reason by name. */
#define HM_ETHTOOL_STATS (ARRAY_SIZE(counter_names) + HUBMESH_DROP_MAX)

static int hm_get_sset_count(struct net_device *dev, int sset)
{
	return sset == ETH_SS_STATS ? HM_ETHTOOL_STATS : -EOPNOTSUPP;
}

static void hm_get_strings(struct net_device *dev, u32 sset, u8 *data)
{
	unsigned int i;

	if (sset != ETH_SS_STATS)
		return;
	for (i = 0; i < ARRAY_SIZE(counter_names); i++)
		ethtool_sprintf(&data, "%s", counter_names[i]);
	for (i = 1; i <= HUBMESH_DROP_MAX; i++)
		ethtool_sprintf(&data, "%s", hm_drop_name(i));
}

static void hm_get_ethtool_stats(struct net_device *dev, struct ethtool_stats *stats,
				 u64 *data)
{
	const struct hm_device *hm = netdev_priv(dev);
	struct hm_counters_sum sum;
	unsigned int i;

	hm_counters_sum(hm->counters, &sum);
	*data++ = sum.rx_frames;
	*data++ = sum.rx_bytes;
	*data++ = sum.tx_frames;
	*data++ = sum.tx_bytes;
	*data++ = sum.rx_drops;
	*data++ = sum.tx_drops;
	*data++ = sum.forwarded;
	for (i = 1; i <= HUBMESH_DROP_MAX; i++)
		*data++ = hm_drops_sum(hm, i);
}

static void hm_get_drvinfo(struct net_device *dev, struct ethtool_drvinfo *info)
{
	strscpy(info->driver, KBUILD_MODNAME, sizeof(info->driver));
	strscpy(info->version, HUBMESH_VERSION, sizeof(info->version));
}

static int hm_get_coalesce(struct net_device *dev, struct ethtool_coalesce *ec,
			   struct kernel_ethtool_coalesce *kernel_ec,
			   struct netlink_ext_ack *extack)
{
	const struct hm_device *hm = netdev_priv(dev);

	ec->tx_coalesce_usecs = READ_ONCE(hm->train_ns) / NSEC_PER_USEC;
	return 0;
}

static int hm_set_coalesce(struct net_device *dev, struct ethtool_coalesce *ec,
			   struct kernel_ethtool_coalesce *kernel_ec,
			   struct netlink_ext_ack *extack)
{
	struct hm_device *hm = netdev_priv(dev);

	if (ec->tx_coalesce_usecs > HM_TRAIN_US_MAX) {
		NL_SET_ERR_MSG(extack, "tx-usecs: at most 10000; 0 sends every frame at once");
		return -ERANGE;
	}
	WRITE_ONCE(hm->train_ns, ec->tx_coalesce_usecs * NSEC_PER_USEC);
	return 0;
}

static const struct ethtool_ops hm_ethtool_ops = {
	.supported_coalesce_params = ETHTOOL_COALESCE_TX_USECS,
	.get_coalesce		= hm_get_coalesce,
	.set_coalesce		= hm_set_coalesce,
	.get_drvinfo		= hm_get_drvinfo,
	.get_link		= ethtool_op_get_link,
	.get_sset_count		= hm_get_sset_count,
	.get_strings		= hm_get_strings,
	.get_ethtool_stats	= hm_get_ethtool_stats,
};

static const struct device_type hm_device_type = { .name = "hubmesh" };

static void hm_setup(struct net_device *dev)
{
	ether_setup(dev);
	dev->netdev_ops = &hm_netdev_ops;
	dev->ethtool_ops = &hm_ethtool_ops;
	dev->needs_free_netdev = true;
	dev->priv_destructor = hm_dev_free;
	SET_NETDEV_DEVTYPE(dev, &hm_device_type);

	dev->features |= HM_FEATURES;
	dev->hw_features |= HM_FEATURES;
	dev->hw_enc_features |= HM_FEATURES;
	dev->vlan_features |= HM_FEATURES;
	hm_dev_set_lltx(dev);
	dev->priv_flags |= IFF_NO_QUEUE;
	dev->priv_flags &= ~IFF_TX_SKB_SHARING;
	netif_keep_dst(dev);	/* icmp_ndo_send() answers by the packet's route */
	dev->needed_headroom = HM_NEEDED_HEADROOM;
	dev->needed_tailroom = HM_SEAL_TAG_LEN;
	dev->mtu = HM_MTU_DEFAULT;
	dev->min_mtu = HM_MTU_MIN;
	dev->max_mtu = HM_MTU_MAX;
	netif_set_tso_max_size(dev, HM_GSO_BYTES_MAX);
	netif_carrier_off(dev);
}

static int hm_validate(struct nlattr *tb[], struct nlattr *data[],
		       struct netlink_ext_ack *extack)
{
	if (!tb[IFLA_ADDRESS])
		return 0;
	if (nla_len(tb[IFLA_ADDRESS]) != ETH_ALEN ||
	    !hm_hub_id_is_valid(nla_data(tb[IFLA_ADDRESS]))) {
		NL_SET_ERR_MSG_ATTR(extack, tb[IFLA_ADDRESS],
				    "a hub id is a locally administered unicast MAC (x2, x6, xa or xe)");
		return -EADDRNOTAVAIL;
	}
	return 0;
}

static int hm_newlink(struct net *src_net, struct net_device *dev, struct nlattr *tb[],
		      struct nlattr *data[], struct netlink_ext_ack *extack)
{
	struct hm_device *hm = netdev_priv(dev);
	int ret;

	hm->underlay = src_net;
	INIT_LIST_HEAD(&hm->list);
	if (!tb[IFLA_ADDRESS])
		eth_hw_addr_random(dev);
	ret = register_netdevice(dev);
	if (ret)
		return ret;
	list_add(&hm->list, &hm_devices);
	return 0;
}

static struct net *hm_get_link_net(const struct net_device *dev)
{
	const struct hm_device *hm = netdev_priv(dev);
	struct net *underlay = READ_ONCE(hm->underlay);

	return underlay ?: dev_net(dev);
}

static struct rtnl_link_ops hm_link_ops __read_mostly = {
	.kind		= "hubmesh",
	.priv_size	= sizeof(struct hm_device),
	.setup		= hm_setup,
	.validate	= hm_validate,
	.newlink	= hm_newlink,
	.get_link_net	= hm_get_link_net,
};

/**
 * hm_dev_is_hubmesh() - Is this one of our interfaces?
 * @dev: any interface
 *
 * Context: Any, with a reference on @dev.
 * Return: true if netdev_priv() is a struct hm_device.
 */
bool hm_dev_is_hubmesh(const struct net_device *dev)
{
	return dev->netdev_ops == &hm_netdev_ops;
}

/* Reopens the sockets on another port; on failure the old port is in force. */
static int change_port(struct hm_device *hm, u16 port, struct netlink_ext_ack *extack)
{
	u16 old = hm->port;
	int ret = 0;

	if (port == old)
		return 0;
	if (!netif_running(hm->dev) || !hm->underlay) {
		hm->port = port;
		return 0;
	}
	hm_carrier_close(hm);
	hm->port = port;
	ret = hm_carrier_open(hm, extack);
	if (!ret)
		return 0;
	hm->port = old;
	if (hm_carrier_open(hm, NULL))
		netdev_warn(hm->dev, "carrier=lost port=%u: set the interface down and up\n",
			    old);
	return ret;
}

static void apply_settings(struct hm_device *hm, const struct hm_device_config *cfg)
{
	unsigned int kind;

	if (cfg->set & BIT(HUBMESH_A_DEVICE_STORM))
		for (kind = 0; kind < HM_STORM_KINDS; kind++)
			WRITE_ONCE(hm->storm.pps[kind], cfg->storm_pps[kind]);
	if (cfg->set & BIT(HUBMESH_A_DEVICE_PEERS))
		hm_peers_replace(hm, &cfg->peers);
	if (cfg->set & BIT(HUBMESH_A_DEVICE_CONTROL_PORT))
		WRITE_ONCE(hm->control_port, cfg->control_port);
	if (cfg->set & BIT(HUBMESH_A_DEVICE_TTL))
		WRITE_ONCE(hm->ttl, cfg->ttl);
	if (cfg->set & BIT(HUBMESH_A_DEVICE_REKEY_FRAMES))
		WRITE_ONCE(hm->rekey_frames, cfg->rekey_frames);
	if (cfg->set & BIT(HUBMESH_A_DEVICE_HOP_RATE_PPS))
		WRITE_ONCE(hm->hop_rate_pps, cfg->hop_rate_pps);
	if (cfg->set & BIT(HUBMESH_A_DEVICE_FDB_AGE_MS)) {
		WRITE_ONCE(hm->fdb_age_ms, cfg->fdb_age_ms);
		hm_fdb_age_changed(hm);
	}
}

/* Through the core, which tells everybody and asks hm_set_mac_address() again. */
static int change_id(struct hm_device *hm, const u8 *id, struct netlink_ext_ack *extack)
{
	struct sockaddr sa = { .sa_family = ARPHRD_ETHER };
	int ret;

	mutex_lock(&hm->lock);
	ret = check_new_id(hm, id, extack);
	mutex_unlock(&hm->lock);
	if (ret)
		return ret;
	memcpy(sa.sa_data, id, HM_HUB_ID_LEN);
	return dev_set_mac_address(hm->dev, &sa, extack);
}

/*
 * The id goes first: it changes only while the device is down, and then nothing
 * after it can fail.  So a refusal has changed nothing.
 */
static int configure_rtnl(struct hm_device *hm, const struct hm_device_config *cfg,
			  struct netlink_ext_ack *extack)
{
	int ret = 0;

	ASSERT_RTNL();
	if (READ_ONCE(hm->dead)) {
		NL_SET_ERR_MSG(extack, "the device is being removed");
		return -ENODEV;
	}
	if (cfg->set & BIT(HUBMESH_A_DEVICE_ID))
		ret = change_id(hm, cfg->id, extack);
	if (ret)
		return ret;
	mutex_lock(&hm->lock);
	if (cfg->set & BIT(HUBMESH_A_DEVICE_PORT))
		ret = change_port(hm, cfg->port, extack);
	if (!ret)
		apply_settings(hm, cfg);
	mutex_unlock(&hm->lock);
	return ret;
}

/**
 * hm_device_configure() - Change settings of a device
 * @hm: device, referenced by the caller
 * @cfg: what to change, ranges checked
 * @extack: tells why on refusal
 *
 * Context: Process context; takes rtnl and hm->lock.
 * Return: 0; -ENODEV the device is being removed; -EADDRNOTAVAIL, -EBUSY the id
 * cannot be that or not now; an error of opening the sockets on a new port.
 */
int hm_device_configure(struct hm_device *hm, const struct hm_device_config *cfg,
			struct netlink_ext_ack *extack)
{
	int ret;

	rtnl_lock();
	ret = configure_rtnl(hm, cfg, extack);
	rtnl_unlock();
	return ret;
}

static void underlay_gone(struct hm_device *hm)
{
	netif_carrier_off(hm->dev);
	mutex_lock(&hm->lock);
	WRITE_ONCE(hm->underlay, NULL);
	hm_carrier_close(hm);
	/* A sender that still sees the namespace may cache one more route. */
	synchronize_net();
	hm_links_forget_routes(hm);
	mutex_unlock(&hm->lock);
}

static void __net_exit hm_net_pre_exit(struct net *net)
{
	struct hm_device *hm;

	rtnl_lock();
	list_for_each_entry(hm, &hm_devices, list)
		if (hm->underlay == net)
			underlay_gone(hm);
	rtnl_unlock();
}

static struct pernet_operations hm_net_ops = {
	.pre_exit = hm_net_pre_exit,
};

static int hm_netdevice_event(struct notifier_block *nb, unsigned long event, void *ptr)
{
	struct net_device *dev = netdev_notifier_info_to_dev(ptr);
	bool has_carrier = netif_running(dev) && netif_carrier_ok(dev);
	struct hm_device *hm;

	if (event != NETDEV_DOWN && event != NETDEV_UP && event != NETDEV_CHANGE)
		return NOTIFY_DONE;
	list_for_each_entry(hm, &hm_devices, list) {
		if (!net_eq(hm->underlay, dev_net(dev)))
			continue;
		if (has_carrier)
			hm_links_oif_up(hm, dev->ifindex);
		else
			hm_links_oif_down(hm, dev->ifindex);
	}
	return NOTIFY_DONE;
}

static struct notifier_block hm_netdevice_notifier = {
	.notifier_call = hm_netdevice_event,
};

/**
 * hm_device_register() - Offer the interface type
 *
 * Context: Process context, module init.
 * Return: 0 or -errno with nothing registered.
 */
int hm_device_register(void)
{
	int ret;

	ret = register_pernet_subsys(&hm_net_ops);
	if (ret)
		return ret;
	ret = register_netdevice_notifier(&hm_netdevice_notifier);
	if (ret)
		goto err_notifier;
	ret = rtnl_link_register(&hm_link_ops);
	if (ret)
		goto err_link;
	return 0;

err_link:
	unregister_netdevice_notifier(&hm_netdevice_notifier);
err_notifier:
	unregister_pernet_subsys(&hm_net_ops);
	return ret;
}

/**
 * hm_device_unregister() - Remove every interface, and the type
 *
 * Context: Process context, module exit; waits until the devices are freed.
 */
void hm_device_unregister(void)
{
	rtnl_link_unregister(&hm_link_ops);
	unregister_netdevice_notifier(&hm_netdevice_notifier);
	unregister_pernet_subsys(&hm_net_ops);
}
