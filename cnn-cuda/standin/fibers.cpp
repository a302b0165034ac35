// Runs kernels: the executor that is linked into every device module.
//
// The threads of a block are fibers on one host thread. A thread runs until it returns or reaches a barrier or a
// warp operation; then the next one runs. Blocks run one after the other.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>
#include <sys/mman.h>

#include "module.h"
#if !defined(__x86_64__)
#include <ucontext.h>
#endif

#include "device_vector.h"

uint3 threadIdx, blockIdx;
dim3 blockDim, gridDim;

namespace standin {
void* dynamic_shared;
unsigned long block_count;
enum class Warp { sync, shuffle, ballot, match, sum, min_signed, min_unsigned, max_signed, max_unsigned, bit_and, bit_or, bit_xor };

namespace {

constexpr size_t stack_size = 128 << 10, page = 4096, dynamic_limit = 256 << 10;

// Switching from one stack to another: all that must survive is pushed on the old one.
#if defined(__x86_64__)
struct Context {
  void* stack_pointer;
};
extern "C" void standin_switch(Context* from, Context* to) __attribute__((visibility("hidden")));
asm(R"(
.text
.hidden standin_switch
.globl standin_switch
.type standin_switch, @function
standin_switch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq (%rsi), %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size standin_switch, .-standin_switch
)");
void prepare(Context* context, char* stack_top, void (*entry)()) {
  void** top = reinterpret_cast<void**>(stack_top);
  top[-1] = nullptr;  // where entry would return to; it never does
  top[-2] = reinterpret_cast<void*>(entry);
  context->stack_pointer = top - 8;  // six registers below
}
void switch_to(Context* from, Context* to) { standin_switch(from, to); }
#else
struct Context {
  ucontext_t context;
};
void prepare(Context* context, char* stack_top, void (*entry)()) {
  getcontext(&context->context);
  context->context.uc_stack.ss_sp = stack_top - stack_size + page;
  context->context.uc_stack.ss_size = stack_size - page;
  context->context.uc_link = nullptr;
  makecontext(&context->context, entry, 0);
}
void switch_to(Context* from, Context* to) { swapcontext(&from->context, &to->context); }
#endif

enum class State { fresh, ready, at_barrier, in_warp, converging, done };

struct Thread {
  Context context;
  char* stack_top;
  State state;
  uint3 index;
  // What it asks of its warp, and the answer.
  Warp operation;
  unsigned mask, source;
  unsigned long long value, result;
};

const Launch* launch;
std::vector<Thread> threads;
std::vector<char*> stacks;  // the tops of free ones
std::vector<unsigned> warp_order, lane_order;
Thread* current;
Context scheduler;
unsigned live, waiting, in_warp, predicates, barrier_result, barrier_arrived;
int error;
uint64_t random_state;

unsigned number(const Thread* thread) { return unsigned(thread - threads.data()); }

[[noreturn]] void die(const char* what) {
  fprintf(stderr, "stand-in: kernel %s, block (%u, %u, %u), thread (%u, %u, %u): %s\n", launch->name, blockIdx.x, blockIdx.y,
          blockIdx.z, threadIdx.x, threadIdx.y, threadIdx.z, what);
  abort();
}

void* map(size_t size, size_t guard_at) {
  void* memory = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) die("no memory for stacks");
  mprotect(static_cast<char*>(memory) + guard_at, page, PROT_NONE);
  return memory;
}

// The tops lie at different places in their pages: else all would compete for the same lines of the cache.
char* take_stack() {
  if (stacks.empty()) {
    static unsigned count;
    return static_cast<char*>(map(page + stack_size, 0)) + page + stack_size - 64 * (count++ * 5 % 64);
  }
  char* top = stacks.back();
  stacks.pop_back();
  return top;
}

// The dynamic shared memory ends at a page that cannot be touched, so that a kernel that reaches behind it dies.
// It is new garbage for each block.
void fresh_dynamic_shared() {
  static char* region = static_cast<char*>(map(dynamic_limit + page, dynamic_limit));
  size_t size = (launch->dynamic_shared + 127) & ~size_t(127);
  dynamic_shared = region + dynamic_limit - size;
  memset(dynamic_shared, 0xff, size);
}

void wait() { switch_to(&current->context, &scheduler); }

// All threads that still live have come to the barrier.
void release_barrier_if_complete() {
  if (waiting == 0 || waiting != live) return;
  barrier_result = predicates;
  barrier_arrived = waiting;
  waiting = predicates = 0;
  for (Thread& thread : threads)
    if (thread.state == State::at_barrier) thread.state = State::ready;
}

unsigned alive(const Thread* warp, unsigned lanes) {
  unsigned mask = 0;
  for (unsigned i = 0; i < lanes; i++)
    if (warp[i].state != State::done) mask |= 1u << i;
  return mask;
}

unsigned long long combine(Warp operation, unsigned long long a, unsigned long long b) {
  switch (operation) {
    case Warp::sum: return a + b;
    case Warp::min_signed: return (long long)b < (long long)a ? b : a;
    case Warp::max_signed: return (long long)b > (long long)a ? b : a;
    case Warp::min_unsigned: return unsigned(b) < unsigned(a) ? b : a;
    case Warp::max_unsigned: return unsigned(b) > unsigned(a) ? b : a;
    case Warp::bit_and: return a & b;
    case Warp::bit_xor: return a ^ b;
    default: return a | b;
  }
}

unsigned warp_start(const Thread* thread) { return number(thread) & ~31u; }
unsigned warp_lanes(const Thread* thread) {
  size_t rest = threads.size() - warp_start(thread);
  return rest < 32 ? unsigned(rest) : 32;
}

// Does what the threads in `asked`'s mask want together, once all of them that still live have asked for it.
void finish_warp_operation_if_complete(Thread* asked) {
  Thread* warp = &threads[warp_start(asked)];
  unsigned lanes = warp_lanes(asked);
  unsigned members = asked->mask & alive(warp, lanes);
  for (unsigned i = 0; i < lanes; i++) {
    if (!(members >> i & 1)) continue;
    if (warp[i].state != State::in_warp) return;
    if (warp[i].mask != asked->mask || warp[i].operation != asked->operation)
      die("threads of a warp meet in different warp operations or with different masks");
  }
  unsigned long long all = 0;
  bool first = true;
  for (unsigned i = 0; i < lanes; i++) {
    if (!(members >> i & 1)) continue;
    unsigned long long value = asked->operation == Warp::ballot ? warp[i].value << i : warp[i].value;
    all = first ? value : combine(asked->operation, all, value);
    first = false;
  }
  for (unsigned i = 0; i < lanes; i++) {
    if (!(members >> i & 1)) continue;
    Thread& thread = warp[i];
    thread.state = State::ready;
    in_warp--;
    if (thread.operation == Warp::shuffle) {
      // A lane that does not take part has no value: the real one is undefined.
      thread.result = thread.source < 32 && members >> thread.source & 1 ? warp[thread.source].value : ~0ull;
    } else if (thread.operation == Warp::match) {
      thread.result = 0;
      for (unsigned j = 0; j < lanes; j++)
        if (members >> j & 1 && warp[j].value == thread.value) thread.result |= 1u << j;
    } else {
      thread.result = all;
    }
  }
}

void thread_entry() {
  launch->kernel->call(launch->kernel->function, launch->params);
  current->state = State::done;
  wait();
}

void resume(Thread* thread) {
  if (thread->state == State::fresh) {
    thread->stack_top = take_stack();
    prepare(&thread->context, thread->stack_top, thread_entry);
    thread->state = State::ready;
  }
  current = thread;
  threadIdx = thread->index;
  switch_to(&scheduler, &thread->context);
  if (thread->state != State::done) return;
  stacks.push_back(thread->stack_top);
  live--;
  release_barrier_if_complete();
  if (in_warp == 0) return;
  Thread* warp = &threads[warp_start(thread)];
  for (unsigned i = 0; i < warp_lanes(thread); i++)
    if (warp[i].state == State::in_warp) finish_warp_operation_if_complete(&warp[i]);
}

void deadlock() {
  unsigned barrier = 0, warps = 0;
  for (const Thread& thread : threads) {
    barrier += thread.state == State::at_barrier;
    warps += thread.state == State::in_warp;
  }
  char text[200];
  snprintf(text, sizeof text, "deadlock: %u threads wait at a block barrier, %u in a warp operation, %zu have returned", barrier,
           warps, threads.size() - live);
  die(text);
}

void shuffle(std::vector<unsigned>& order) {
  for (size_t i = order.size(); i > 1; i--) {
    random_state = random_state * 6364136223846793005ull + 1442695040888963407ull;
    std::swap(order[i - 1], order[(random_state >> 33) % i]);
  }
}

void number_in_order(std::vector<unsigned>& order, size_t count) {
  order.resize(count);
  for (size_t i = 0; i < count; i++) order[i] = unsigned(launch->order == Order::reverse ? count - 1 - i : i);
  if (launch->order == Order::shuffle) shuffle(order);
}

// Threads that ask who is active wait until nobody else of the warp can run: those that ask by then are active
// together, as if they had run side by side.
bool converge(unsigned start) {
  unsigned mask = 0;
  for (unsigned i = start; i < threads.size() && i < start + 32; i++)
    if (threads[i].state == State::converging) mask |= 1u << (i - start);
  for (unsigned i = start; i < threads.size() && i < start + 32; i++) {
    if (threads[i].state != State::converging) continue;
    threads[i].state = State::ready;
    threads[i].result = mask;
  }
  return mask != 0;
}

// A warp runs until all its threads wait; then the next warp runs.
bool run_warp(unsigned warp) {
  unsigned start = warp * 32;
  bool progress = false, again = true;
  while (again && error == 0) {
    again = false;
    for (unsigned lane : lane_order) {
      if (start + lane >= threads.size()) continue;
      Thread* thread = &threads[start + lane];
      if (thread->state != State::fresh && thread->state != State::ready) continue;
      resume(thread);
      again = progress = true;
      if (error != 0) break;
    }
    if (!again) again = converge(start);
  }
  return progress;
}

void run_block() {
  block_count++;
  if (launch->dynamic_shared) fresh_dynamic_shared();
  for (Thread& thread : threads) thread.state = State::fresh;
  live = unsigned(threads.size());
  waiting = in_warp = predicates = 0;
  while (live > 0 && error == 0) {
    number_in_order(warp_order, (threads.size() + 31) / 32);
    number_in_order(lane_order, 32);
    bool progress = false;
    for (unsigned warp : warp_order) progress = run_warp(warp) || progress;
    if (!progress && error == 0) deadlock();
  }
  if (error != 0)
    for (Thread& thread : threads)
      if (thread.state != State::fresh && thread.state != State::done) stacks.push_back(thread.stack_top);
}

const Kernel* kernels;

}  // namespace

