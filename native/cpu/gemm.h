// Matrix products: every output element is one chain of multiply-adds over k = 0, 1, 2 …, whatever the tile or the number
// of rows, in each precision; in float32 also whatever the vector width. Included by kernels.h.

/// What the two sides of a product hold. Sums are float32 in all of them.
struct F32 {
  static constexpr int kNumbers = 1;  // an element of A or B
  using A = float;
  using B = float;
  static V set(float x) { return set1(x); }
  static V get(const float* p) { return load(p); }
  static V step(V a, V b, V c) { return fma(a, b, c); }
};
/// Two bfloat16 numbers an element: k counts pairs, an odd last one is paired with 0.
struct Bf16 {
  static constexpr int kNumbers = 2;
  using A = uint32_t;
  using B = uint32_t;
  static Pairs set(uint32_t x) { return set1_pairs(x); }
  static Pairs get(const uint32_t* p) { return load_pairs(p); }
  static V step(Pairs a, Pairs b, V c) { return dot_pairs(a, b, c); }
};
template <class P>
struct Gemm {
  int N, K;
  const typename P::A* a;  // element (m, k) at a[m * rs + k * cs]
  size_t rs, cs;
  const typename P::B* b;  // packed panels of 16 columns: element (k, lane) of panel p at b[p * panel + k * 16 + lane]
  size_t panel;
  float* c;
  size_t ldc;
  bool accumulate;
  const float* bias;      // (N) or null
  const float* residual;  // (M, N) or null
  size_t ldr;
};

/// One tile: MR rows of A times NP whole panels of 16 columns. a, b, c and the rest point at the tile's own. Panels are fetched
/// kAhead steps of k before they are needed, if at all.
template <class P, int MR, int NP, int kAhead = 0>
inline void gemm_tile(int K, const typename P::A* a, size_t rs, size_t cs, const typename P::B* b, size_t panel, float* c,
                      size_t ldc, bool accumulate, const float* bias, const float* residual, size_t ldr) {
  V acc[MR][NP];
#pragma GCC unroll 16
  for (int m = 0; m < MR; m++) {
#pragma GCC unroll 16
    for (int p = 0; p < NP; p++) acc[m][p] = accumulate ? load(c + m * ldc + p * 16) : set1(0.0f);
  }
  for (int k = 0; k < K; k++) {
    decltype(P::get(b)) bk[NP];
#pragma GCC unroll 16
    for (int p = 0; p < NP; p++) {
      bk[p] = P::get(b + p * panel + static_cast<size_t>(k) * 16);
      if constexpr (kAhead > 0) PR1_PREFETCH_L2(b + p * panel + static_cast<size_t>(k + kAhead) * 16);
    }
#pragma GCC unroll 16
    for (int m = 0; m < MR; m++) {
      const auto x = P::set(a[m * rs + k * cs]);
#pragma GCC unroll 16
      for (int p = 0; p < NP; p++) acc[m][p] = P::step(x, bk[p], acc[m][p]);
    }
  }
#pragma GCC unroll 16
  for (int m = 0; m < MR; m++) {
#pragma GCC unroll 16
    for (int p = 0; p < NP; p++) {
      V out = acc[m][p];
      if (bias) out = add(out, load(bias + p * 16));
      if (residual) out = add(out, load(residual + m * ldr + p * 16));
      store(c + m * ldc + p * 16, out);
    }
  }
}

/// A last panel of fewer than 16 columns goes through a whole one: `part` (rows, 16) of c, and back. Not templates, so that
/// the many tiles stay small.
inline void load_edge(float* part, const float* c, size_t ldc, int rows, int columns) {
  for (int m = 0; m < rows; m++) store(part + m * 16, load_partial(c + m * ldc, columns, 0.0f));
}
inline void store_edge(float* c, size_t ldc, const float* part, int rows, int columns, const float* bias,
                       const float* residual, size_t ldr) {
  for (int m = 0; m < rows; m++) {
    V out = load(part + m * 16);
    if (bias) out = add(out, load_partial(bias, columns, 0.0f));
    if (residual) out = add(out, load_partial(residual + m * ldr, columns, 0.0f));
    store_partial(c + m * ldc, out, columns);
  }
}

