// Attention of one query over the rows its runs name. Training and decoding call the same function: the row numbers
// differ (packed tokens there, cache slots here), the sequence of visible rows and hence the arithmetic does not.
// Included by kernels.h.

/// Calls body(first row, count, ordinal of the first row) for each stretch of visible rows.
template <class F>
inline void for_runs(const Query& query, F&& body) {
  int seen = 0;
  for (const Run* run = query.runs; seen < query.visible; run++) {
    int n = run->end - run->begin;
    if (n > query.visible - seen) n = query.visible - seen;
    body(run->begin, n, seen);
    seen += n;
  }
}

/// scores[ordinal] = scale * (q · k_row) for all visible rows of one key/value head.
inline void attention_scores(float* scores, const float* q, const float* k, size_t stride, const Query& query, int dim,
                             float scale) {
  for_runs(query, [&](int row, int n, int ordinal) {
    float out[4];
    for (int i = 0; i < n; i += 4) {
      const int left = n - i < 4 ? n - i : 4;
      const float* k0 = k + (static_cast<size_t>(row) + i) * stride;
      const float* k1 = left > 1 ? k0 + stride : k0;
      const float* k2 = left > 2 ? k1 + stride : k0;
      const float* k3 = left > 3 ? k2 + stride : k0;
      V a0 = set1(0.0f), a1 = a0, a2 = a0, a3 = a0;
      int d = 0;
      for (; d + 16 <= dim; d += 16) {
        V x = load(q + d);
        a0 = fma(x, load(k0 + d), a0);
        a1 = fma(x, load(k1 + d), a1);
        a2 = fma(x, load(k2 + d), a2);
        a3 = fma(x, load(k3 + d), a3);
      }
      if (d < dim) {
        V x = load_partial(q + d, dim - d, 0.0f);
        a0 = fma(x, load_partial(k0 + d, dim - d, 0.0f), a0);
        a1 = fma(x, load_partial(k1 + d, dim - d, 0.0f), a1);
        a2 = fma(x, load_partial(k2 + d, dim - d, 0.0f), a2);
        a3 = fma(x, load_partial(k3 + d, dim - d, 0.0f), a3);
      }
      hsum4(a0, a1, a2, a3, out);
      for (int j = 0; j < left; j++) scores[ordinal + i + j] = out[j] * scale;
    }
  });
}

/// In place softmax without the division: scores become exp(s − max); returns their sum, max through `top`.
inline float exponentials(float* scores, int n, float* top) {
  V m = set1(scores[0]);
  int i = 0;
  for (; i + 16 <= n; i += 16) m = vmax(m, load(scores + i));
  if (i < n) m = vmax(m, load_partial(scores + i, n - i, scores[0]));
  float max = hmax(m);
  V vm = set1(max), sum = set1(0.0f);
  i = 0;
  for (; i + 16 <= n; i += 16) {
    V e = vexp(sub(load(scores + i), vm));
    store(scores + i, e);
    sum = add(sum, e);
  }
  if (i < n) {
    V e = vexp(sub(load_partial(scores + i, n - i, -INFINITY), vm));
    store_partial(scores + i, e, n - i);
    sum = add(sum, e);
  }
  *top = max;
  return hsum(sum);
}

/// out (dim) = Σ scores[ordinal] * v_row, in order; BLOCKS of 16 lanes are held in registers.
template <int BLOCKS>
inline void attention_mix_blocks(float* out, const float* scores, const float* v, size_t stride, const Query& query,
                                 float factor) {
  V acc[BLOCKS];
#pragma GCC unroll 8
  for (int b = 0; b < BLOCKS; b++) acc[b] = set1(0.0f);
  for_runs(query, [&](int row, int n, int ordinal) {
    for (int i = 0; i < n; i++) {
      const float* from = v + (static_cast<size_t>(row) + i) * stride;
      V p = set1(scores[ordinal + i]);
#pragma GCC unroll 8
      for (int b = 0; b < BLOCKS; b++) acc[b] = fma(p, load(from + b * 16), acc[b]);
    }
  });
  V f = set1(factor);
#pragma GCC unroll 8
  for (int b = 0; b < BLOCKS; b++) store(out + b * 16, mul(acc[b], f));
}

inline void attention_mix(float* out, const float* scores, const float* v, size_t stride, const Query& query, int dim,
                          float factor) {
  int d = 0;
  for (; d + 64 <= dim; d += 64) attention_mix_blocks<4>(out + d, scores, v + d, stride, query, factor);
  for (; d + 32 <= dim; d += 32) attention_mix_blocks<2>(out + d, scores, v + d, stride, query, factor);
  for (; d + 16 <= dim; d += 16) attention_mix_blocks<1>(out + d, scores, v + d, stride, query, factor);
  for (; d < dim; d++) {
    float sum = 0.0f;
    for_runs(query, [&](int row, int n, int ordinal) {
      for (int i = 0; i < n; i++) sum += scores[ordinal + i] * v[(static_cast<size_t>(row) + i) * stride + d];
    });
    out[d] = sum * factor;
  }
}

/// One query head. lse may be null.
inline void attention_row(float* out, float* lse, float* scores, const float* q, const float* k, const float* v,
                          size_t stride, const Query& query, int dim, float scale) {
  attention_scores(scores, q, k, stride, query, dim, scale);
  float top;
  float sum = exponentials(scores, query.visible, &top);
  attention_mix(out, scores, v, stride, query, dim, 1.0f / sum);
  if (lse) *lse = top + static_cast<float>(std::log(static_cast<double>(sum)));
}

/// y (dim) += a * x
inline void axpy(float* y, float a, const float* x, int dim) {
  V va = set1(a);
  int d = 0;
  for (; d + 16 <= dim; d += 16) store(y + d, fma(va, load(x + d), load(y + d)));
  for (; d < dim; d++) y[d] += a * x[d];
}

/// One query head's part of dq, dk and dv; p and dp are scratch of `visible` floats.
inline void attention_row_backward(float* dq, float* dk, float* dv, float* p, float* dp, const float* dout,
                                   const float* out, float lse, const float* q, const float* k, const float* v,
                                   size_t stride, const Query& query, int dim, float scale) {
  const int n = query.visible;
  attention_scores(p, q, k, stride, query, dim, scale);
  attention_scores(dp, dout, v, stride, query, dim, 1.0f);
  V vl = set1(lse), delta = set1(dot(dout, out, dim)), vs = set1(scale);
  // p = exp(s − lse); dp becomes ds = p (dp − Σ dout·out) * scale
  for (int i = 0; i < n; i += 16) {
    const int left = n - i;
    V e = vexp(sub(left >= 16 ? load(p + i) : load_partial(p + i, left, -INFINITY), vl));
    V g = left >= 16 ? load(dp + i) : load_partial(dp + i, left, 0.0f);
    g = mul(mul(e, sub(g, delta)), vs);
    if (left >= 16) {
      store(p + i, e);
      store(dp + i, g);
    } else {
      store_partial(p + i, e, left);
      store_partial(dp + i, g, left);
    }
  }
  attention_mix(dq, dp, k, stride, query, dim, 1.0f);
  for_runs(query, [&](int row, int count, int ordinal) {
    for (int i = 0; i < count; i++) {
      const size_t at = (static_cast<size_t>(row) + i) * stride;
      axpy(dk + at, dp[ordinal + i], q, dim);
      axpy(dv + at, p[ordinal + i], dout, dim);
    }
  });
}
