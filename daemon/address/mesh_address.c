// SPDX-License-Identifier: GPL-2.0
/* DOC: mesh_address: see mesh_address.h */
#include "daemon/address/mesh_address.h"

#include "daemon/lib/prng.h"

struct in6_addr address_ula(const uint8_t mesh_tag[ADDRESS_MESH_TAG_LEN], const struct hub_id *hub)
{
	struct in6_addr ula = {0};

	ula.s6_addr[0] = 0xfd;
	memcpy(&ula.s6_addr[1], mesh_tag, 5);
	ula.s6_addr[8] = hub->b[0] ^ 0x02; /* RFC 4291 appendix A: invert the u/l bit */
	ula.s6_addr[9] = hub->b[1];
	ula.s6_addr[10] = hub->b[2];
	ula.s6_addr[11] = 0xff;
	ula.s6_addr[12] = 0xfe;
	memcpy(&ula.s6_addr[13], &hub->b[3], 3);
	return ula;
}

static uint32_t pool_size(uint8_t prefix_len)
{
	return (1u << (32 - prefix_len)) - 2;
}

bool address_is_in_pool(uint32_t pool, uint8_t prefix_len, uint32_t address)
{
	uint32_t mask, offset;

	if (!pool || prefix_len < 8 || prefix_len > 30)
		return false;
	mask = ~0u << (32 - prefix_len);
	offset = address & ~mask;
	return (address & mask) == (pool & mask) && offset != 0 && offset != ~mask;
}

static bool is_taken(uint32_t address, const uint32_t *taken, size_t n_taken)
{
	size_t low = 0, high = n_taken;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (taken[mid] < address)
			low = mid + 1;
		else
			high = mid;
	}
	return low < n_taken && taken[low] == address;
}

static uint64_t claim_hash(const uint8_t mesh_tag[ADDRESS_MESH_TAG_LEN], const struct hub_id *hub)
{
	struct prng mix = {0};

	for (size_t i = 0; i < ADDRESS_MESH_TAG_LEN; i++)
		mix.state = mix.state << 8 | mesh_tag[i];
	mix.state = prng_next(&mix);
	for (size_t i = 0; i < HUB_ID_LEN; i++)
		mix.state ^= (uint64_t)hub->b[i] << (8 * i);
	return prng_next(&mix);
}

uint32_t address_claim(const uint8_t mesh_tag[ADDRESS_MESH_TAG_LEN], const struct hub_id *hub,
		       uint32_t pool, uint8_t prefix_len, uint32_t preferred, const uint32_t *taken,
		       size_t n_taken)
{
	uint32_t base, size, start;

	if (!pool || prefix_len < 8 || prefix_len > 30)
		return 0;
	if (address_is_in_pool(pool, prefix_len, preferred) && !is_taken(preferred, taken, n_taken))
		return preferred;
	base = (pool & ~0u << (32 - prefix_len)) + 1;
	size = pool_size(prefix_len);
	start = claim_hash(mesh_tag, hub) % size;
	/* n_taken others can block at most n_taken tries. */
	for (uint32_t i = 0; i < size && i <= n_taken; i++) {
		uint32_t address = base + (start + i) % size;

		if (!is_taken(address, taken, n_taken))
			return address;
	}
	return 0;
}

bool address_keeps(const struct hub_id *a, const struct hub_id *b)
{
	return hub_id_cmp(a, b) < 0;
}
