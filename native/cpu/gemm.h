// Matrix products: every output element is one chain of fused multiply-adds over k = 0, 1, 2 …, whatever the tile, the
// number of rows or the vector width. Included by kernels.h.

/// One tile: MR rows of A times NP panels of 16 columns.
/// a: element (m, k) at a[m * rs + k * cs]; b: panel p at b + p * panel, element (k, lane) at [k * 16 + lane].
template <int MR, int NP>
inline void gemm_tile(int K, const float* a, size_t rs, size_t cs, const float* b, size_t panel, float* c, size_t ldc,
                      int columns, bool accumulate, const float* bias, const float* residual, size_t ldr) {
  V acc[MR][NP];
  const bool whole = columns >= NP * 16;
#pragma GCC unroll 16
  for (int m = 0; m < MR; m++) {
#pragma GCC unroll 16
    for (int p = 0; p < NP; p++) {
      if (!accumulate) {
        acc[m][p] = set1(0.0f);
      } else if (whole) {
        acc[m][p] = load(c + m * ldc + p * 16);
      } else {
        int n = columns - p * 16;
        acc[m][p] = load_partial(c + m * ldc + p * 16, n < 0 ? 0 : n, 0.0f);
      }
    }
  }
  for (int k = 0; k < K; k++) {
    V bk[NP];
#pragma GCC unroll 16
    for (int p = 0; p < NP; p++) bk[p] = load(b + p * panel + static_cast<size_t>(k) * 16);
#pragma GCC unroll 16
    for (int m = 0; m < MR; m++) {
      V x = set1(a[m * rs + k * cs]);
#pragma GCC unroll 16
      for (int p = 0; p < NP; p++) acc[m][p] = fma(x, bk[p], acc[m][p]);
    }
  }
#pragma GCC unroll 16
  for (int m = 0; m < MR; m++) {
#pragma GCC unroll 16
    for (int p = 0; p < NP; p++) {
      int n = columns - p * 16;
      if (n >= 16) {
        V out = acc[m][p];
        if (bias) out = add(out, load(bias + p * 16));
        if (residual) out = add(out, load(residual + m * ldr + p * 16));
        store(c + m * ldc + p * 16, out);
      } else if (n > 0) {
        V out = acc[m][p];
        if (bias) out = add(out, load_partial(bias + p * 16, n, 0.0f));
        if (residual) out = add(out, load_partial(residual + m * ldr + p * 16, n, 0.0f));
        store_partial(c + m * ldc + p * 16, out, n);
      }
    }
  }
}

struct Gemm {
  int N, K;
  const float* a;
  size_t rs, cs;
  const float* b;  // packed panels of 16 columns
  size_t panel;    // floats between panels
  float* c;
  size_t ldc;
  bool accumulate;
  const float* bias;
  const float* residual;
  size_t ldr;
};

template <int MR, int NP>
inline void gemm_columns(const Gemm& g, int m, int panel0, int panel1) {
  int p = panel0;
  for (; p + NP <= panel1; p += NP) {
    gemm_tile<MR, NP>(g.K, g.a + m * g.rs, g.rs, g.cs, g.b + p * g.panel, g.panel, g.c + m * g.ldc + p * 16, g.ldc,
                      g.N - p * 16, g.accumulate, g.bias ? g.bias + p * 16 : nullptr,
                      g.residual ? g.residual + m * g.ldr + p * 16 : nullptr, g.ldr);
  }
  if constexpr (NP > 1) {
    if (p < panel1) gemm_columns<MR, 1>(g, m, p, panel1);
  }
}

constexpr int kRows = 6;
// Panels a tile: enough independent chains to hide the latency of the multiply-add, few enough to stay in registers.
constexpr int kWide = kAccumulators / kRows > 2 ? 2 : kAccumulators / kRows;
constexpr int kPanels1 = kWide * 4, kPanels2 = kWide * 2, kPanels3 = kWide * 2, kPanels4 = kWide, kPanels5 = kWide;

