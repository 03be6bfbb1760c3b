// Panels of a matrix that has no float32 master: filled from rows of a file's numbers, and read back. A panel is 16 rows of
// the matrix side by side. Included by kernels.h.

/// n numbers of a row from its column c on, as panels of float32 or of pairs of bfloat16 take them. c is even.
inline void convert_span(float* out, const uint8_t* row, BlockType type, int c, int n) {
  widen(out, row + static_cast<size_t>(c) * static_cast<size_t>(format_of(type).bytes), type, static_cast<size_t>(n));
}
inline void convert_span(uint32_t* out, const uint8_t* row, BlockType type, int c, int n) {
  if (type == BlockType::bf16) {
    if (n & 1) out[n / 2] = 0;
    std::memcpy(out, row + static_cast<size_t>(c) * 2, static_cast<size_t>(n) * 2);
    return;
  }
  float numbers[kSpan];
  convert_span(numbers, row, type, c, n);
  round_row(out, numbers, n);
}

/// Rows first … first + n − 1, each `in` numbers, to panels of `steps` elements along k. What else lies in the panels is left alone.
template <class Element>
inline void pack_numbers(Element* panels, int in, int steps, int first, int n, const uint8_t* rows, BlockType type) {
  constexpr int kNumbers = std::is_same<Element, float>::value ? 1 : 2, kElements = kSpan / kNumbers;
  alignas(64) Element part[16 * kElements];
  const size_t row_bytes = static_cast<size_t>(in) * static_cast<size_t>(format_of(type).bytes);
  for (int r = 0; r < n;) {
    const int lane = (first + r) % 16, count = n - r < 16 - lane ? n - r : 16 - lane;
    Element* panel = panels + static_cast<size_t>((first + r) / 16) * 16 * static_cast<size_t>(steps);
    for (int c = 0; c < in; c += kSpan) {
      const int span = in - c < kSpan ? in - c : kSpan, elements = (span + kNumbers - 1) / kNumbers;
      Element* to = panel + static_cast<size_t>(c / kNumbers) * 16;
      for (int i = 0; i < count; i++) convert_span(part + i * kElements, rows + static_cast<size_t>(r + i) * row_bytes, type, c, span);
      if (count == 16) {
        // A transpose moves bits and computes nothing.
        transpose(reinterpret_cast<float*>(to), 16, reinterpret_cast<const float*>(part), kElements, 16, elements);
        continue;
      }
      for (int k = 0; k < elements; k++) {
        for (int i = 0; i < count; i++) to[k * 16 + lane + i] = part[i * kElements + k];
      }
    }
    r += count;
  }
}

/// One row of `in` numbers in float32, whose first element lies at `from`.
inline void unpack_numbers(float* out, const float* from, int in) {
  for (int c = 0; c < in; c++) out[c] = from[static_cast<size_t>(c) * 16];
}
inline void unpack_numbers(float* out, const uint32_t* from, int in) {
  for (int c = 0; c < in; c++) {
    const uint32_t pair = from[static_cast<size_t>(c / 2) * 16];
    out[c] = bits_as_float(c & 1 ? pair & 0xffff0000u : pair << 16);
  }
}
