// Attention. Every score is one chain of multiply-adds over the head's dimensions, every output one chain over the
// visible keys in order, and so is the sum of exponentials: which queries or keys are computed side by side changes no
// bit, and a hidden key inside a tile adds an exact zero. Hence training (tiles of 16 queries), prefill (the same tiles
// over keys gathered from the cache) and decoding (one token, 16 keys side by side) agree. Included by kernels.h.

constexpr int kLanes = 16;

/// Consecutive queries that are computed together: all share one list of runs, or their runs ascend and start among the rows
/// that those before them see.
struct QueryChunk {
  int first, count;
  bool list;   // key positions count along the shared list; else they are rows minus `low`
  int low, keys;
  int shared;  // not −1: computed token by token, and all see the same first `shared` keys
};

/// Key positions that some query of a block sees; `at`: where their scores start.
struct Span {
  int begin, end, at;
};

/// Calls body(begin, end, ordinal of begin) for each stretch of visible rows.
template <class F>
inline void for_runs(const Query& query, F&& body) {
  int seen = 0;
  for (const Run* run = query.runs; seen < query.visible; run++) {
    int n = run->end - run->begin;
    if (n > query.visible - seen) n = query.visible - seen;
    body(run->begin, run->begin + n, seen);
    seen += n;
  }
}

/// The same from the `from`-th visible row on.
template <class F>
inline void for_runs_from(const Query& query, int from, F&& body) {
  for_runs(query, [&](int begin, int end, int ordinal) {
    const int skip = ordinal < from ? from - ordinal : 0;
    if (begin + skip < end) body(begin + skip, end, ordinal + skip);
  });
}

/// Rows that two queries both begin with.
inline int shared_prefix(const Query& a, const Query& b) {
  const int most = a.visible < b.visible ? a.visible : b.visible;
  if (a.runs == b.runs) return most;
  for (int i = 0, seen = 0;; i++) {
    const Run x = a.runs[i], y = b.runs[i];
    if (seen >= most || x.begin != y.begin) return seen;
    const int end = x.end < y.end ? x.end : y.end;
    seen += end - x.begin;
    if (seen >= most) return most;
    if (x.end != y.end) return seen;
  }
}

/// Rows behind the last one that the query sees; −1 where its runs do not ascend.
inline int ascending_end(const Query& query) {
  int end = 0;
  bool ascends = true;
  for_runs(query, [&](int begin, int stop, int) {
    if (begin < end) ascends = false;
    end = stop;
  });
  return ascends ? end : -1;
}

/// Cuts the queries into chunks; `chunks` has room for T. Returns their number. Only queries of one list share a chunk
/// unless `by_rows`.
inline int chunk_queries(QueryChunk* chunks, const Query* queries, int T, int most, bool by_rows) {
  int n = 0;
  for (int t = 0; t < T;) {
    const Query& first = queries[t];
    int end = by_rows ? ascending_end(first) : -1;
    QueryChunk c{t, 1, end < 0, first.runs->begin, first.visible, -1};
    for (t++; t < T && c.count < most; t++, c.count++) {
      const Query& q = queries[t];
      if (c.list) {
        if (q.runs != first.runs) break;
        if (q.visible > c.keys) c.keys = q.visible;
      } else {
        const int e = q.runs->begin >= c.low && q.runs->begin < end ? ascending_end(q) : -1;
        if (e < 0) break;
        if (e > end) end = e;
      }
    }
    if (!c.list) c.keys = end - c.low;
    chunks[n++] = c;
  }
  return n;
}

