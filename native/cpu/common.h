// What the instruction-set files share and must not compile themselves: anything that would instantiate standard
// library templates with instructions that another CPU lacks.
#pragma once
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

#include "../blocks.h"
#include "../ops.h"
#include "../threads.h"
#include "amx.h"
#include "integers.h"

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

/// The same, zeros: pages that nothing was written to take no memory. Given back by release_floats.
float* zeroed_floats(size_t n);
void release_floats(float* p);

/// Ids 0 … n−1 by descending weight, the lower id first at a tie.
void sort_by_weight(int* order, const float* weights, int n);

/// How products of bfloat16 are added up: in chains as elsewhere (gemm.h), or as Intel's matrix units do (tiles.h).
enum class Products { chains, tiles, tiles_in_software };

/// What multiplies rows in 8 bits (integers.h). All give the same bits.
struct ByteRows {
  IntegerProduct* product;  // of these vectors
  bool fast;                // enough for `auto` to round rows
  bool units;               // and matrix units where there are many rows (amx_integers.cpp)
};

namespace avx512_bf16 {
Ops* make_ops(ThreadPool& pool, const char* isa, Precision precision, Products products, const ByteRows& bytes);
}
namespace avx512 {
Ops* make_ops(ThreadPool& pool, const char* isa, Precision precision, Products products, const ByteRows& bytes);
}
namespace avx2 {
Ops* make_ops(ThreadPool& pool, const char* isa, Precision precision, Products products, const ByteRows& bytes);
}
namespace neon {
Ops* make_ops(ThreadPool& pool, const char* isa, Precision precision, Products products, const ByteRows& bytes);
}
namespace portable {
Ops* make_ops(ThreadPool& pool, const char* isa, Precision precision, Products products, const ByteRows& bytes);
}

}  // namespace pr1
