// The universal canister: every method, hook and callback runs a script that the test gives it.
// It has no behaviour of its own, so any system call can be tried in any context with any
// arguments. `universal.py` writes the scripts; `ops.inc` lists their instructions.
// It frees nothing that was kept: its life is a test.
#include "ic0.h"

enum Op {
#define OP(name) OP_##name,
#include "ops.inc"
};

enum Hook {
  HOOK_pre_upgrade,
  HOOK_heartbeat,
  HOOK_global_timer,
  HOOK_inspect_message,
  HOOK_on_low_wasm_memory,
  HOOK_transform,
  HOOK_COUNT,
};

typedef struct {
  word size;
  u8 code[];
} Script;

enum { STACK_SIZE = 64, SCRATCH_SIZE = 65536, WASM_PAGE = 65536 };

static u64 stack[STACK_SIZE];
static u32 depth;
static u8 scratch[SCRATCH_SIZE];
static const Script *hooks[HOOK_COUNT];

// A global of Wasm, not a variable in memory.
static u64 __attribute__((address_space(1))) wasm_global;

// Memory from `__heap_base` on: first all that was kept, then what lives until the message ends.
extern u8 __heap_base;
static word kept_end;
static word top;

static void fail(const char *message) {
  word size = 0;
  while (message[size]) size++;
  ic0_trap((word)message, size);
}

static void push(u64 value) {
  if (depth == STACK_SIZE) fail("universal: the stack is full");
  stack[depth++] = value;
}

static u64 pop(void) {
  if (depth == 0) fail("universal: the stack is empty");
  return stack[--depth];
}

static void push_blob(word address, word size) {
  push(address);
  push(size);
}

static void copy(u8 *to, const u8 *from, word size) {
  for (word i = 0; i < size; i++) to[i] = from[i];
}

static word allocate(word size) {
  word address = (top + 7) & ~(word)7;
  word missing = (address + size + WASM_PAGE - 1) / WASM_PAGE - __builtin_wasm_memory_size(0);
  if ((__INTPTR_TYPE__)missing > 0 && __builtin_wasm_memory_grow(0, missing) == (word)-1)
    fail("universal: out of memory");
  top = address + size;
  return address;
}

static const Script *keep(word address, word size) {
  Script *script = (Script *)allocate(sizeof(Script) + size);
  script->size = size;
  copy(script->code, (const u8 *)address, size);
  kept_end = top;
  return script;
}

// The API: one case per import, which takes its arguments from the stack.

enum Import {
#define R0(r, f) IMPORT_##f,
#define R1(r, f, ...) IMPORT_##f,
#define R2(r, f, ...) IMPORT_##f,
#define R4(r, f, ...) IMPORT_##f,
#define V0(f) IMPORT_##f,
#define V1(f, ...) IMPORT_##f,
#define V2(f, ...) IMPORT_##f,
#define V3(f, ...) IMPORT_##f,
#define V4(f, ...) IMPORT_##f,
#define V5(f, ...) IMPORT_##f,
#define V8(f, ...) IMPORT_##f,
#include "imports.inc"
};

static void call_api(u8 import) {
  switch (import) {
#define ARGS(n) if (depth < n) fail("universal: too few arguments"); else depth -= n
#define A(type, i) (type)stack[depth + i]
#define R0(r, f) case IMPORT_##f: push(ic0_##f()); break;
#define R1(r, f, a) case IMPORT_##f: ARGS(1); push(ic0_##f(A(a, 0))); break;
#define R2(r, f, a, b) case IMPORT_##f: ARGS(2); push(ic0_##f(A(a, 0), A(b, 1))); break;
#define R4(r, f, a, b, c, d) \
  case IMPORT_##f: ARGS(4); push(ic0_##f(A(a, 0), A(b, 1), A(c, 2), A(d, 3))); break;
#define V0(f) case IMPORT_##f: ic0_##f(); break;
#define V1(f, a) case IMPORT_##f: ARGS(1); ic0_##f(A(a, 0)); break;
#define V2(f, a, b) case IMPORT_##f: ARGS(2); ic0_##f(A(a, 0), A(b, 1)); break;
#define V3(f, a, b, c) \
  case IMPORT_##f: ARGS(3); ic0_##f(A(a, 0), A(b, 1), A(c, 2)); break;
#define V4(f, a, b, c, d) \
  case IMPORT_##f: ARGS(4); ic0_##f(A(a, 0), A(b, 1), A(c, 2), A(d, 3)); break;
#define V5(f, a, b, c, d, e) \
  case IMPORT_##f: ARGS(5); ic0_##f(A(a, 0), A(b, 1), A(c, 2), A(d, 3), A(e, 4)); break;
#define V8(f, a, b, c, d, e, g, h, i)                                              \
  case IMPORT_##f: ARGS(8);                                                        \
    ic0_##f(A(a, 0), A(b, 1), A(c, 2), A(d, 3), A(e, 4), A(g, 5), A(h, 6), A(i, 7)); \
    break;
#include "imports.inc"
    default: fail("universal: no such import at this width");
  }
}

static void fetch(u8 size_import, u8 copy_import) {
  call_api(size_import);
  word size = (word)pop();
  word buffer = allocate(size);
  push(buffer);
  push(0);
  push(size);
  call_api(copy_import);
  push_blob(buffer, size);
}

static void amount(u8 import) {
  word buffer = allocate(16);
  push(buffer);
  call_api(import);
  push_blob(buffer, 16);
}