/// Rows m0 … m1 of the panels panel0 … panel1.
inline void gemm_block(const Gemm& g, int m0, int m1, int panel0, int panel1) {
  int full = m0 + (m1 - m0) / kRows * kRows;
  if (full > m0) {
    for (int p = panel0; p < panel1; p += kWide) {
      int end = p + kWide < panel1 ? p + kWide : panel1;
      for (int m = m0; m < full; m += kRows) gemm_columns<kRows, kWide>(g, m, p, end);
    }
  }
  switch (m1 - full) {
    case 1: gemm_columns<1, kPanels1>(g, full, panel0, panel1); break;
    case 2: gemm_columns<2, kPanels2>(g, full, panel0, panel1); break;
    case 3: gemm_columns<3, kPanels3>(g, full, panel0, panel1); break;
    case 4: gemm_columns<4, kPanels4>(g, full, panel0, panel1); break;
    case 5: gemm_columns<5, kPanels5>(g, full, panel0, panel1); break;
    default: break;
  }
}

/// Splits a product over the pool: blocks of rows times groups of panels.
inline void gemm_parallel(ThreadPool& pool, const Gemm& g, int M) {
  const int panels = (g.N + 15) / 16;
  const int row_block = 48;
  const int row_blocks = (M + row_block - 1) / row_block;
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
  }
  const int groups = (panels + group - 1) / group;
  auto body = [&](int task, int) {
    int rb = task / groups, pg = task % groups;
    int m0 = rb * row_block, m1 = m0 + row_block < M ? m0 + row_block : M;
    int p0 = pg * group, p1 = p0 + group < panels ? p0 + group : panels;
    gemm_block(g, m0, m1, p0, p1);
  };
  if (small) {
    for (int task = 0; task < row_blocks * groups; task++) body(task, 0);
  } else {
    pool.parallel(row_blocks * groups, body);
  }
}

/// rows (R, C) with stride → panels of 16 columns (C/16, R, 16), zero padded. Panel `p` only.
inline void pack_columns(float* out, const float* x, size_t stride, int R, int C, int p) {
  float* to = out + static_cast<size_t>(p) * R * 16;
  int n = C - p * 16;
  for (int r = 0; r < R; r++) {
    const float* from = x + r * stride + p * 16;
    store(to + static_cast<size_t>(r) * 16, n >= 16 ? load(from) : load_partial(from, n, 0.0f));
  }
}

/// rows (R, C) → panels of 16 rows (R/16, C, 16), zero padded. Panel `p` only.
inline void pack_rows(float* out, const float* x, int R, int C, int p) {
  float* to = out + static_cast<size_t>(p) * C * 16;
  int n = R - p * 16;
  if (n > 16) n = 16;
  for (int lane = 0; lane < n; lane++) {
    const float* from = x + static_cast<size_t>(p * 16 + lane) * C;
    for (int c = 0; c < C; c++) to[static_cast<size_t>(c) * 16 + lane] = from[c];
  }
  for (int lane = n; lane < 16; lane++) {
    for (int c = 0; c < C; c++) to[static_cast<size_t>(c) * 16 + lane] = 0.0f;
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

/// c (outs, columns) += the product of pack_row_tiles and panels p0 … p1, both along n.
inline void row_tiles_block(const float* a, int outs, int n, const float* panels, float* c, int columns, int p0,
                            int p1) {
  const size_t panel = static_cast<size_t>(n) * 16, ldc = columns;
  const int full = outs / kRows * kRows;
  for (int p = p0; p < p1; p += kWide) {
    for (int o = 0; o < full; o += kRows) {
      const float* at = a + static_cast<size_t>(o) * n;
      float* to = c + o * ldc + p * 16;
      if (p + kWide <= p1) {
        gemm_tile<kRows, kWide>(n, at, 1, kRows, panels + p * panel, panel, to, ldc, columns - p * 16, true, nullptr,
                                nullptr, 0);
      } else {
        gemm_tile<kRows, 1>(n, at, 1, kRows, panels + p * panel, panel, to, ldc, columns - p * 16, true, nullptr,
                            nullptr, 0);
      }
    }
  }
  if (full < outs) {
    const int left = outs - full;
    Gemm g{columns, n, a + static_cast<size_t>(full) * n, 1, static_cast<size_t>(left), panels, panel,
           c + full * ldc, ldc, true, nullptr, nullptr, 0};
    gemm_block(g, 0, left, p0, p1);
  }
}
