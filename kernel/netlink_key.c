// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: netlink commands on keys
 *
 * KEY_SET, KEY_USE, KEY_DEL: between messages and the keyring of a link or hub.
 * Key material goes in and never comes out: there is no command to read it, and
 * KEY_SET wipes its copy on the stack and the message itself, whatever the
 * outcome, so that neither the acknowledgement (which quotes a refused message)
 * nor freed memory holds it.  A message that breaks the policy never gets here:
 * generic netlink refuses it and hands it back to the process that sent it.
 */
#include <crypto/algapi.h>
#include <linux/string.h>
#include "datapath.h"
#include "event.h"
#include "netlink.h"

const struct nla_policy hm_nl_key_set_policy[HUBMESH_A_KEY_MAX + 1] = {
	[HUBMESH_A_KEY_PHASE] = NLA_POLICY_MAX(NLA_U8, HM_PHASES - 1),
	[HUBMESH_A_KEY_CIPHER] = NLA_POLICY_RANGE(NLA_U32, HUBMESH_CIPHER_UNSPEC + 1,
						  __HUBMESH_CIPHER_MAX - 1),
	[HUBMESH_A_KEY_RX] = NLA_POLICY_RANGE(NLA_BINARY, HM_SEAL_KEYMAT_LEN,
					      HM_LINK_KEYMAT_LEN),
	[HUBMESH_A_KEY_TX] = NLA_POLICY_RANGE(NLA_BINARY, HM_SEAL_KEYMAT_LEN,
					      HM_LINK_KEYMAT_LEN),
	[HUBMESH_A_KEY_FLAGS] = NLA_POLICY_MASK(NLA_U32, HUBMESH_KEY_F_USE),
	[HUBMESH_A_KEY_SCOPE] = NLA_POLICY_MAX(NLA_U32, __HUBMESH_KEY_SCOPE_MAX - 1),
};

const struct nla_policy hm_nl_key_phase_policy[HUBMESH_A_KEY_MAX + 1] = {
	[HUBMESH_A_KEY_PHASE] = NLA_POLICY_MAX(NLA_U8, HM_PHASES - 1),
	[HUBMESH_A_KEY_SCOPE] = NLA_POLICY_MAX(NLA_U32, __HUBMESH_KEY_SCOPE_MAX - 1),
};

/**
 * struct key_owner - whose key a command is about
 * @hm: device
 * @link: link, or NULL
 * @hub: hub, or NULL; without both it is this hub's sender key
 * @is_sender: it is a sender key
 */
struct key_owner {
	struct hm_device *hm;
	struct hm_link *link;
	struct hm_hub *hub;
	bool is_sender;
};

static struct hm_keyring *owner_ring(const struct key_owner *owner)
{
	if (owner->link)
		return &owner->link->keys;
	if (!owner->hub)
		return &owner->hm->sender;
	return owner->is_sender ? &owner->hub->sender : &owner->hub->keys;
}

static int find_link(struct genl_info *info, struct hm_device *hm, struct key_owner *owner)
{
	struct nlattr *tb[HUBMESH_A_LINK_MAX + 1];
	int ret;

	ret = hm_nl_parse_nest(tb, HUBMESH_A_LINK_MAX, info, HUBMESH_A_LINK,
			       hm_nl_link_name_policy);
	if (ret)
		return ret;
	owner->link = hm_nl_link_find(hm, tb, info->attrs[HUBMESH_A_LINK], info->extack);
	return PTR_ERR_OR_ZERO(owner->link);
}

static int find_hub(struct genl_info *info, struct hm_device *hm, struct key_owner *owner)
{
	struct nlattr *tb[HUBMESH_A_HUB_MAX + 1];
	int ret;

	ret = hm_nl_parse_nest(tb, HUBMESH_A_HUB_MAX, info, HUBMESH_A_HUB, hm_nl_hub_policy) ?:
	      hm_nl_require(info->attrs[HUBMESH_A_HUB], tb, HUBMESH_A_HUB_ID,
			    "HUB_ID: whose key?", info->extack);
	if (ret)
		return ret;
	if (owner->is_sender && ether_addr_equal_unaligned(nla_data(tb[HUBMESH_A_HUB_ID]),
							   hm_own_id(hm)))
		return 0;
	owner->hub = hm_nl_hub_find(hm, tb[HUBMESH_A_HUB_ID], info->extack);
	return PTR_ERR_OR_ZERO(owner->hub);
}