/// Chunks of a few queries are computed token by token; neighbours that begin with the same keys, as forked paths do, become
/// one, of up to `most` queries. Returns the new number.
inline int join_prefixes(QueryChunk* chunks, int n, const Query* queries, int most) {
  constexpr int kFew = 9;      // as many queries of one list gain by a tile
  constexpr int kWorth = 32;   // shared keys
  int m = 0;
  for (int i = 0; i < n; i++) {
    QueryChunk c = chunks[i];
    if (c.count < kFew) {
      c.shared = c.count > 1 ? queries[c.first].visible : 0;
      for (int t = c.first + 1; t < c.first + c.count; t++) {
        if (queries[t].visible < c.shared) c.shared = queries[t].visible;
      }
      QueryChunk* before = m > 0 && chunks[m - 1].shared >= 0 ? &chunks[m - 1] : nullptr;
      if (before && before->count + c.count <= most) {
        int shared = before->count > 1 ? before->shared : queries[before->first].visible;
        for (int t = c.first; t < c.first + c.count; t++) {
          const int s = shared_prefix(queries[before->first], queries[t]);
          if (s < shared) shared = s;
        }
        if (shared >= kWorth) {
          before->count += c.count;
          before->shared = shared;
          if (c.keys > before->keys) before->keys = c.keys;
          continue;
        }
      }
    }
    chunks[m++] = c;
  }
  return m;
}

/// Merges [begin, end) into ascending, disjoint spans; returns their new number.
inline int merge_span(Span* spans, int n, int begin, int end) {
  int i = n;
  while (i > 0 && spans[i - 1].begin > begin) i--;
  if (i > 0 && spans[i - 1].end >= begin) {
    i--;
    if (end > spans[i].end) spans[i].end = end;
  } else {
    for (int j = n; j > i; j--) spans[j] = spans[j - 1];
    spans[i] = {begin, end, 0};
    n++;
  }
  int next = i + 1;
  for (; next < n && spans[next].begin <= spans[i].end; next++) {
    if (spans[next].end > spans[i].end) spans[i].end = spans[next].end;
  }
  const int gone = next - i - 1;
  if (gone > 0) {
    for (; next < n; next++) spans[next - gone] = spans[next];
  }
  return n - gone;
}

/// Up to 16 queries of a chunk: the key positions that any of them sees.
struct QueryBlock {
  const Query* queries;
  int lanes, low;
  bool list;
  Span* spans;
  int count, keys;

  /// Spans that finding and hiding need room for, for any block of these queries.
  static size_t room(const Query* queries, int n) {
    size_t total = 0;
    for (int i = 0; i < n; i++) for_runs(queries[i], [&](int, int, int) { total++; });
    return 2 * total + 2;
  }

  int gather(Span* to, int n, const Query& q) const {
    if (list) return merge_span(to, n, 0, q.visible);
    for_runs(q, [&](int begin, int end, int) { n = merge_span(to, n, begin - low, end - low); });
    return n;
  }

  void find(Span* room) {
    spans = room;
    count = keys = 0;
    for (int i = 0; i < lanes; i++) count = gather(spans, count, queries[i]);
    for (int i = 0; i < count; i++) {
      spans[i].at = keys;
      keys += spans[i].end - spans[i].begin;
    }
  }

  /// Scores (keys, 16) of keys that a lane does not see become −infinity.
  void hide(float* scores) const {
    for (int lane = 0; lane < lanes; lane++) {
      Span* seen = spans + count;
      const int n = gather(seen, 0, queries[lane]);
      int s = 0;
      for (int i = 0; i < count; i++) {
        int at = spans[i].begin;
        const int end = spans[i].end;
        while (at < end) {
          while (s < n && seen[s].end <= at) s++;
          const int stop = s < n && seen[s].begin < end ? seen[s].begin : end;
          float* to = scores + static_cast<size_t>(spans[i].at - spans[i].begin) * kLanes + lane;
          for (; at < stop; at++) to[static_cast<ptrdiff_t>(at) * kLanes] = -INFINITY;
          if (at < end) at = seen[s].end < end ? seen[s].end : end;
        }
      }
    }
  }
};

/// rows (lanes, dim) become (dim, 16), absent lanes 0.
inline void lanes_from_rows(float* to, const float* from, size_t stride, int lanes, int dim) {
  if (lanes < kLanes) std::memset(to, 0, sizeof(float) * static_cast<size_t>(dim) * kLanes);
  transpose(to, kLanes, from, stride, lanes, dim);
}

