// A stand-in for cuRAND: good numbers, but not the ones a device would give for the same seed.
#include <cmath>

#include "library.h"

namespace {

enum Status { success = 0, not_initialized = 101, length_not_multiple = 105, launch_failure = 201 };

// splitmix64: the state counts, so that an offset is an addition.
struct Generator {
  void* stream = nullptr;
  uint64_t seed = 0, position = 0;
  uint64_t next() {
    uint64_t v = seed * 0xd1342543de82ef95u + ++position * 0x9e3779b97f4a7c15u;
    v = (v ^ v >> 30) * 0xbf58476d1ce4e5b9u;
    v = (v ^ v >> 27) * 0x94d049bb133111ebu;
    return v ^ v >> 31;
  }
  // In (0, 1], as cuRAND's: the smallest is not 0, and 1 occurs.
  double uniform(double steps) { return (std::floor(double(next() >> 11) * 0x1p-53 * steps) + 1) / steps; }
  double normal() { return std::sqrt(-2 * std::log(uniform(0x1p53))) * std::cos(6.283185307179586 * uniform(0x1p53)); }
};

template <class T, class F>
int fill(void* generator, T* to, size_t count, F value) {
  auto* g = static_cast<Generator*>(generator);
  if (!g) return not_initialized;
  int error = standin_submit(g->stream, [=] {
    for (size_t i = 0; i < count; i++) to[i] = T(value(*g));
  });
  return error ? launch_failure : success;
}

template <class T>
int normal(void* generator, T* to, size_t count, T mean, T deviation, bool log) {
  if (count % 2 != 0) return length_not_multiple;  // the real generators make pairs
  return fill(generator, to, count, [=](Generator& g) {
    double v = double(mean) + double(deviation) * g.normal();
    return log ? std::exp(v) : v;
  });
}

}  // namespace

LIBRARY_API curandCreateGenerator(void** generator, int) {
  *generator = new Generator;
  return success;
}
LIBRARY_API curandDestroyGenerator(void* generator) {
  delete static_cast<Generator*>(generator);
  return success;
}
LIBRARY_API curandSetStream(void* generator, void* stream) {
  static_cast<Generator*>(generator)->stream = stream;
  return success;
}
LIBRARY_API curandSetPseudoRandomGeneratorSeed(void* generator, unsigned long long seed) {
  auto* g = static_cast<Generator*>(generator);
  g->seed = seed;
  g->position = 0;
  return success;
}
LIBRARY_API curandSetGeneratorOffset(void* generator, unsigned long long offset) {
  static_cast<Generator*>(generator)->position = offset;
  return success;
}
LIBRARY_API curandGenerate(void* generator, unsigned* to, size_t count) {
  return fill(generator, to, count, [](Generator& g) { return unsigned(g.next() >> 32); });
}
LIBRARY_API curandGenerateLongLong(void* generator, unsigned long long* to, size_t count) {
  return fill(generator, to, count, [](Generator& g) { return g.next(); });
}
LIBRARY_API curandGenerateUniform(void* generator, float* to, size_t count) {
  return fill(generator, to, count, [](Generator& g) { return g.uniform(0x1p24); });
}
LIBRARY_API curandGenerateUniformDouble(void* generator, double* to, size_t count) {
  return fill(generator, to, count, [](Generator& g) { return g.uniform(0x1p53); });
}
LIBRARY_API curandGenerateNormal(void* generator, float* to, size_t count, float mean, float deviation) {
  return normal(generator, to, count, mean, deviation, false);
}
LIBRARY_API curandGenerateNormalDouble(void* generator, double* to, size_t count, double mean, double deviation) {
  return normal(generator, to, count, mean, deviation, false);
}
LIBRARY_API curandGenerateLogNormal(void* generator, float* to, size_t count, float mean, float deviation) {
  return normal(generator, to, count, mean, deviation, true);
}
LIBRARY_API curandGenerateLogNormalDouble(void* generator, double* to, size_t count, double mean, double deviation) {
  return normal(generator, to, count, mean, deviation, true);
}