// The interpreter.

static u64 immediate(const u8 **code, u32 size) {
  u64 value = 0;
  for (u32 i = 0; i < size; i++) value |= (u64) * (*code)++ << (8 * i);
  return value;
}

// Volatile, and a result that depends on the one below in no simple way: else the compiler
// would make it a loop.
static volatile u32 recursion_goes_on = 1;

static u32 recurse(u32 level) {
  u32 below = recursion_goes_on ? recurse(level + 1) : 0;
  return below ^ (below >> 1) ^ level;
}

static void callback(word script);

static void run(const u8 *code, word size) {
  const u8 *end = code + size;
  depth = 0;
  while (code < end) {
    u64 a, b, c;
    switch (*code++) {
      case OP_push: push(immediate(&code, 8)); break;
      case OP_blob:
        a = immediate(&code, 4);
        push_blob((word)code, (word)a);
        code += a;
        break;
      case OP_dup: a = pop(); push(a); push(a); break;
      case OP_drop: pop(); break;
      case OP_add: b = pop(); a = pop(); push(a + b); break;
      case OP_sub: b = pop(); a = pop(); push(a - b); break;
      case OP_equal: b = pop(); a = pop(); push(a == b); break;
      case OP_less: b = pop(); a = pop(); push(a < b); break;
      case OP_jump: a = immediate(&code, 4); code += (int)a; break;
      case OP_jump_if_zero:
        a = immediate(&code, 4);
        if (pop() == 0) code += (int)a;
        break;

      case OP_load: a = pop(); push(*(const u64 *)(word)a); break;
      case OP_store: b = pop(); a = pop(); *(u64 *)(word)a = b; break;
      case OP_copy:
        c = pop(); b = pop(); a = pop();
        copy((u8 *)(word)a, (const u8 *)(word)b, (word)c);
        break;
      case OP_fill:
        c = pop(); b = pop(); a = pop();
        for (u64 i = 0; i < c; i++) ((u8 *)(word)a)[i] = (u8)b;
        break;
      case OP_memory_size: push(__builtin_wasm_memory_size(0)); break;
      case OP_memory_grow:
        // Sign-extended, so that failure looks the same at both widths.
        push((u64)(__INTPTR_TYPE__)__builtin_wasm_memory_grow(0, (word)pop()));
        break;
      case OP_global_get: push(wasm_global); break;
      case OP_global_set: wasm_global = pop(); break;
      case OP_scratch: push((word)scratch); break;
      case OP_allocate: push(allocate((word)pop())); break;
      case OP_number:
        a = allocate(8);
        *(u64 *)(word)a = pop();
        push_blob((word)a, 8);
        break;

      case OP_keep: b = pop(); a = pop(); push((word)keep((word)a, (word)b)); break;
      case OP_callback: push((word)callback); break;
      case OP_hook:
        c = immediate(&code, 1);
        b = pop(); a = pop();
        if (c >= HOOK_COUNT) fail("universal: no such hook");
        hooks[c] = keep((word)a, (word)b);
        break;
      case OP_call_table: b = pop(); a = pop(); ((void (*)(word))(word)b)((word)a); break;

      case OP_api: call_api(*code++); break;
      case OP_fetch: code += 2; fetch(code[-2], code[-1]); break;
      case OP_amount: amount(*code++); break;

      case OP_unreachable: __builtin_trap();
      case OP_divide: b = pop(); a = pop(); push((u64)((long long)a / (long long)b)); break;
      case OP_truncate: push((u64)__builtin_wasm_trunc_s_i32_f64(__builtin_nan(""))); break;
      case OP_recurse: push(recurse(0)); break;
      default: fail("universal: no such instruction");
    }
  }
}

static void begin(void) {
  if (kept_end == 0) kept_end = (word)&__heap_base;
  top = kept_end;
}

static void run_argument(void) {
  begin();
  word size = ic0_msg_arg_data_size();
  word code = allocate(size);
  ic0_msg_arg_data_copy(code, 0, size);
  run((const u8 *)code, size);
}

static void run_script(const Script *script) {
  begin();
  if (script) run(script->code, script->size);
}

static void callback(word script) { run_script((const Script *)script); }

EXPORT("canister_init") void init(void) { run_argument(); }
EXPORT("canister_post_upgrade") void post_upgrade(void) { run_argument(); }
EXPORT("canister_update update") void update(void) { run_argument(); }
EXPORT("canister_query query") void query(void) { run_argument(); }
EXPORT("canister_composite_query composite_query") void composite_query(void) { run_argument(); }

EXPORT("canister_pre_upgrade") void pre_upgrade(void) { run_script(hooks[HOOK_pre_upgrade]); }
EXPORT("canister_heartbeat") void heartbeat(void) { run_script(hooks[HOOK_heartbeat]); }
EXPORT("canister_global_timer") void timer(void) { run_script(hooks[HOOK_global_timer]); }
EXPORT("canister_on_low_wasm_memory") void low(void) { run_script(hooks[HOOK_on_low_wasm_memory]); }
// A transform's argument is the response to be transformed: its script must be there before.
EXPORT("canister_query transform") void transform(void) { run_script(hooks[HOOK_transform]); }

EXPORT("canister_inspect_message") void inspect_message(void) {
  // Without a script everything may pass: with none there would be no way to give it one.
  if (!hooks[HOOK_inspect_message]) ic0_accept_message();
  run_script(hooks[HOOK_inspect_message]);
}