/// scores (keys, 16) = rows · lanes for the keys of the block's spans.
inline void key_products(float* scores, const QueryBlock& block, const float* rows, const float* lanes, int dim) {
  for (int i = 0; i < block.count; i++) {
    const Span& s = block.spans[i];
    Gemm<F32> g{kLanes, dim, rows + static_cast<size_t>(s.begin) * dim, static_cast<size_t>(dim), 1, lanes, 0,
           scores + static_cast<size_t>(s.at) * kLanes, kLanes, false, nullptr, nullptr, 0};
    gemm_block(g, 0, s.end - s.begin, 0, 1);
  }
}

/// out (dim, 16) = Σ over keys, in order, of row · weight (keys, 16).
inline void key_sums(float* out, const QueryBlock& block, const float* rows, const float* weights, int dim) {
  for (int i = 0; i < block.count; i++) {
    const Span& s = block.spans[i];
    Gemm<F32> g{kLanes, s.end - s.begin, rows + static_cast<size_t>(s.begin) * dim, 1, static_cast<size_t>(dim),
           weights + static_cast<size_t>(s.at) * kLanes, 0, out, kLanes, i > 0, nullptr, nullptr, 0};
    gemm_block(g, 0, dim, 0, 1);
  }
}

/// rows (keys, dim) += weights (keys, 16) · panels of the lanes' rows, in the order of the lanes.
inline void lane_sums(float* rows, const QueryBlock& block, const float* weights, const float* panels, int dim) {
  for (int i = 0; i < block.count; i++) {
    const Span& s = block.spans[i];
    Gemm<F32> g{dim, kLanes, weights + static_cast<size_t>(s.at) * kLanes, kLanes, 1, panels, kLanes * 16,
           rows + static_cast<size_t>(s.begin) * dim, static_cast<size_t>(dim), true, nullptr, nullptr, 0};
    gemm_block(g, 0, s.end - s.begin, 0, (dim + 15) / 16);
  }
}

/// Rows of one query head, one a token of a block, and the distance between them in floats.
struct HeadRows {
  const float* rows;
  size_t stride;
};

/// Scratch of one block's forward.
struct ForwardScratch {
  float *lanes, *mixed;  // (dim, 16)
  float* scores;         // (keys, 16)
};

/// softmax(q k scale) v of one query head over the keys that a block of up to 16 tokens sees. k, v: (keys of the chunk, dim).
/// out: rows with `out_stride`. lse, one a token at `lse_stride`, may be null.
inline void attention_block(float* out, size_t out_stride, float* lse, size_t lse_stride, HeadRows q, const float* k,
                            const float* v, const QueryBlock& block, int dim, float scale, const ForwardScratch& w) {
  float *mixed = w.mixed, *scores = w.scores;
  lanes_from_rows(w.lanes, q.rows, q.stride, block.lanes, dim);
  key_products(scores, block, k, w.lanes, dim);
  block.hide(scores);
  const size_t n = static_cast<size_t>(block.keys) * kLanes;
  V top = set1(-INFINITY), vs = set1(scale), sum = set1(0.0f);
  for (size_t i = 0; i < n; i += kLanes) top = vmax(load(scores + i), top);
  top = mul(top, vs);
  const V shift = sub(set1(0.0f), top);
  for (size_t i = 0; i < n; i += kLanes) {
    V e = vexp(fma(load(scores + i), vs, shift));
    store(scores + i, e);
    sum = add(sum, e);
  }
  key_sums(mixed, block, v, scores, dim);
  const V factor = div(set1(1.0f), sum);
  for (int d = 0; d < dim; d++) store(mixed + d * kLanes, mul(load(mixed + d * kLanes), factor));
  transpose(out, out_stride, mixed, kLanes, dim, block.lanes);
  if (lse) {
    float tops[kLanes], sums[kLanes];
    store(tops, top);
    store(sums, sum);
    for (int i = 0; i < block.lanes; i++) {
      lse[i * lse_stride] = tops[i] + static_cast<float>(std::log(static_cast<double>(sums[i])));
    }
  }
}

