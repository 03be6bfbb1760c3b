// RMSNorm of one row, shared by the norms of the residual stream and of the heads of q and k. Included by kernels.h.

/// Sum of x[i] * y[i] over C, folded over 16 lanes.
inline float dot(const float* x, const float* y, int C) {
  V acc = set1(0.0f);
  int c = 0;
  for (; c + 16 <= C; c += 16) acc = fma(load(x + c), load(y + c), acc);
  if (c < C) acc = fma(load_partial(x + c, C - c, 0.0f), load_partial(y + c, C - c, 0.0f), acc);
  return hsum(acc);
}

/// 16 weights as they multiply, or one; an offset of 0 leaves their bits.
inline V norm_weights(NormWeight w, int c) {
  return w.offset != 0.0f ? add(load(w.w + c), set1(w.offset)) : load(w.w + c);
}
inline float norm_weight(NormWeight w, int c) { return w.offset != 0.0f ? w.w[c] + w.offset : w.w[c]; }

/// out (C) = x rstd w + residual, which may be null; returns rstd.
inline float rmsnorm_row(float* out, const float* x, NormWeight w, const float* residual, int C) {
  float rstd = 1.0f / std::sqrt(dot(x, x, C) / static_cast<float>(C) + w.eps);
  V s = set1(rstd);
  int c = 0;
  for (; c + 16 <= C; c += 16) {
    V y = mul(mul(load(x + c), s), norm_weights(w, c));
    store(out + c, residual ? add(y, load(residual + c)) : y);
  }
  for (; c < C; c++) {
    const float y = x[c] * rstd * norm_weight(w, c);
    out[c] = residual ? y + residual[c] : y;
  }
  return rstd;
}

/// dx (+)= rstd * (w dy − x rstd^2 mean(w dy x)); the gradient of w is dy x rstd and left to the caller.
inline void rmsnorm_row_backward(float* dx, const float* dy, const float* x, NormWeight w, float rstd, int C,
                                 bool accumulate) {
  V acc = set1(0.0f);
  int c = 0;
  for (; c + 16 <= C; c += 16) acc = fma(mul(load(dy + c), norm_weights(w, c)), load(x + c), acc);
  float mean = hsum(acc);
  for (; c < C; c++) mean += dy[c] * norm_weight(w, c) * x[c];
  mean /= static_cast<float>(C);
  const float k = mean * rstd * rstd;
  V vk = set1(k), vr = set1(rstd);
  c = 0;
  for (; c + 16 <= C; c += 16) {
    V g = mul(vr, sub(mul(load(dy + c), norm_weights(w, c)), mul(load(x + c), vk)));
    store(dx + c, accumulate ? add(load(dx + c), g) : g);
  }
  for (; c < C; c++) {
    float g = rstd * (dy[c] * norm_weight(w, c) - x[c] * k);
    dx[c] = accumulate ? dx[c] + g : g;
  }
}
