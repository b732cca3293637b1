// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: replay windows
 *
 * One window per lane and key phase says whether a number (a seal counter or
 * a hop sequence) is new, seen or too old.  Numbers start at 1 and are 64
 * bits; they never wrap.  The ring follows RFC 6479: the highest number
 * accepted sets the window, words are cleared as the window enters them, and
 * one spare word keeps the oldest numbers valid while the newest word fills.
 *
 * A number may be accepted only after its frame has authenticated, else an
 * outsider could push the window ahead.  hm_replay_may_accept() is the cheap
 * look before the cipher runs, hm_replay_accept() the decision.
 *
 * A word that leaves the window gives its empty bits to @lost.  The ring
 * starts all ones, so that numbers before the first are not counted as lost,
 * and bit 0 starts set, so that number 0 is refused as a duplicate.
 */
#include <linux/string.h>
#include "replay.h"

static unsigned int word_of(u64 index)
{
	return do_div(index, HM_WINDOW_WORDS);
}

/* Is @number below the window of @top? */
static bool is_too_old(u64 number, u64 top)
{
	return top >= HM_WINDOW_BITS && number <= top - HM_WINDOW_BITS;
}

/**
 * hm_replay_init() - Make a window that has seen nothing.
 * @w: window
 */
void hm_replay_init(struct hm_replay *w)
{
	spin_lock_init(&w->lock);
	w->top = 0;
	w->lost = 0;
	memset(w->seen, 0xff, sizeof(w->seen));
	w->seen[0] = 1;
}

/**
 * hm_replay_may_accept() - Would @number be new, as far as can be seen now?
 * @w: window
 * @number: seal counter or hop sequence, not authenticated yet
 *
 * Context: Any; no lock, the answer is advice.
 * Return: false if it was seen or is too old.
 */
bool hm_replay_may_accept(const struct hm_replay *w, u64 number)
{
	u64 top = READ_ONCE(w->top);

	if (number > top)
		return true;
	if (is_too_old(number, top))
		return false;
	return !(READ_ONCE(w->seen[word_of(number / BITS_PER_LONG)]) &
		 BIT(number % BITS_PER_LONG));
}

/* Enter the words after that of @top up to that of @number; count losses. */
static void advance(struct hm_replay *w, u64 number)
{
	u64 from = w->top / BITS_PER_LONG, to = number / BITS_PER_LONG;
	unsigned int words, slot;

	w->top = number;
	if (likely(from == to))
		return;
	if (to - from > HM_WINDOW_WORDS) {
		w->lost += (to - from - HM_WINDOW_WORDS) * BITS_PER_LONG;
		from = to - HM_WINDOW_WORDS;
	}
	slot = word_of(from);
	for (words = to - from; words; words--) {
		if (++slot == HM_WINDOW_WORDS)
			slot = 0;
		w->lost += BITS_PER_LONG - hweight_long(w->seen[slot]);
		w->seen[slot] = 0;
	}
}

/**
 * hm_replay_accept() - Take @number if it is new.
 * @w: window
 * @number: seal counter or hop sequence of a frame that has authenticated
 *
 * Context: Bottom halves disabled; takes the window's lock.
 * Return: true if the number is new and now taken, false if it was seen or
 * is too old.
 */
bool hm_replay_accept(struct hm_replay *w, u64 number)
{
	unsigned long bit = BIT(number % BITS_PER_LONG), *word;
	bool is_new = false;

	spin_lock(&w->lock);
	if (unlikely(is_too_old(number, w->top)))
		goto out;
	if (number > w->top)
		advance(w, number);
	word = &w->seen[word_of(number / BITS_PER_LONG)];
	is_new = !(*word & bit);
	*word |= bit;
out:
	spin_unlock(&w->lock);
	return is_new;
}
