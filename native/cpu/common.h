// What the instruction-set files share and must not compile themselves: anything that would instantiate standard
// library templates with instructions that another CPU lacks.
#pragma once
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "../blocks.h"
#include "../ops.h"
#include "../threads.h"

#if defined(__GNUC__)
#define PR1_INLINE inline __attribute__((always_inline))
#define PR1_PREFETCH(p) __builtin_prefetch(p)
#define PR1_PREFETCH_L2(p) __builtin_prefetch(p, 0, 2)
#else
#define PR1_INLINE inline
#define PR1_PREFETCH(p) ((void)(p))
#define PR1_PREFETCH_L2(p) ((void)(p))
#endif

namespace pr1 {

/// 64-byte aligned, uninitialised; throws std::bad_alloc.
float* aligned_floats(size_t n);

/// Ids 0 … n−1 by descending weight, the lower id first at a tie.
void sort_by_weight(int* order, const float* weights, int n);

namespace avx512_bf16 {
Ops* make_ops(ThreadPool& pool, Precision precision);
}
namespace avx512 {
Ops* make_ops(ThreadPool& pool, Precision precision);
}
namespace avx2 {
Ops* make_ops(ThreadPool& pool, Precision precision);
}
namespace neon {
Ops* make_ops(ThreadPool& pool, Precision precision);
}
namespace portable {
Ops* make_ops(ThreadPool& pool, Precision precision);
}

}  // namespace pr1