/// MR rows from m of the panels panel0 … panel1, NP at a time.
template <int MR, int NP, int kAhead = 0, class P>
inline void gemm_columns(const Gemm<P>& g, int m, int panel0, int panel1) {
  const int whole = panel1 * 16 <= g.N ? panel1 : panel1 - 1;
  const typename P::A* a = g.a + m * g.rs;
  float* c = g.c + m * g.ldc;
  const float* residual = g.residual ? g.residual + m * g.ldr : nullptr;
  int p = panel0;
  for (; p + NP <= whole; p += NP) {
    const int at = p * 16;
    gemm_tile<P, MR, NP, kAhead>(g.K, a, g.rs, g.cs, g.b + p * g.panel, g.panel, c + at, g.ldc, g.accumulate,
                                 g.bias ? g.bias + at : nullptr,
                                 residual ? residual + at : nullptr, g.ldr);
  }
  if (p == panel1) return;
  if constexpr (NP > 1) {
    gemm_columns<MR, 1, kAhead>(g, m, p, panel1);
  } else {
    const int at = p * 16, columns = g.N - at;
    float part[MR * 16];
    if (g.accumulate) load_edge(part, c + at, g.ldc, MR, columns);
    gemm_tile<P, MR, 1, kAhead>(g.K, a, g.rs, g.cs, g.b + p * g.panel, g.panel, part, 16, g.accumulate, nullptr, nullptr, 0);
    store_edge(c + at, g.ldc, part, MR, columns, g.bias ? g.bias + at : nullptr,
               residual ? residual + at : nullptr, g.ldr);
  }
}

constexpr int kRows = 6;
// Panels a tile: enough independent chains to hide the latency of the multiply-add, few enough to stay in registers.
constexpr int kWide = kAccumulators / kRows > 2 ? 2 : kAccumulators / kRows;
constexpr int kPanels1 = kWide * 4, kPanels2 = kWide * 2, kPanels3 = kWide * 2, kPanels4 = kWide, kPanels5 = kWide;

/// Rows m0 … m1, fewer than kRows, of the panels panel0 … panel1.
template <class P>
inline void gemm_few(const Gemm<P>& g, int m0, int m1, int panel0, int panel1) {
  switch (m1 - m0) {
    case 1: gemm_columns<1, kPanels1>(g, m0, panel0, panel1); break;
    case 2: gemm_columns<2, kPanels2>(g, m0, panel0, panel1); break;
    case 3: gemm_columns<3, kPanels3>(g, m0, panel0, panel1); break;
    case 4: gemm_columns<4, kPanels4>(g, m0, panel0, panel1); break;
    case 5: gemm_columns<5, kPanels5>(g, m0, panel0, panel1); break;
    default: break;
  }
}

// The highest tile that stays in registers.
constexpr int kHigh = kAccumulators / kWide;
// Blocks of fewer rows wait for memory rather than for multiply-adds, and fetch this many steps ahead.
constexpr int kRowBlock = 48, kFetch = 96;

/// kLeast ≤ rows ≤ MR rows from m.
template <int kAhead, int kLeast, int MR, class P>
inline void gemm_rows(const Gemm<P>& g, int m, int rows, int panel0, int panel1) {
  if constexpr (MR > kLeast) {
    if (rows < MR) return gemm_rows<kAhead, kLeast, MR - 1>(g, m, rows, panel0, panel1);
  }
  gemm_columns<MR, kWide, kAhead>(g, m, panel0, panel1);
}

/// Rows m0 … m1 of the panels panel0 … panel1; a panel is read from memory once. Where there are few rows, their tiles are few
/// and high: weights stream in while a tile computes, but not while the next one goes over what is there.
template <class P>
inline void gemm_block(const Gemm<P>& g, int m0, int m1, int panel0, int panel1) {
  if (m1 - m0 < kRows) {
    gemm_few(g, m0, m1, panel0, panel1);
    return;
  }
  const bool few = m1 - m0 < kRowBlock;
  const int most = few ? kHigh : kRows;
  // Of equal height: 8 rows are 4 + 4 where 6 is most, since a tile of 2 would wait for its own multiply-adds.
  const int tiles = (m1 - m0 + most - 1) / most, height = (m1 - m0) / tiles, higher = (m1 - m0) % tiles;
  for (int p = panel0; p < panel1; p += kWide) {
    const int end = p + kWide < panel1 ? p + kWide : panel1;
    for (int i = 0, m = m0; i < tiles; i++) {
      const int rows = height + (i < higher);
      if (few) {
        gemm_rows<kFetch, kHigh / 2, kHigh>(g, m, rows, p, end);
      } else {
        gemm_rows<0, kRows / 2, kRows>(g, m, rows, p, end);
      }
      m += rows;
    }
  }
}