/* @tb: of HUBMESH_A_KEY.  hm->lock held; @owner is good while it is. */
static int find_owner(struct genl_info *info, struct hm_device *hm, struct nlattr **tb,
		      struct key_owner *owner)
{
	*owner = (struct key_owner) {
		.hm = hm,
		.is_sender = tb[HUBMESH_A_KEY_SCOPE] &&
			     nla_get_u32(tb[HUBMESH_A_KEY_SCOPE]) == HUBMESH_KEY_SCOPE_SENDER,
	};
	if (owner->is_sender && info->attrs[HUBMESH_A_LINK]) {
		NL_SET_ERR_MSG_ATTR(info->extack, tb[HUBMESH_A_KEY_SCOPE],
				    "KEY_SCOPE: a sender key is a hub's, not a link's");
		return -EINVAL;
	}
	if (!info->attrs[HUBMESH_A_LINK] == !info->attrs[HUBMESH_A_HUB]) {
		NL_SET_ERR_MSG(info->extack, "name the key's owner by either LINK or HUB");
		return -EINVAL;
	}
	return info->attrs[HUBMESH_A_LINK] ? find_link(info, hm, owner) :
					     find_hub(info, hm, owner);
}

static void tell_in_use(const struct key_owner *owner, u8 phase)
{
	if (owner->link) {
		hm_event_link_key(owner->link, phase, HUBMESH_EVENT_KEY_IN_USE);
	} else if (!owner->hub) {
		hm_hubs_sender_changed(owner->hm);
		hm_event_sender_key(owner->hm, phase, HUBMESH_EVENT_KEY_IN_USE);
	} else {
		hm_event_hub_key(owner->hub, phase, HUBMESH_EVENT_KEY_IN_USE);
		hm_release_held(owner->hub);
	}
}

static int check_length(const struct nlattr *material, bool is_link,
			struct netlink_ext_ack *extack)
{
	if (nla_len(material) == (is_link ? HM_LINK_KEYMAT_LEN : HM_SEAL_KEYMAT_LEN))
		return 0;
	if (is_link)
		NL_SET_ERR_MSG_ATTR(extack, material,
				    "key material of a link is 60 bytes: key 32, salt 12, hop key 16");
	else
		NL_SET_ERR_MSG_ATTR(extack, material,
				    "key material of a hub is 44 bytes: key 32, salt 12");
	return -EINVAL;
}

/* A key of zeros is a caller that forgot to fill it in. */
static bool has_zero_key(const u8 *material, bool is_link)
{
	return !memchr_inv(material, 0, HM_AEAD_KEY_LEN) ||
	       (is_link && !memchr_inv(material + HM_SEAL_KEYMAT_LEN, 0, HM_HOP_KEY_LEN));
}

/* Both directions under one key would use every nonce twice. */
static bool directions_share_key(const struct hm_key_config *cfg)
{
	return !crypto_memneq(cfg->rx, cfg->tx, HM_AEAD_KEY_LEN) ||
	       (cfg->is_link && !crypto_memneq(cfg->rx + HM_SEAL_KEYMAT_LEN,
					       cfg->tx + HM_SEAL_KEYMAT_LEN,
					       HM_HOP_KEY_LEN));
}

static int require_key_attrs(const struct nlattr *nest, struct nlattr **tb,
			     struct netlink_ext_ack *extack)
{
	return hm_nl_require(nest, tb, HUBMESH_A_KEY_PHASE, "KEY_PHASE is missing", extack) ?:
	       hm_nl_require(nest, tb, HUBMESH_A_KEY_CIPHER, "KEY_CIPHER is missing", extack);
}

/* Both directions of a pair, one of a sender key. */
static int require_directions(const struct key_owner *owner, const struct nlattr *nest,
			      struct nlattr **tb, struct netlink_ext_ack *extack)
{
	int other = owner->hub ? HUBMESH_A_KEY_TX : HUBMESH_A_KEY_RX;
	int ret = 0;

	if (!owner->is_sender || owner->hub)
		ret = hm_nl_require(nest, tb, HUBMESH_A_KEY_RX, "KEY_RX is missing", extack);
	if (!ret && (!owner->is_sender || !owner->hub))
		ret = hm_nl_require(nest, tb, HUBMESH_A_KEY_TX, "KEY_TX is missing", extack);
	if (ret || !owner->is_sender || !tb[other])
		return ret;
	NL_SET_ERR_MSG_ATTR(extack, tb[other],
			    "a sender key has one direction: KEY_TX of this hub, KEY_RX of another");
	return -EINVAL;
}

