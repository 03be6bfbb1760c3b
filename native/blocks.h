// Weights in blocks: the formats of ggml (ggml-common.h), of 32 or 256 numbers of a row with their scales. float32, float16 and
// bfloat16 are blocks of one number.
#pragma once
#include <cstddef>
#include <cstdint>

namespace pr1 {

enum class BlockType : uint8_t { f32, f16, bf16, q8_0, q4_0, q4_1, q5_0, q5_1, q4_k, q5_k, q6_k };
constexpr int kBlockTypes = 11;

struct BlockFormat {
  const char* name;     // ggml's
  int elements, bytes;  // of a block
  /// Bytes from `wide_at` on that belong together in pairs (float16 scales) or fours (float32), `wide` of them.
  int wide_at, wide, width;
};
const BlockFormat& format_of(BlockType type);

/// A weight (out, in) as the products read it: panels of 16 rows (out / 16, in / elements, bytes, 16), zero padded. A block's
/// bytes lie interleaved: the first four of all 16 rows, the next four of all 16, …, so that a vector holds a word of each row; a scale
/// of two bytes of all 16 rows. Fours count from the block's start or from behind its scales. Numbers of Q8_0 have 128 added.
struct Blocks {
  BlockType type;
  int out, in;
  uint8_t* panels;
  size_t panel_bytes() const { return row_bytes() * 16; }
  size_t row_bytes() const { return static_cast<size_t>(in) / format_of(type).elements * format_of(type).bytes; }
  size_t bytes() const { return panel_bytes() * ((static_cast<size_t>(out) + 15) / 16); }
};

/// Whether a number is a block of its own.
inline bool plain(BlockType type) { return type <= BlockType::bf16; }
/// n plain numbers → float32, exactly.
void widen(float* to, const uint8_t* from, BlockType type, size_t n);
/// Whether n plain numbers are all finite.
bool all_finite(const uint8_t* numbers, BlockType type, size_t n);

/// Fills the panels from rows of blocks, as a file has them. False where a scale is not finite; then the panels are part new.
bool interleave(const Blocks& to, const uint8_t* rows);

/// Whether `quantize` makes blocks of this type: f32, bf16, q8_0 and q4_0.
bool quantizes(BlockType type);
/// n floats → blocks, byte for byte as ggml's reference functions.
void quantize(uint8_t* to, const float* from, BlockType type, size_t n);

}  // namespace pr1