/// Splits a product over the pool: blocks of rows times groups of panels.
template <class P>
inline void gemm_parallel(ThreadPool& pool, const Gemm<P>& g, int M) {
  const int panels = (g.N + 15) / 16;
  const int row_blocks = (M + kRowBlock - 1) / kRowBlock;
  // Small products are not worth a wake-up.
  const bool small = static_cast<double>(M) * g.N * g.K < 3e5;
  int group = panels;
  if (!small) {
    int wanted = pool.threads() * 4;
    int groups = row_blocks >= wanted ? 1 : (wanted + row_blocks - 1) / row_blocks;
    group = (panels + groups - 1) / groups;
    const int least = M < kRows ? kPanels1 : kWide * 2;
    if (group < least) group = least;
    if (row_blocks >= wanted && group > 32) group = 32;
    group -= group % kWide;
  }
  const int groups = (panels + group - 1) / group;
  auto body = [&](int task, int) {
    int rb = task / groups, pg = task % groups;
    int m0 = rb * kRowBlock, m1 = m0 + kRowBlock < M ? m0 + kRowBlock : M;
    int p0 = pg * group, p1 = p0 + group < panels ? p0 + group : panels;
    gemm_block(g, m0, m1, p0, p1);
  };
  if (small) {
    for (int task = 0; task < row_blocks * groups; task++) body(task, 0);
  } else {
    pool.parallel(row_blocks * groups, body);
  }
}

// ---- Packing. Panel `p` only; what is beyond the matrix is zero. ----

/// rows (R, C) with stride → panels of 16 columns (C/16, R, 16).
inline void pack_columns(float* out, const float* x, size_t stride, int R, int C, int p) {
  float* to = out + static_cast<size_t>(p) * R * 16;
  int n = C - p * 16;
  for (int r = 0; r < R; r++) {
    const float* from = x + r * stride + p * 16;
    store(to + static_cast<size_t>(r) * 16, load_up_to(from, n));
  }
}

/// rows (R, C) → panels of 16 rows (R/16, C, 16).
inline void pack_rows(float* out, const float* x, int R, int C, int p) {
  float* to = out + static_cast<size_t>(p) * C * 16;
  const float* from = x + static_cast<size_t>(p) * 16 * C;
  if (R - p * 16 >= 16) {
    transpose(to, 16, from, C, 16, C);
    return;
  }
  for (int lane = 0; lane < 16; lane++) {
    for (int c = 0; c < C; c++) {
      to[static_cast<size_t>(c) * 16 + lane] = p * 16 + lane < R ? from[static_cast<size_t>(lane) * C + c] : 0.0f;
    }
  }
}

/// C floats → C/2 pairs of bfloat16.
inline void round_row(uint32_t* out, const float* x, int C) {
  uint16_t* to = reinterpret_cast<uint16_t*>(out);
  for (int c = 0; c < C; c++) to[c] = static_cast<uint16_t>(bf16_bits(x[c]));
  if (C & 1) to[C] = 0;
}

/// n columns of two rows → n pairs, the first row's number first; `below` may be null: zeros.
inline void round_rows(uint32_t* out, const float* above, const float* below, int n) {
  if (below) {
    for (int c = 0; c < n; c++) out[c] = bf16_bits(above[c]) | bf16_bits(below[c]) << 16;
  } else {
    for (int c = 0; c < n; c++) out[c] = bf16_bits(above[c]);
  }
}

/// rows (R, C) with stride → panels of 16 columns (C/16, steps, 16) of pairs along R; steps beyond R are 0.
inline void pack_columns(uint32_t* out, const float* x, size_t stride, int R, int C, int steps, int p) {
  const int filled = (R + 1) / 2, n = C - p * 16 < 16 ? C - p * 16 : 16;
  uint32_t* to = out + static_cast<size_t>(p) * steps * 16;
  for (int k = 0; k < filled; k++, to += 16) {
    const float* from = x + 2 * k * stride + p * 16;
    round_rows(to, from, 2 * k + 1 < R ? from + stride : nullptr, n);
    for (int lane = n; lane < 16; lane++) to[lane] = 0;
  }
  std::memset(to, 0, sizeof(uint32_t) * 16 * static_cast<size_t>(steps - filled));
}