static int read_direction(u8 *to, const struct nlattr *material, bool is_link,
			  struct netlink_ext_ack *extack)
{
	int ret;

	if (!material)
		return 0;
	ret = check_length(material, is_link, extack);
	if (ret)
		return ret;
	nla_memcpy(to, material, HM_LINK_KEYMAT_LEN);
	if (!has_zero_key(to, is_link))
		return 0;
	NL_SET_ERR_MSG_ATTR(extack, material, "key material contains an all-zero key");
	return -EINVAL;
}

static int read_key_config(struct hm_key_config *cfg, const struct key_owner *owner,
			   struct nlattr **tb, struct netlink_ext_ack *extack)
{
	bool is_link = owner->link;
	int ret;

	ret = read_direction(cfg->rx, tb[HUBMESH_A_KEY_RX], is_link, extack) ?:
	      read_direction(cfg->tx, tb[HUBMESH_A_KEY_TX], is_link, extack);
	if (ret)
		return ret;
	cfg->has_rx = tb[HUBMESH_A_KEY_RX];
	cfg->has_tx = tb[HUBMESH_A_KEY_TX];
	cfg->phase = nla_get_u8(tb[HUBMESH_A_KEY_PHASE]);
	cfg->cipher = nla_get_u32(tb[HUBMESH_A_KEY_CIPHER]);
	cfg->is_link = is_link;
	cfg->use_now = tb[HUBMESH_A_KEY_FLAGS] &&
		       nla_get_u32(tb[HUBMESH_A_KEY_FLAGS]) & HUBMESH_KEY_F_USE;
	if (cfg->use_now && !cfg->has_tx) {
		NL_SET_ERR_MSG_ATTR(extack, tb[HUBMESH_A_KEY_FLAGS],
				    "KEY_FLAGS: another hub's sender key is not for transmit");
		return -EINVAL;
	}
	if (cfg->has_rx && cfg->has_tx && directions_share_key(cfg)) {
		NL_SET_ERR_MSG(extack, "KEY_RX and KEY_TX share a key: each direction needs its own");
		return -EINVAL;
	}
	return 0;
}

/* hm->lock held. */
static int install(const struct key_owner *owner, const struct hm_key_config *cfg,
		   struct netlink_ext_ack *extack)
{
	u64 lost = owner->link ? hm_link_lost_under(owner->link, cfg->phase) : 0;
	int ret;

	ret = hm_keyring_set(owner_ring(owner), cfg, extack);
	if (ret)
		return ret;
	if (owner->link) {
		WRITE_ONCE(owner->link->lost_before, owner->link->lost_before + lost);
		hm_probe_restart(owner->link);
	}
	if (owner->is_sender && !owner->hub)
		hm_hubs_sender_gone(owner->hm, cfg->phase);
	if (cfg->use_now)
		tell_in_use(owner, cfg->phase);
	return 0;
}

static int key_set(struct genl_info *info, struct nlattr **tb)
{
	struct nlattr *nest = info->attrs[HUBMESH_A_KEY];
	struct hm_key_config cfg = {};
	struct key_owner owner;
	struct hm_device *hm;
	int ret;

	ret = require_key_attrs(nest, tb, info->extack);
	if (ret)
		return ret;
	hm = hm_nl_device_lock(info);
	if (IS_ERR(hm))
		return PTR_ERR(hm);
	ret = find_owner(info, hm, tb, &owner) ?:
	      require_directions(&owner, nest, tb, info->extack) ?:
	      read_key_config(&cfg, &owner, tb, info->extack);
	if (!ret)
		ret = install(&owner, &cfg, info->extack);
	hm_nl_device_unlock(hm);
	memzero_explicit(&cfg, sizeof(cfg));
	return hm_nl_refuse(info->extack, nest, ret);
}

static void wipe(struct nlattr *nest)
{
	if (nest)
		memzero_explicit(nla_data(nest), nla_len(nest));
}

/**
 * hm_nl_key_set() - KEY_SET: install one phase
 * @skb: request; its key material is wiped
 * @info: the command
 *
 * Return: 0 or -errno with nothing changed.
 */
int hm_nl_key_set(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr *tb[HUBMESH_A_KEY_MAX + 1];
	int ret;

	ret = hm_nl_parse_nest(tb, HUBMESH_A_KEY_MAX, info, HUBMESH_A_KEY,
			       hm_nl_key_set_policy);
	if (!ret)
		ret = key_set(info, tb);
	wipe(info->attrs[HUBMESH_A_KEY]);
	return ret;
}

