// Bulk memory: `memory.copy` (also onto itself) and `memory.fill`.
#include "ic0.h"

enum { SIZE = 65536 };

static u8 buffer[SIZE];

// Argument: how far to move the bytes 0, 1, 2, … up, over themselves; answers the first 16.
EXPORT("canister_query move") void move(void) {
  word distance = (word)argument_u64();
  for (word i = 0; i < SIZE; i++) buffer[i] = (u8)i;
  __builtin_memmove(buffer + distance, buffer, SIZE - distance);
  reply(buffer, 16);
}

// Argument: the byte to fill 64 KiB with, by an update.
EXPORT("canister_update fill") void fill(void) {
  __builtin_memset(buffer, (u8)argument_u64(), SIZE);
  reply(buffer + SIZE - 1, 1);
}

EXPORT("canister_query last") void last(void) { reply(buffer + SIZE - 1, 1); }

// Fills past the end of memory: the trap must leave no byte of it.
EXPORT("canister_update fill_past_the_end") void fill_past_the_end(void) {
  __builtin_memset(buffer, 0xee, (word)__builtin_wasm_memory_size(0) * 65536);
}