/// Scratch of one sequence's backward, carved by attention_backward_floats.
struct BackwardScratch {
  float *k, *v, *dk, *dv;                     // (keys, dim)
  float *p, *ds;                              // (keys, 16)
  float *lanes, *mixed, *q_panels, *d_panels;
};

/// Backward of attention_block: dq (rows with `dq_stride`) = …, and the head's part of dk and dv is added in w. out, dout and
/// lse: the forward's.
inline void attention_block_backward(float* dq, size_t dq_stride, HeadRows dout, HeadRows out, HeadRows lse, HeadRows q,
                                     const QueryBlock& block, int dim, float scale, const BackwardScratch& w) {
  float lses[kLanes], deltas[kLanes];
  for (int i = 0; i < kLanes; i++) {
    const bool there = i < block.lanes;
    lses[i] = there ? -lse.rows[i * lse.stride] : -INFINITY;
    deltas[i] = there ? dot(dout.rows + i * dout.stride, out.rows + i * out.stride, dim) : 0.0f;
  }
  lanes_from_rows(w.lanes, q.rows, q.stride, block.lanes, dim);
  key_products(w.p, block, w.k, w.lanes, dim);
  block.hide(w.p);
  lanes_from_rows(w.lanes, dout.rows, dout.stride, block.lanes, dim);
  key_products(w.ds, block, w.v, w.lanes, dim);
  const V vs = set1(scale), shift = load(lses), delta = load(deltas);
  const size_t n = static_cast<size_t>(block.keys) * kLanes;
  // p = exp(s − lse), ds = p (dp − Σ dout · out) scale
  for (size_t i = 0; i < n; i += kLanes) {
    V p = vexp(fma(load(w.p + i), vs, shift));
    store(w.p + i, p);
    store(w.ds + i, mul(mul(p, sub(load(w.ds + i), delta)), vs));
  }
  key_sums(w.mixed, block, w.k, w.ds, dim);
  transpose(dq, dq_stride, w.mixed, kLanes, dim, block.lanes);
  const int panels = (dim + 15) / 16;
  if (block.lanes < kLanes) {
    std::memset(w.q_panels, 0, sizeof(float) * static_cast<size_t>(panels) * kLanes * 16);
    std::memset(w.d_panels, 0, sizeof(float) * static_cast<size_t>(panels) * kLanes * 16);
  }
  for (int i = 0; i < block.lanes; i++) {
    for (int p = 0; p < panels; p++) {
      const int left = dim - p * 16;
      const float *from_q = q.rows + i * q.stride + p * 16, *from_d = dout.rows + i * dout.stride + p * 16;
      store(w.q_panels + (p * kLanes + i) * 16, load_up_to(from_q, left));
      store(w.d_panels + (p * kLanes + i) * 16, load_up_to(from_d, left));
    }
  }
  lane_sums(w.dk, block, w.ds, w.q_panels, dim);
  lane_sums(w.dv, block, w.p, w.d_panels, dim);
}

// ---- One token over the cache ----
//
// The cache lies in pages of 16 slots: keys transposed, (page, kv head, dim, 16), values (page, kv head, 16, dim).