/* Another hub has a phase of our sender key. */
static int note_proof(struct key_owner *owner, u8 phase, struct netlink_ext_ack *extack)
{
	if (!(hm_keyring_rx_phases(&owner->hm->sender) & BIT(phase))) {
		NL_SET_ERR_MSG(extack, "KEY_PHASE: we have no sender key of that phase");
		return -ENOENT;
	}
	hm_hub_sender_proved(owner->hub, phase);
	return 0;
}

static int use_phase(struct key_owner *owner, u8 phase, struct netlink_ext_ack *extack)
{
	int ret;

	if (owner->is_sender && owner->hub)
		return note_proof(owner, phase, extack);
	ret = hm_keyring_use(owner_ring(owner), phase, extack);
	if (ret)
		return ret;
	if (owner->link)
		hm_probe_restart(owner->link);
	tell_in_use(owner, phase);
	return 0;
}

/**
 * hm_nl_key_use() - KEY_USE: transmit with a phase from now on
 * @skb: request
 * @info: the command
 *
 * Return: 0 or -errno.
 */
int hm_nl_key_use(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr *nest = info->attrs[HUBMESH_A_KEY];
	struct nlattr *tb[HUBMESH_A_KEY_MAX + 1];
	struct key_owner owner;
	struct hm_device *hm;
	int ret;
	u8 phase;

	ret = hm_nl_parse_nest(tb, HUBMESH_A_KEY_MAX, info, HUBMESH_A_KEY,
			       hm_nl_key_phase_policy) ?:
	      hm_nl_require(nest, tb, HUBMESH_A_KEY_PHASE, "KEY_PHASE is missing", info->extack);
	if (ret)
		return ret;
	phase = nla_get_u8(tb[HUBMESH_A_KEY_PHASE]);
	hm = hm_nl_device_lock(info);
	if (IS_ERR(hm))
		return PTR_ERR(hm);
	ret = find_owner(info, hm, tb, &owner) ?: use_phase(&owner, phase, info->extack);
	hm_nl_device_unlock(hm);
	return hm_nl_refuse(info->extack, nest, ret);
}

static int delete_phase(const struct key_owner *owner, u8 phase,
			struct netlink_ext_ack *extack)
{
	u64 lost = owner->link ? hm_link_lost_under(owner->link, phase) : 0;
	int ret;

	ret = hm_keyring_del(owner_ring(owner), phase, extack);
	if (!ret && owner->link)
		WRITE_ONCE(owner->link->lost_before, owner->link->lost_before + lost);
	if (!ret && owner->is_sender && !owner->hub)
		hm_hubs_sender_gone(owner->hm, phase);
	return ret;
}

static void delete_all(const struct key_owner *owner)
{
	u64 lost = 0;
	u8 phase;

	if (owner->link)
		for (phase = 0; phase < HM_PHASES; phase++)
			lost += hm_link_lost_under(owner->link, phase);
	hm_keyring_clear(owner_ring(owner));
	if (owner->link)
		WRITE_ONCE(owner->link->lost_before, owner->link->lost_before + lost);
	if (owner->is_sender && owner->hub)
		hm_hub_sender_lost(owner->hub);
	if (owner->is_sender && !owner->hub)
		for (phase = 0; phase < HM_PHASES; phase++)
			hm_hubs_sender_gone(owner->hm, phase);
}

/**
 * hm_nl_key_del() - KEY_DEL: wipe one phase, or all when none is given
 * @skb: request
 * @info: the command
 *
 * Return: 0 or -errno.
 */
int hm_nl_key_del(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr *tb[HUBMESH_A_KEY_MAX + 1] = {};
	struct key_owner owner;
	struct hm_device *hm;
	int ret = 0;

	if (info->attrs[HUBMESH_A_KEY])
		ret = hm_nl_parse_nest(tb, HUBMESH_A_KEY_MAX, info, HUBMESH_A_KEY,
				       hm_nl_key_phase_policy);
	if (ret)
		return ret;
	hm = hm_nl_device_lock(info);
	if (IS_ERR(hm))
		return PTR_ERR(hm);
	ret = find_owner(info, hm, tb, &owner);
	if (!ret && tb[HUBMESH_A_KEY_PHASE])
		ret = delete_phase(&owner, nla_get_u8(tb[HUBMESH_A_KEY_PHASE]), info->extack);
	else if (!ret)
		delete_all(&owner);
	if (!ret && owner.link)
		hm_probe_restart(owner.link);
	hm_nl_device_unlock(hm);
	return hm_nl_refuse(info->extack, info->attrs[HUBMESH_A_KEY], ret);
}