/// rows (R, C) → rows first … first + R − 1 of panel p of pack_columns, and nothing else of it. first is even, of pairs.
inline void fill_columns(float* out, const float* x, int R, int C, int steps, int first, int p) {
  float* to = out + (static_cast<size_t>(p) * steps + first) * 16;
  for (int r = 0; r < R; r++) store(to + static_cast<size_t>(r) * 16, load_up_to(x + static_cast<size_t>(r) * C + p * 16, C - p * 16));
}
inline void fill_columns(uint32_t* out, const float* x, int R, int C, int steps, int first, int p) {
  uint32_t* to = out + (static_cast<size_t>(p) * steps + first / 2) * 16;
  for (int r = 0; r < R; r += 2, to += 16) {
    const float* from = x + static_cast<size_t>(r) * C + p * 16;
    round_rows(to, from, r + 1 < R ? from + C : nullptr, C - p * 16 < 16 ? C - p * 16 : 16);
  }
}

constexpr int kSpan = 128;  // numbers of a row at a time

/// rows (R, C) → panels of 16 rows (R/16, steps, 16) of pairs along C; steps beyond C are 0.
inline void pack_rows(uint32_t* out, const float* x, int R, int C, int steps, int p) {
  alignas(64) uint32_t part[16][kSpan / 2];
  const int filled = (C + 1) / 2, n = R - p * 16 < 16 ? R - p * 16 : 16;
  uint32_t* to = out + static_cast<size_t>(p) * steps * 16;
  std::memset(to + static_cast<size_t>(filled) * 16, 0, sizeof(uint32_t) * 16 * static_cast<size_t>(steps - filled));
  if (n < 16) std::memset(part, 0, sizeof part);
  for (int c = 0; c < C; c += kSpan) {
    const int span = C - c < kSpan ? C - c : kSpan;
    for (int lane = 0; lane < n; lane++) round_row(part[lane], x + static_cast<size_t>(p * 16 + lane) * C + c, span);
    // A transpose moves bits and computes nothing.
    transpose(reinterpret_cast<float*>(to + static_cast<size_t>(c / 2) * 16), 16, reinterpret_cast<float*>(part), kSpan / 2,
              16, (span + 1) / 2);
  }
}

/// x (n, outs) with stride → tiles of kRows columns: (outs / kRows, n, kRows), the last one as narrow as what is left.
inline void pack_row_tiles(float* out, const float* x, size_t stride, int n, int outs) {
  for (int o = 0; o < outs; o += kRows) {
    const int rows = outs - o < kRows ? outs - o : kRows;
    float* to = out + static_cast<size_t>(o) * n;
    if (rows == kRows) {
      for (int t = 0; t < n; t++) std::memcpy(to + t * kRows, x + t * stride + o, sizeof(float) * kRows);
    } else {
      for (int t = 0; t < n; t++) {
        for (int i = 0; i < rows; i++) to[t * rows + i] = x[t * stride + o + i];
      }
    }
  }
}

/// The same as pairs along n; outs ≤ 48.
inline void pack_row_tiles(uint32_t* out, const float* x, size_t stride, int n, int outs) {
  const int steps = (n + 1) / 2;
  uint32_t row[48];
  for (int k = 0; k < steps; k++) {
    const float* from = x + 2 * k * stride;
    round_rows(row, from, 2 * k + 1 < n ? from + stride : nullptr, outs);
    for (int o = 0; o < outs; o += kRows) {
      const int rows = outs - o < kRows ? outs - o : kRows;
      uint32_t* to = out + static_cast<size_t>(o) * steps + k * rows;
      if (rows == kRows) {
        std::memcpy(to, row + o, sizeof(uint32_t) * kRows);
      } else {
        for (int i = 0; i < rows; i++) to[i] = row[o + i];
      }
    }
  }
}

/// c (outs, columns) += the product of pack_row_tiles and panels p0 … p1, both along k.
template <class P>
inline void row_tiles_block(const typename P::A* a, int outs, int K, const typename P::B* panels, float* c, int columns,
                            int p0, int p1) {
  const size_t panel = static_cast<size_t>(K) * 16, ldc = columns;
  const int full = outs / kRows * kRows;
  Gemm<P> g{columns, K, nullptr, 1, kRows, panels, panel, nullptr, ldc, true, nullptr, nullptr, 0};
  for (int p = p0; p < p1; p += kWide) {
    for (int o = 0; o < full; o += kRows) {
      g.a = a + static_cast<size_t>(o) * K;
      g.c = c + o * ldc;
      gemm_columns<kRows, kWide>(g, 0, p, p + kWide < p1 ? p + kWide : p1);
    }
  }
  if (full < outs) {
    g.a = a + static_cast<size_t>(full) * K;
    g.cs = static_cast<size_t>(outs - full);
    g.c = c + full * ldc;
    gemm_block(g, 0, outs - full, p0, p1);
  }
}
