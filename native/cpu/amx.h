// The matrix units of Intel CPUs (AMX): whether they are there, and products of bfloat16. Those of integers are in amx_integers.cpp.
#pragma once
#include <cstddef>
#include <cstdint>

// The compilers that know the instructions.
#if defined(__x86_64__) && defined(__linux__) && (defined(__clang__) ? __clang_major__ >= 12 : __GNUC__ >= 11)
#define PR1_AMX
#endif

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
Amx amx_bf16();
Amx amx_int8();

/// What the instruction that sets up tiles reads.
struct TileConfig {
  uint8_t palette = 1, start_row = 0, reserved[14] = {};
  uint16_t row_bytes[16] = {};
  uint8_t rows[16] = {};
  constexpr void tile(int i, int height, int width_bytes) { rows[i] = static_cast<uint8_t>(height), row_bytes[i] = static_cast<uint16_t>(width_bytes); }
};

/// Around the blocks of one task on one thread.
void amx_begin();
void amx_end();

/// One block of 1 or 2 strips times 1, 2 or, of one strip, 4 panels.
void amx_block(const TileBlock& block, int strips, int panels);

}  // namespace pr1
