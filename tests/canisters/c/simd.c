// SIMD: 128-bit integer and float arithmetic on the argument.
#include "ic0.h"

typedef u32 Integers __attribute__((vector_size(16)));
typedef float Floats __attribute__((vector_size(16)));

enum { VECTORS = 1024 };

static Integers argument[VECTORS];

// Argument: any number of 4-lane vectors of u32; answers the sum of each lane.
EXPORT("canister_query sum_lanes") void sum_lanes(void) {
  word size = ic0_msg_arg_data_size();
  ic0_msg_arg_data_copy((word)argument, 0, size);
  Integers sum = {0};
  for (word i = 0; i < size / sizeof sum; i++) sum += argument[i];
  reply(&sum, sizeof sum);
}

// Argument: two vectors of f32; answers their quotients. 0/0 is where bits could differ.
EXPORT("canister_query divide_lanes") void divide_lanes(void) {
  Floats operands[2];
  ic0_msg_arg_data_copy((word)operands, 0, sizeof operands);
  Floats result = operands[0] / operands[1];
  reply(&result, sizeof result);
}
