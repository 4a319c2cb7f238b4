// Stable memory from Wasm: grow, read and write what the argument says, and many small records
// in one message. Numbers are 8 bytes, little-endian.
#include "ic0.h"

enum { BUFFER_SIZE = 65536, RECORD_SIZE = 64 };

static u8 buffer[BUFFER_SIZE];

// `size` has no argument; `grow` takes Wasm pages and answers the size before.
EXPORT("canister_query size") void size(void) { reply_u64(ic0_stable64_size()); }
EXPORT("canister_update grow") void grow(void) { reply_u64(ic0_stable64_grow(argument_u64())); }

// Argument: the offset, then the bytes to write (64 KiB at most).
EXPORT("canister_update write") void write(void) {
  word length = ic0_msg_arg_data_size() - 8;
  ic0_msg_arg_data_copy((word)buffer, 8, length);
  ic0_stable64_write(argument_u64(), (word)buffer, length);
  reply(0, 0);
}

// Argument: the offset and the size.
EXPORT("canister_query read") void read(void) {
  u64 range[2];
  ic0_msg_arg_data_copy((word)range, 0, sizeof range);
  ic0_stable64_read((word)buffer, range[0], range[1]);
  reply(buffer, (word)range[1]);
}

// Argument: how many records to write one after the other, from offset 0, with their numbers.
EXPORT("canister_update write_records") void write_records(void) {
  u64 count = argument_u64();
  for (u64 i = 0; i < count; i++) {
    *(u64 *)buffer = i;
    ic0_stable64_write(i * RECORD_SIZE, (word)buffer, RECORD_SIZE);
  }
  reply_u64(count);
}

// Argument: how many records to read; answers the sum of their numbers.
EXPORT("canister_query read_records") void read_records(void) {
  u64 count = argument_u64(), sum = 0;
  for (u64 i = 0; i < count; i++) {
    ic0_stable64_read((word)buffer, i * RECORD_SIZE, RECORD_SIZE);
    sum += *(u64 *)buffer;
  }
  reply_u64(sum);
}
