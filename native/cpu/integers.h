// Products of weights in blocks with rows in 8 bits: exact integer sums inside a block, blocks added in order.
//
// A row x goes in blocks of 32 numbers, as ggml's Q8_0 has them, with a scale in float32: d = max |x| / 127, q = x / d to
// nearest. A weight of a block is w = s (v - zero) + m. Then for each output and block
//   y += Σ q (v - zero) (s d), and of types with a minimum y += m (d Σ q),
// both rounded once. So a row's result depends on nothing but the row. Types with a scale for 16 numbers have two such sums.
#pragma once
#include <cstddef>
#include <cstdint>

#include "../blocks.h"

namespace pr1 {

/// How the integers of a type are meant.
struct IntegerType {
  int zero;
  bool halves;   // a scale for 16 numbers
  bool minimum;
};
/// False for types of float16 and the like, which have none.
constexpr bool integer_type(BlockType type, IntegerType& out) {
  switch (type) {
    case BlockType::q8_0: out = {128, false, false}; return true;
    case BlockType::q4_0: out = {8, false, false}; return true;
    case BlockType::q5_0: out = {16, false, false}; return true;
    case BlockType::q4_1:
    case BlockType::q5_1:
    case BlockType::q4_k:
    case BlockType::q5_k: out = {0, false, true}; return true;
    case BlockType::q6_k: out = {32, true, false}; return true;
    default: return false;
  }
}

/// 32 numbers of 16 outputs, ready for products.
struct IntegerBlock {
  uint8_t v[8][16][4];  // four numbers that follow each other, of each output
  float s[2][16];       // scales of the first and the last 16 numbers
  float m[16];          // minimum
};

/// What products need of 32 numbers of a row besides q: the scale d and d Σ q; Σ q, and Σ q of the first and the last 16.
struct IntegerScale {
  float d, scaled;
};
struct IntegerSums {
  float all, half[2];
};

/// Rows of x in blocks of 32, in strips of `height` rows, so that what is multiplied together lies together. Rows that the last
/// strip lacks are 0. Every q lies in −127 … 127, and kernels rely on it: where 1 / d is finite, d has 21 bits or more, so that x / d
/// is below 127.5; where it is not, q is 0.
struct IntegerRows {
  int8_t* q;             // (strips, in / 32, height, 32)
  IntegerScale* scales;  // (strips, in / 32, height)
  IntegerSums* sums;
  int in, height;

  /// Few rows have a strip of their number, so that one row has no gaps.
  static int height_of(int rows) { return rows < kTileRows ? rows : 16; }
  static constexpr int kTileRows = 6;  // from which on matrix units are faster than vectors (docs/log.md)

  /// Where block `b` of row m lies, in blocks. The next row of a strip follows, the next block is `height` further.
  size_t at(int m, int b) const { return (static_cast<size_t>(m / height) * (in / 32) + b) * height + m % height; }
};

/// out (m1 − m0, 16): rows m0 … m1 times one panel (blocks.h) of a type with integers. m0: a multiple of 16. room: in / 32 blocks.
using IntegerProduct = void(float* out, BlockType type, const uint8_t* from, IntegerBlock* room, const IntegerRows& x, int m0, int m1);
IntegerProduct software_panel;

/// The same, bit for bit, with instructions that multiply bytes: of AVX512-VNNI, which not every CPU with AVX-512 has.
bool vnni_available();
IntegerProduct vnni_panel;
/// n blocks of a panel from block `first` on, with their numbers less `zero`.
void vnni_unpack(IntegerBlock* to, BlockType type, const uint8_t* from, int first, int n, int zero);

/// The same with 256 bits (integers_256.h): of AVX2, and of AVX-VNNI, which CPUs without AVX-512 may have.
IntegerProduct avx2_panel;
bool avx_vnni_available();
IntegerProduct avx_vnni_panel;

/// The same with NEON's dot product (Armv8.2 and later, where the CPU has it).
bool neon_dot_available();
IntegerProduct neon_dot_panel;

/// The same on the matrix units of AMX-INT8, of kTileRows rows or more. A task on a thread begins with the number of its rows, and ends.
/// Available where VNNI is and the system allows the units.
bool amx_integers_available();
void amx_integers_begin(int rows);
void amx_integers_end();
IntegerProduct amx_integer_panel;

}  // namespace pr1