/// scores[g * stride + i] = q_g · key for the P pages from `page`, G query heads side by side.
template <int G, int P>
inline void page_products(float* scores, size_t stride, const float* q, const float* page, const float* v_page,
                          size_t page_floats, int dim) {
  V acc[G][P];
#pragma GCC unroll 4
  for (int g = 0; g < G; g++) {
#pragma GCC unroll 4
    for (int p = 0; p < P; p++) acc[g][p] = set1(0.0f);
  }
  for (int d = 0; d < dim; d++) {
    V k[P];
#pragma GCC unroll 4
    for (int p = 0; p < P; p++) {
      k[p] = load(page + p * page_floats + d * kLanes);
      // A line of the values that follow, and of the keys of the next pages.
      PR1_PREFETCH(v_page + p * page_floats + d * kLanes);
      PR1_PREFETCH(page + (P + p) * page_floats + d * kLanes);
    }
#pragma GCC unroll 4
    for (int g = 0; g < G; g++) {
      V x = set1(q[g * dim + d]);
#pragma GCC unroll 4
      for (int p = 0; p < P; p++) acc[g][p] = fma(x, k[p], acc[g][p]);
    }
  }
#pragma GCC unroll 4
  for (int g = 0; g < G; g++) {
#pragma GCC unroll 4
    for (int p = 0; p < P; p++) store(scores + g * stride + p * kLanes, acc[g][p]);
  }
}

/// Scores of G rows of queries with the keys that `query` sees from the `from`-th on; up to 31 floats behind them are written.
template <int G>
inline void token_scores(float* scores, size_t stride, const float* q, const float* k_head, const float* v_head,
                         size_t page_floats, const Query& query, int from, int dim) {
  constexpr int P = G > 2 && kAccumulators < 12 ? 1 : 2;
  for_runs_from(query, from, [&](int begin, int end, int ordinal) {
    while (begin < end) {
      const int lane = begin % kLanes;
      const size_t at = static_cast<size_t>(begin / kLanes) * page_floats;
      const float *page = k_head + at, *v_page = v_head + at;
      int n;
      if (lane > 0) {
        float part[G * kLanes];
        page_products<G, 1>(part, kLanes, q, page, v_page, page_floats, dim);
        n = end - begin < kLanes - lane ? end - begin : kLanes - lane;
        for (int g = 0; g < G; g++) std::memcpy(scores + g * stride + ordinal, part + g * kLanes + lane, sizeof(float) * n);
      } else if (end - begin > kLanes && P == 2) {
        // What lies behind the last key is overwritten or ignored.
        page_products<G, P>(scores + ordinal, stride, q, page, v_page, page_floats, dim);
        n = end - begin < 2 * kLanes ? end - begin : 2 * kLanes;
      } else {
        page_products<G, 1>(scores + ordinal, stride, q, page, v_page, page_floats, dim);
        n = end - begin < kLanes ? end - begin : kLanes;
      }
      begin += n;
      ordinal += n;
    }
  });
}

/// out[g * dim + 0 … B * 16) of G rows: Σ weight · value over the keys that `query` sees from the `from`-th on, in order; it
/// goes on from what is there unless from = 0. sums: of the weights, likewise, unless null.
template <int G, int B>
inline void value_sums(float* out, int dim, float* sums, const float* weights, size_t stride, const float* v,
                       size_t page_floats, const Query& query, int from, int columns) {
  V acc[G][B];
  float total[G];
  const bool whole = columns >= B * 16;
#pragma GCC unroll 4
  for (int g = 0; g < G; g++) {
    total[g] = from > 0 && sums ? sums[g] : 0.0f;
#pragma GCC unroll 4
    for (int b = 0; b < B; b++) {
      if (from == 0) {
        acc[g][b] = set1(0.0f);
      } else {
        acc[g][b] = whole ? load(out + g * dim + b * 16) : load_partial(out + g * dim, columns, 0.0f);
      }
    }
  }
  for_runs_from(query, from, [&](int begin, int end, int ordinal) {
    for (int i = begin; i < end; i++) {
      const float* at = v + static_cast<size_t>(i / kLanes) * page_floats + i % kLanes * dim;
      V row[B];
#pragma GCC unroll 4
      for (int b = 0; b < B; b++) row[b] = whole ? load(at + b * 16) : load_partial(at, columns, 0.0f);
#pragma GCC unroll 4
      for (int g = 0; g < G; g++) {
        const float p = weights[g * stride + ordinal + (i - begin)];
        if (sums) total[g] += p;
        V x = set1(p);
#pragma GCC unroll 4
        for (int b = 0; b < B; b++) acc[g][b] = fma(x, row[b], acc[g][b]);
      }
    }
  });
#pragma GCC unroll 4
  for (int g = 0; g < G; g++) {
    if (sums) sums[g] = total[g];
#pragma GCC unroll 4
    for (int b = 0; b < B; b++) {
      if (whole) {
        store(out + g * dim + b * 16, acc[g][b]);
      } else {
        store_partial(out + g * dim, acc[g][b], columns);
      }
    }
  }
}

