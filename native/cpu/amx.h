// The matrix units of Intel CPUs (AMX), for products of bfloat16.
#pragma once
#include <cstddef>
#include <cstdint>

namespace pr1 {

/// A block of a product: strips of 16 rows times panels of 16 columns.
struct TileBlock {
  int steps;           // of k, two numbers each: a multiple of 16
  const uint32_t* a;   // strips (steps / 16, 16 rows, 16 steps), one behind the other
  const uint32_t* b;   // panels (steps, 16 columns)
  size_t panel;        // from one panel to the next
  float* c;            // (16 strips, 16 panels)
  size_t ldc;
  bool accumulate;     // onto c; else c is overwritten
};

/// What this process has. The operating system is asked for the units once.
enum class Amx { absent, refused, available };
Amx amx();

/// Around the blocks of one task on one thread.
void amx_begin();
void amx_end();

/// One block of 1 or 2 strips times 1, 2 or, of one strip, 4 panels.
void amx_block(const TileBlock& block, int strips, int panels);

}  // namespace pr1