void add_kernel(const void* function, void (*call)(const void*, void**), int count, const unsigned long* sizes,
                unsigned max_threads) {
  kernels = new Kernel{function, call, count, sizes, max_threads, kernels};
}

unsigned block_barrier(bool predicate, unsigned* arrived) {
  current->state = State::at_barrier;
  waiting++;
  predicates += predicate;
  release_barrier_if_complete();
  wait();
  if (arrived) *arrived = barrier_arrived;
  return barrier_result;
}

unsigned lane() { return number(current) & 31; }

unsigned active_mask() {
  current->state = State::converging;
  wait();
  return unsigned(current->result);
}

unsigned long long warp(Warp operation, unsigned mask, unsigned long long value, unsigned source) {
  if (!(mask >> lane() & 1)) die("a warp operation's mask lacks the calling thread");
  current->state = State::in_warp;
  in_warp++;
  current->operation = operation;
  current->mask = mask;
  current->value = value;
  current->source = source;
  finish_warp_operation_if_complete(current);
  wait();
  return current->result;
}

[[noreturn]] void trap(int why, const char* message) {
  fprintf(stderr, "stand-in: kernel %s, block (%u, %u, %u), thread (%u, %u, %u): %s\n", launch->name, blockIdx.x, blockIdx.y,
          blockIdx.z, threadIdx.x, threadIdx.y, threadIdx.z, message);
  error = why;
  wait();
  __builtin_unreachable();
}

}  // namespace standin