/// body(Count<G>, first row) over n rows from `first`, in fours, then what is left.
template <class F>
inline void by_rows(int first, int n, F&& body) {
  int r = first;
  for (; r + 4 <= first + n; r += 4) body(Count<4>{}, r);
  switch (first + n - r) {
    case 3: body(Count<3>{}, r); break;
    case 2: body(Count<2>{}, r); break;
    case 1: body(Count<1>{}, r); break;
    default: break;
  }
}

/// Query heads that share a key/value head, of tokens that all see the same first `shared` keys: those are read once for
/// four rows, the others once for up to four heads of a token. q, out: (tokens * group, dim), sums: (tokens * group);
/// scores: as many rows of `stride` floats, 48 more than a token sees.
inline void attention_tokens(float* out, float* sums, const float* q, const float* k_head, const float* v_head,
                             size_t page_floats, const Query* queries, int tokens, int group, int shared, int dim,
                             float scale, float* scores, size_t stride) {
  const int rows = tokens * group;
  auto pass = [&](auto&& part) {
    if (shared > 0) by_rows(0, rows, [&](auto g, int r) { part(g, r, Query{queries->runs, shared}, 0); });
    for (int t = 0; t < tokens; t++) {
      if (queries[t].visible > shared) by_rows(t * group, group, [&](auto g, int r) { part(g, r, queries[t], shared); });
    }
  };
  pass([&](auto g, int r, const Query& query, int from) {
    token_scores<decltype(g)::value>(scores + r * stride, stride, q + static_cast<size_t>(r) * dim, k_head, v_head,
                                     page_floats, query, from, dim);
  });
  const V vs = set1(scale);
  for (int r = 0; r < rows; r++) {
    float* row = scores + r * stride;
    const int visible = queries[r / group].visible, n = (visible + kLanes - 1) / kLanes * kLanes;
    for (int i = visible; i < n; i++) row[i] = -INFINITY;
    V m = set1(-INFINITY);
    for (int i = 0; i < n; i += kLanes) m = vmax(load(row + i), m);
    const V shift = set1(0.0f - hmax(m) * scale);
    for (int i = 0; i < n; i += kLanes) store(row + i, vexp(fma(load(row + i), vs, shift)));
  }
  pass([&](auto g, int r, const Query& query, int from) {
    constexpr int G = decltype(g)::value;
    constexpr int kWideRow = G == 1 ? 4 : G > 2 && kAccumulators < 12 ? 1 : 2;
    int d = 0;
    auto part = [&](auto blocks, int columns) {
      constexpr int B = decltype(blocks)::value;
      value_sums<G, B>(out + static_cast<size_t>(r) * dim + d, dim, d == 0 ? sums + r : nullptr, scores + r * stride, stride,
                       v_head + d, page_floats, query, from, columns);
      d += B * 16;
    };
    while (dim - d >= kWideRow * 16) part(Count<kWideRow>{}, kWideRow * 16);
    while (dim - d >= 16) part(Count<1>{}, 16);
    if (d < dim) part(Count<1>{}, dim - d);
  });
  for (int r = 0; r < rows; r++) {
    float* row = out + static_cast<size_t>(r) * dim;
    const float factor = 1.0f / sums[r];
    const V f = set1(factor);
    int d = 0;
    for (; d + 16 <= dim; d += 16) store(row + d, mul(load(row + d), f));
    for (; d < dim; d++) row[d] *= factor;
  }
}