// A failed assertion in a kernel ends the kernel, not the program. Hidden, so that it stands for libc's only in
// this module.
extern "C" __attribute__((visibility("hidden"), noreturn)) void __assert_fail(const char* condition, const char* file, unsigned line,
                                                                             const char*) noexcept(true) {
  char text[300];
  snprintf(text, sizeof text, "%s:%u: assertion `%s` failed", file, line, condition);
  standin::trap(710, text);
}

// The rest of this file is hidden: each module has its own.
#define EXPORT extern "C" __attribute__((visibility("default")))
EXPORT const standin::Kernel* standin_kernels_1() { return standin::kernels; }

EXPORT int standin_run_1(const standin::Launch* what) {
  using namespace standin;
  launch = what;
  error = 0;
  random_state = 20240229;
  const unsigned *g = what->grid, *b = what->block;
  gridDim = {g[0], g[1], g[2]};
  blockDim = {b[0], b[1], b[2]};
  threads.resize(size_t(b[0]) * b[1] * b[2]);
  for (unsigned i = 0; i < threads.size(); i++) threads[i].index = {i % b[0], i / b[0] % b[1], i / b[0] / b[1]};
  uint64_t blocks = uint64_t(g[0]) * g[1] * g[2], step = 1, start = 0;
  if (what->order == Order::reverse) start = blocks - 1, step = blocks - 1;  // modulo blocks: one down
  if (what->order == Order::shuffle) {
    // A stride without a common factor visits every block once, far from its neighbours.
    step = blocks * 5 / 8 | 1;
    auto gcd = [](uint64_t a, uint64_t b) {
      while (b) a %= b, std::swap(a, b);
      return a;
    };
    while (gcd(step, blocks) != 1) step += 2;
    start = blocks / 3;
  }
  for (uint64_t i = 0, at = start; i < blocks && error == 0; i++, at = (at + step) % blocks) {
    blockIdx = {unsigned(at % g[0]), unsigned(at / g[0] % g[1]), unsigned(at / g[0] / g[1])};
    run_block();
  }
  return error;
}
