#include "model.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace pr1 {

float* Buffer::get(size_t floats) {
  if (floats > size_) {
    clear();
    data_ = ops_->allocate(floats);
    size_ = floats;
  }
  return data_;
}

void Buffer::clear() {
  ops_->release(data_);
  data_ = nullptr;
  size_ = 0;
}

// ---- Parameters ----

Model::Model(const ModelConfig& config, Ops& ops, int cache_tokens, bool recompute)
    : config_(config), ops_(ops), cache_tokens_(cache_tokens), recompute_(recompute), cos_(ops), sin_(ops), xs_(ops),
      saved_(ops), norm_rstd_(ops), x_(ops), h_(ops), act_(ops), dx_(ops), dh_(ops), dqkv_(ops),
      datt_(ops), dgate_up_(ops), head_rows_(ops), logits_(ops), dhead_(ops) {
  try {
    lay_out_parameters();
  } catch (...) {
    release_memory();
    throw;
  }
}

Model::~Model() { release_memory(); }

void Model::release_memory() {
  for (float* panel : panels_) ops_.release(panel);
  for (float* p : {weights_, gradients_, moment1_, moment2_, k_cache_, v_cache_}) ops_.release(p);
}

size_t Model::add_parameter(const std::string& name, std::vector<int> shape) {
  size_t count = 1;
  for (int n : shape) count *= static_cast<size_t>(n);
  parameters_.push_back({name, std::move(shape), total_, count});
  total_ += count;
  return total_ - count;
}

/// Groups start on 16 floats; what is stacked into one matrix (q, k, v; gate, up) stays contiguous.
void Model::align_parameters() { total_ = (total_ + 15) / 16 * 16; }

void Model::lay_out_parameters() {
  const ModelConfig& c = config_;
  const Heads h = c.attention();
  const int C = c.hidden, F = c.intermediate;
  struct Offsets {
    size_t qkv, o, gate_up, down;
  };
  std::vector<Offsets> at(c.layers);
  layers_.resize(c.layers);
  add_parameter("model.embed_tokens.weight", {c.vocab, C});
  for (int l = 0; l < c.layers; l++) {
    const std::string base = "model.layers." + std::to_string(l) + ".";
    Layer& layer = layers_[l];
    align_parameters();
    at[l].qkv = add_parameter(base + "self_attn.q_proj.weight", {h.q_width(), C});
    add_parameter(base + "self_attn.k_proj.weight", {h.kv_width(), C});
    add_parameter(base + "self_attn.v_proj.weight", {h.kv_width(), C});
    align_parameters();
    if (c.qkv_bias) {
      layer.at_qkv_bias = add_parameter(base + "self_attn.q_proj.bias", {h.q_width()});
      add_parameter(base + "self_attn.k_proj.bias", {h.kv_width()});
      add_parameter(base + "self_attn.v_proj.bias", {h.kv_width()});
      align_parameters();
    }
    at[l].o = add_parameter(base + "self_attn.o_proj.weight", {C, h.q_width()});
    align_parameters();
    if (c.qk_norm) {
      layer.at_q_norm = add_parameter(base + "self_attn.q_norm.weight", {c.head_dim});
      align_parameters();
      layer.at_k_norm = add_parameter(base + "self_attn.k_norm.weight", {c.head_dim});
      align_parameters();
    }
    at[l].gate_up = add_parameter(base + "mlp.gate_proj.weight", {F, C});
    add_parameter(base + "mlp.up_proj.weight", {F, C});
    align_parameters();
    at[l].down = add_parameter(base + "mlp.down_proj.weight", {C, F});
    align_parameters();
    layer.at_norm1 = add_parameter(base + "input_layernorm.weight", {C});
    align_parameters();
    layer.at_norm2 = add_parameter(base + "post_attention_layernorm.weight", {C});
  }
  align_parameters();
  at_norm_ = add_parameter("model.norm.weight", {C});
  align_parameters();
  size_t at_head = 0;
  if (!c.tied) at_head = add_parameter("lm_head.weight", {c.vocab, C});
  align_parameters();

  weights_ = ops_.allocate(total_);
  auto matrix = [&](size_t offset, int out, int in) {
    Matrix m;
    m.out = out;
    m.in = in;
    m.weight = weights_ + offset;
    m.forward = ops_.allocate(ops_.forward_floats(out, in));
    panels_.push_back(m.forward);
    return m;
  };
  for (int l = 0; l < c.layers; l++) {
    Layer& layer = layers_[l];
    layer.qkv = matrix(at[l].qkv, h.qkv_width(), C);
    layer.o = matrix(at[l].o, C, h.q_width());
    layer.gate_up = matrix(at[l].gate_up, 2 * F, C);
    layer.down = matrix(at[l].down, C, F);
    layer.qkv_bias = c.qkv_bias ? weights_ + layer.at_qkv_bias : nullptr;
    layer.q_norm = c.qk_norm ? weights_ + layer.at_q_norm : nullptr;
    layer.k_norm = c.qk_norm ? weights_ + layer.at_k_norm : nullptr;
    layer.norm1 = weights_ + layer.at_norm1;
    layer.norm2 = weights_ + layer.at_norm2;
  }
  head_ = matrix(c.tied ? 0 : at_head, c.vocab, C);
  embedding_.weight = weights_;
}

size_t Model::parameter_count() const {
  size_t n = 0;
  for (const Parameter& p : parameters_) n += p.count;
  return n;
}

float* Model::values(Kind kind) const {
  return kind == Kind::weight ? weights_ : kind == Kind::gradient ? gradients_ : kind == Kind::moment1 ? moment1_ : moment2_;
}

void Model::read(size_t parameter, Kind kind, float* to, size_t offset, size_t count) const {
  const float* from = values(kind);
  if (!from) {
    std::memset(to, 0, count * sizeof(float));
    return;
  }
  ops_.download(to, from + parameters_[parameter].offset + offset, count);
}

void Model::write(size_t parameter, Kind kind, const float* from, size_t offset, size_t count) {
  if (kind == Kind::weight) {
    packed_ = false;
    kept_ = false;
  } else {
    prepare_training();
  }
  ops_.upload(values(kind) + parameters_[parameter].offset + offset, from, count);
}

/// The sum is made here, on every device: the same bits, and nothing that a copy to the device would not cost anyway.
void Model::add_gradient(size_t parameter, const float* values) {
  std::vector<float> sum(parameters_[parameter].count);
  read(parameter, Kind::gradient, sum.data(), 0, sum.size());
  for (size_t i = 0; i < sum.size(); i++) sum[i] += values[i];
  write(parameter, Kind::gradient, sum.data(), 0, sum.size());
}

void Model::prepare() {
  if (packed_) return;
  for (const Layer& layer : layers_) {
    for (const Matrix* m : {&layer.qkv, &layer.o, &layer.gate_up, &layer.down}) ops_.pack(*m);
  }
  ops_.pack(head_);
  packed_ = true;
}

/// Each part is allocated once: where memory runs out midway, a later call goes on from there.
void Model::prepare_training() {
  if (training_ready_) return;
  for (float** p : {&gradients_, &moment1_, &moment2_}) {
    if (!*p) *p = ops_.allocate(total_);
  }
  auto backward_panels = [&](Matrix& m) {
    m.gradient = gradients_ + (m.weight - weights_);
    if (m.backward) return;
    panels_.reserve(panels_.size() + 1);
    m.backward = ops_.allocate(ops_.backward_floats(m.out, m.in));
    panels_.push_back(m.backward);
  };
  for (Layer& layer : layers_) {
    for (Matrix* m : {&layer.qkv, &layer.o, &layer.gate_up, &layer.down}) backward_panels(*m);
    layer.d_qkv_bias = config_.qkv_bias ? gradients_ + layer.at_qkv_bias : nullptr;
    layer.d_q_norm = config_.qk_norm ? gradients_ + layer.at_q_norm : nullptr;
    layer.d_k_norm = config_.qk_norm ? gradients_ + layer.at_k_norm : nullptr;
    layer.d_norm1 = gradients_ + layer.at_norm1;
    layer.d_norm2 = gradients_ + layer.at_norm2;
  }
  backward_panels(head_);
  packed_ = false;
  training_ready_ = true;
}

void Model::check_cancelled() const {
  if (cancelled.load(std::memory_order_relaxed)) throw std::runtime_error("The model was disposed while it was working.");
}

/// Angles as transformers computes them: inverse frequencies and their products with the position in float32.
void Model::ensure_positions(int last) {
  if (last < positions_ready_) return;
  const int half = config_.head_dim / 2;
  int n = std::min(config_.max_positions, std::max(256, 2 * (last + 1)));
  std::vector<float> inverse(half);
  for (int i = 0; i < half; i++) {
    double f = 1.0 / std::pow(config_.rope_theta, 2.0 * i / config_.head_dim);
    if (config_.llama3) {
      const double wavelength = 2.0 * 3.14159265358979323846 / f;
      const double low = config_.rope_original / config_.rope_low, high = config_.rope_original / config_.rope_high;
      if (wavelength > low) {
        f /= config_.rope_factor;
      } else if (wavelength >= high) {
        const double smooth =
            (config_.rope_original / wavelength - config_.rope_low) / (config_.rope_high - config_.rope_low);
        f = (1.0 - smooth) * f / config_.rope_factor + smooth * f;
      }
    }
    inverse[i] = static_cast<float>(f);
  }
  const size_t count = static_cast<size_t>(n) * half;
  std::vector<float> c(count), s(count);
  for (int p = 0; p < n; p++) {
    for (int i = 0; i < half; i++) {
      const double angle = static_cast<float>(p) * inverse[i];
      c[static_cast<size_t>(p) * half + i] = static_cast<float>(std::cos(angle));
      s[static_cast<size_t>(p) * half + i] = static_cast<float>(std::sin(angle));
    }
  }
  ops_.upload(cos_.get(count), c.data(), count);
  ops_.upload(sin_.get(count), s.data(), count);
  positions_ready_ = n;
}

// ---- One layer ----

size_t Model::saved_floats() const {
  const Heads h = config_.attention();
  return 2 + static_cast<size_t>(h.qkv_width()) * (config_.qk_norm ? 2 : 1) + h.q_width() + h.heads + config_.hidden +
         2 * static_cast<size_t>(config_.intermediate);
}

Model::Saved Model::saved_at(float* base, int T) const {
  const Heads h = config_.attention();
  const size_t n = static_cast<size_t>(T);
  Saved s;
  s.rstd1 = base;
  s.rstd2 = s.rstd1 + n;
  s.raw = s.rstd2 + n;
  // Without the norm of q and k the rotation runs in place.
  s.qkv = config_.qk_norm ? s.raw + n * h.qkv_width() : s.raw;
  s.att = s.qkv + n * h.qkv_width();
  s.lse = s.att + n * h.q_width();
  s.x2 = s.lse + n * h.heads;
  s.gate_up = s.x2 + n * config_.hidden;
  return s;
}

/// body(first row, rows) over blocks of rows that stay in the device's cache from op to op.
template <class F>
static void row_blocks(const Ops& ops, int T, F&& body) {
  const int block = ops.row_block();
  for (int t = 0; t < T; t += std::min(block, T - t)) body(static_cast<size_t>(t), std::min(block, T - t));
}

void Model::layer_forward(int l, const float* x, float* out, int T, const int* positions, const Saved& s,
                          const Query* queries, const int* slots) {
  check_cancelled();
  const Layer& layer = layers_[l];
  const Heads h = config_.attention();
  const int C = config_.hidden, F = config_.intermediate, block = std::min(T, ops_.row_block());
  const size_t qkv = h.qkv_width(), width = h.q_width();
  float* normed = h_.get(static_cast<size_t>(block) * C);
  float* act = act_.get(static_cast<size_t>(block) * F);
  row_blocks(ops_, T, [&](size_t t, int n) {
    ops_.rmsnorm_forward(normed, s.rstd1 + t, x + t * C, layer.norm1, n, C, config_.eps);
    ops_.linear_forward(s.raw + t * qkv, normed, layer.qkv, layer.qkv_bias, nullptr, n);
    ops_.rope_forward(s.qkv + t * qkv, s.raw + t * qkv, layer.q_norm, layer.k_norm, cos_.data(), sin_.data(),
                      positions + t, n, h, config_.eps);
  });
  if (slots) {
    const size_t at = static_cast<size_t>(l) * cache_tokens_ * ops_.cache_row_floats(h);
    ops_.cache_store(k_cache_ + at, v_cache_ + at, s.qkv, slots, T, h);
    ops_.attention_cached(s.att, s.qkv, h.qkv_width(), k_cache_ + at, v_cache_ + at, queries, T, h);
  } else {
    const float* k = s.qkv + h.q_width();
    ops_.attention_forward(s.att, s.lse, s.qkv, h.qkv_width(), k, k + h.kv_width(), h.qkv_width(), queries, T, h);
  }
  row_blocks(ops_, T, [&](size_t t, int n) {
    float* x2 = s.x2 + t * C;
    float* gate_up = s.gate_up + t * 2 * F;
    ops_.linear_forward(x2, s.att + t * width, layer.o, nullptr, x + t * C, n);
    ops_.rmsnorm_forward(normed, s.rstd2 + t, x2, layer.norm2, n, C, config_.eps);
    ops_.linear_forward(gate_up, normed, layer.gate_up, nullptr, nullptr, n);
    ops_.swiglu_forward(act, gate_up, n, F);
    ops_.linear_forward(out + t * C, act, layer.down, nullptr, x2, n);
  });
}

/// dx: gradient of the layer's output, becomes the gradient of its input x.
void Model::layer_backward(int l, const float* x, float* dx, int T, const Saved& s) {
  check_cancelled();
  const Layer& layer = layers_[l];
  const Heads h = config_.attention();
  const int C = config_.hidden, F = config_.intermediate;
  const size_t block = std::min(T, ops_.row_block()), qkv = h.qkv_width(), width = h.q_width();
  float* normed = h_.get(block * C);
  float* act = act_.get(block * F);
  float* dh = dh_.get(block * C);
  float* dgate_up = dgate_up_.get(block * 2 * F);
  float* datt = datt_.get(T * width);
  float* dqkv = dqkv_.get(T * qkv);

  row_blocks(ops_, T, [&](size_t t, int n) {
    // x3 = x2 + down(silu(gate) * up)
    float* d = dx + t * C;
    ops_.linear_backward_input(act, d, layer.down, n);
    ops_.swiglu_backward_recompute(dgate_up, act, act, s.gate_up + t * 2 * F, n, F);
    ops_.linear_backward_weight(layer.down, nullptr, d, act, n);
    const float* x2 = s.x2 + t * C;
    ops_.rmsnorm_forward(normed, nullptr, x2, layer.norm2, n, C, config_.eps);
    ops_.linear_backward_weight(layer.gate_up, nullptr, dgate_up, normed, n);
    ops_.linear_backward_input(dh, dgate_up, layer.gate_up, n);
    ops_.rmsnorm_backward(d, layer.d_norm2, dh, x2, layer.norm2, s.rstd2 + t, n, C);
    // x2 = x + o(attention(rope(qkv(norm(x)))))
    ops_.linear_backward_weight(layer.o, nullptr, d, s.att + t * width, n);
    ops_.linear_backward_input(datt + t * width, d, layer.o, n);
  });
  ops_.attention_backward(dqkv, datt, s.att, s.lse, s.qkv, queries_.data(), batch_->bounds.data(),
                          static_cast<int>(batch_->bounds.size()) - 1, T, h);
  row_blocks(ops_, T, [&](size_t t, int n) {
    float* d = dqkv + t * qkv;
    ops_.rope_backward(d, layer.d_q_norm, layer.d_k_norm, d, s.raw + t * qkv, layer.q_norm, layer.k_norm, cos_.data(),
                       sin_.data(), batch_->positions.data() + t, n, h, config_.eps);
    ops_.rmsnorm_forward(normed, nullptr, x + t * C, layer.norm1, n, C, config_.eps);
    ops_.linear_backward_weight(layer.qkv, layer.d_qkv_bias, d, normed, n);
    ops_.linear_backward_input(dh, d, layer.qkv, n);
    ops_.rmsnorm_backward(dx + t * C, layer.d_norm1, dh, x + t * C, layer.norm1, s.rstd1 + t, n, C);
  });
}

// ---- Training ----

/// Visible rows of every token: from the start of its sequence to itself, minus its hidden ranges.
void Model::build_queries(const Batch& b) {
  runs_.clear();
  queries_.clear();
  std::vector<size_t> first(b.T);
  std::vector<int> visible(b.T, 0);
  for (size_t s = 0; s + 1 < b.bounds.size(); s++) {
    for (int t = b.bounds[s]; t < b.bounds[s + 1]; t++) {
      first[t] = runs_.size();
      int at = b.bounds[s];
      auto push = [&](int begin, int end) {
        if (begin >= end) return;
        runs_.push_back({begin, end});
        visible[t] += end - begin;
      };
      for (int level = 0; level < b.hidden_levels; level++) {
        const int* range = b.hidden.data() + (static_cast<size_t>(t) * b.hidden_levels + level) * 2;
        if (range[0] >= range[1]) continue;
        push(at, std::min(range[0], t + 1));
        at = std::max(at, range[1]);
      }
      push(at, t + 1);
    }
  }
  queries_.resize(b.T);
  for (int t = 0; t < b.T; t++) queries_[t] = {runs_.data() + first[t], visible[t]};
}

/// Logits never exist for more rows than this: body(first row, count, normed rows, logits).
template <class F>
void Model::head_chunks(const std::vector<int>& rows, F&& body) {
  const size_t V = config_.vocab;
  const int most = ops_.head_rows(config_.vocab);
  const int total = static_cast<int>(rows.size());
  float* logits = logits_.get(static_cast<size_t>(std::min(most, std::max(total, 1))) * V);
  for (int r = 0; r < total; r += most) {
    check_cancelled();
    body(r, std::min(most, total - r), logits);
  }
}

ForwardResult Model::forward(std::shared_ptr<Batch> batch, bool keep, bool entropy) {
  if (keep) prepare_training();
  prepare();
  const Batch& b = *batch;
  const int T = b.T, C = config_.hidden;
  ensure_positions(*std::max_element(b.positions.begin(), b.positions.end()));
  batch_ = batch;
  kept_ = false;
  build_queries(b);
  ops_.begin_pass();

  const size_t n = static_cast<size_t>(T), per_layer = saved_floats() * n;
  const bool every_layer = keep && !recompute_;
  float* xs = xs_.get(n * C * (keep ? config_.layers + 1 : 2));
  float* saved = saved_.get(per_layer * (every_layer ? config_.layers : 1));
  auto x_at = [&](int l) { return xs + n * C * (keep ? l : l & 1); };
  ops_.embedding_forward(x_at(0), embedding_.weight, b.ids.data(), T, C);
  for (int l = 0; l < config_.layers; l++) {
    layer_forward(l, x_at(l), x_at(l + 1), T, b.positions.data(), saved_at(saved + (every_layer ? l : 0) * per_layer, T),
                  queries_.data(), nullptr);
  }

  float* normed = h_.get(n * C);
  ops_.rmsnorm_forward(normed, norm_rstd_.get(n), x_at(config_.layers), weights_ + at_norm_, T, C, config_.eps);
  ForwardResult result;
  result.logprobs.assign(n, 0.0f);
  if (entropy) result.entropies.assign(n, 0.0f);
  lse_.assign(n, 0.0f);
  std::vector<int> rows;
  for (size_t s = 0; s + 1 < b.bounds.size(); s++) {
    for (int t = b.bounds[s]; t + 1 < b.bounds[s + 1]; t++) {
      if (b.targets.empty() || b.targets[t]) rows.push_back(t);
    }
  }
  std::vector<int> targets, counts;
  std::vector<float> temperatures;
  std::vector<const int*> excluded;
  std::vector<RowScore> scores;
  head_chunks(rows, [&](int r, int count, float* logits) {
    float* chunk = head_rows_.get(static_cast<size_t>(count) * C);
    ops_.gather_rows(chunk, normed, rows.data() + r, count, C);
    ops_.linear_forward(logits, chunk, head_, nullptr, nullptr, count);
    targets.resize(count);
    counts.assign(count, 0);
    excluded.assign(count, nullptr);
    temperatures.assign(count, b.temperature);
    scores.resize(count);
    for (int i = 0; i < count; i++) {
      const int t = rows[r + i];
      targets[i] = b.ids[t + 1];
      if (!b.exclusion.empty() && b.exclusion[t] >= 0) {
        const auto& set = b.exclusion_sets[b.exclusion[t]];
        excluded[i] = set.data();
        counts[i] = static_cast<int>(set.size());
      }
    }
    ops_.prepare_logits(logits, count, config_.vocab, temperatures.data(), excluded.data(), counts.data());
    ops_.score_rows(scores.data(), logits, targets.data(), count, config_.vocab, entropy);
    for (int i = 0; i < count; i++) {
      const int t = rows[r + i];
      result.logprobs[t] = scores[i].logprob;
      lse_[t] = scores[i].lse;
      if (entropy) result.entropies[t] = scores[i].entropy;
    }
  });
  kept_ = keep;
  return result;
}

void Model::backward(const std::vector<float>& weights) {
  if (!kept_) {
    throw std::runtime_error(
        "backward needs the activations of a forward. Call forward with keep: true (the default) first; an update, a "
        "write of weights or another forward discards them.");
  }
  ops_.begin_pass();
  const Batch& b = *batch_;
  const int T = b.T, C = config_.hidden;
  const size_t n = static_cast<size_t>(T), per_layer = saved_floats() * n;
  auto x_at = [&](int l) { return xs_.data() + n * C * l; };
  float* normed = h_.get(n * C);
  ops_.rmsnorm_forward(normed, nullptr, x_at(config_.layers), weights_ + at_norm_, T, C, config_.eps);

  std::vector<int> rows;
  for (size_t s = 0; s + 1 < b.bounds.size(); s++) {
    for (int t = b.bounds[s]; t + 1 < b.bounds[s + 1]; t++) {
      if ((b.targets.empty() || b.targets[t]) && weights[t] != 0.0f) rows.push_back(t);
    }
  }
  float* dh = dh_.get(n * C);
  ops_.zero(dh, n * C);
  std::vector<int> targets, counts;
  std::vector<float> temperatures, row_weights, lse;
  std::vector<const int*> excluded;
  head_chunks(rows, [&](int r, int count, float* logits) {
    float* chunk = head_rows_.get(static_cast<size_t>(count) * C);
    ops_.gather_rows(chunk, normed, rows.data() + r, count, C);
    ops_.linear_forward(logits, chunk, head_, nullptr, nullptr, count);
    targets.resize(count);
    row_weights.resize(count);
    lse.resize(count);
    counts.assign(count, 0);
    excluded.assign(count, nullptr);
    temperatures.assign(count, b.temperature);
    for (int i = 0; i < count; i++) {
      const int t = rows[r + i];
      targets[i] = b.ids[t + 1];
      row_weights[i] = weights[t];
      lse[i] = lse_[t];
      if (!b.exclusion.empty() && b.exclusion[t] >= 0) {
        const auto& set = b.exclusion_sets[b.exclusion[t]];
        excluded[i] = set.data();
        counts[i] = static_cast<int>(set.size());
      }
    }
    ops_.prepare_logits(logits, count, config_.vocab, temperatures.data(), excluded.data(), counts.data());
    ops_.logprob_backward(logits, lse.data(), targets.data(), row_weights.data(), b.temperature, count, config_.vocab);
    ops_.linear_backward_weight(head_, nullptr, logits, chunk, count);
    float* dchunk = dhead_.get(static_cast<size_t>(count) * C);
    ops_.linear_backward_input(dchunk, logits, head_, count);
    ops_.scatter_rows(dh, dchunk, rows.data() + r, count, C);
  });

  float* dx = dx_.get(n * C);
  ops_.zero(dx, n * C);
  ops_.rmsnorm_backward(dx, gradients_ + at_norm_, dh, x_at(config_.layers), weights_ + at_norm_, norm_rstd_.data(), T, C);
  for (int l = config_.layers - 1; l >= 0; l--) {
    Saved s = saved_at(saved_.data() + (recompute_ ? 0 : l) * per_layer, T);
    // The same ops on the same inputs: what is recomputed equals what was dropped bit for bit.
    if (recompute_) {
      layer_forward(l, x_at(l), x_.get(n * C), T, b.positions.data(), s, queries_.data(), nullptr);
    }
    layer_backward(l, x_at(l), dx, T, s);
  }
  ops_.embedding_backward(gradients_, dx, b.ids.data(), T, C);
  kept_ = false;
}

UpdateResult Model::update(const UpdateOptions& o) {
  prepare_training();
  UpdateResult result;
  result.grad_norm = std::sqrt(ops_.sum_squares(gradients_, total_));
  result.skipped = !std::isfinite(result.grad_norm);
  if (result.skipped) {
    ops_.zero(gradients_, total_);
    return result;
  }
  updates++;
  AdamW a;
  a.lr = static_cast<float>(o.lr);
  a.beta1 = static_cast<float>(o.beta1);
  a.beta2 = static_cast<float>(o.beta2);
  a.eps = static_cast<float>(o.eps);
  a.weight_decay = static_cast<float>(o.weight_decay);
  const bool clips = o.clip > 0 && result.grad_norm > o.clip;
  a.scale = static_cast<float>(clips ? o.clip / (result.grad_norm + 1e-6) : 1.0);
  a.correction1 = static_cast<float>(1.0 - std::pow(o.beta1, static_cast<double>(updates)));
  a.correction2 = static_cast<float>(1.0 - std::pow(o.beta2, static_cast<double>(updates)));
  ops_.adamw_step(weights_, gradients_, moment1_, moment2_, total_, a);
  packed_ = false;
  kept_ = false;
  return result;
}

// ---- Decoding ----

StepResult Model::step(const Step& step) {
  prepare();
  const Heads h = config_.attention();
  const int T = static_cast<int>(step.ids.size()), C = config_.hidden;
  const size_t n = static_cast<size_t>(T);
  if (!k_cache_) {
    const size_t floats = static_cast<size_t>(config_.layers) * cache_tokens_ * ops_.cache_row_floats(h);
    k_cache_ = ops_.allocate(floats);
    v_cache_ = ops_.allocate(floats);
  }
  StepResult result;
  if (T == 0) return result;
  ensure_positions(*std::max_element(step.positions.begin(), step.positions.end()));
  kept_ = false;  // the work space is shared with training
  float* xs = xs_.get(n * C * 2);
  Saved s = saved_at(saved_.get(saved_floats() * n), T);
  if (ops_.begin_step(this, h, step.ids.data(), step.positions.data(), step.slots.data(), step.queries.data(), T)) {
    ops_.embedding_forward(xs, embedding_.weight, step.ids.data(), T, C);
    for (int l = 0; l < config_.layers; l++) {
      layer_forward(l, xs + n * C * (l & 1), xs + n * C * (~l & 1), T, step.positions.data(), s, step.queries.data(),
                    step.slots.data());
    }
  }
  ops_.end_step();
  const int rows = static_cast<int>(step.rows.size());
  result.ids.assign(rows, -1);
  result.logprobs.assign(rows, 0.0f);
  const float* x = xs + n * C * (config_.layers & 1);
  float* normed = h_.get(static_cast<size_t>(rows) * C);
  std::vector<float> temperatures;
  std::vector<const int*> excluded;
  std::vector<int> counts;
  std::vector<RowScore> scores;
  head_chunks(step.rows, [&](int r, int count, float* logits) {
    float* chunk = head_rows_.get(static_cast<size_t>(count) * C);
    ops_.gather_rows(chunk, x, step.rows.data() + r, count, C);
    ops_.rmsnorm_forward(normed, nullptr, chunk, weights_ + at_norm_, count, C, config_.eps);
    ops_.linear_forward(logits, normed, head_, nullptr, nullptr, count);
    temperatures.resize(count);
    excluded.resize(count);
    counts.resize(count);
    scores.resize(count);
    for (int i = 0; i < count; i++) {
      temperatures[i] = step.sampling[r + i].temperature;
      excluded[i] = step.excluded[r + i].data();
      counts[i] = static_cast<int>(step.excluded[r + i].size());
    }
    ops_.prepare_logits(logits, count, config_.vocab, temperatures.data(), excluded.data(), counts.data());
    ops_.sample_rows(result.ids.data() + r, logits, step.sampling.data() + r, count, config_.vocab);
    ops_.score_rows(scores.data(), logits, result.ids.data() + r, count, config_.vocab, false);
    for (int i = 0; i < count; i++) result.logprobs[r + i] = scores[i].logprob;
  });
  return result;
}

MemoryPlan Model::plan(double tokens) const {
  const Heads h = config_.attention();
  const double C = config_.hidden, F = config_.intermediate, V = config_.vocab;
  double panels = 0;
  auto add = [&](const Matrix& m, bool both) {
    panels += static_cast<double>(ops_.forward_floats(m.out, m.in));
    if (both) panels += static_cast<double>(ops_.backward_floats(m.out, m.in));
  };
  for (const Layer& layer : layers_) {
    for (const Matrix* m : {&layer.qkv, &layer.o, &layer.gate_up, &layer.down}) add(*m, tokens > 0);
  }
  add(head_, tokens > 0);
  MemoryPlan plan{};
  plan.weights = 4.0 * (static_cast<double>(total_) + panels);
  plan.cache = 8.0 * config_.layers * static_cast<double>(cache_tokens_) * static_cast<double>(ops_.cache_row_floats(h));
  if (tokens > 0) {
    plan.gradients = 4.0 * static_cast<double>(total_);
    plan.moments = 8.0 * static_cast<double>(total_);
    const double saved = static_cast<double>(saved_floats()) * (recompute_ ? 1 : config_.layers);
    const double block = std::min(tokens, static_cast<double>(ops_.row_block()));
    // Streams and their gradients, then what exists for a block of rows and for a chunk of logits.
    const double rows = C * (config_.layers + 1) + 1 + C * (recompute_ ? 4 : 3) + h.q_width() + h.qkv_width();
    const double chunk = std::min(tokens, static_cast<double>(ops_.head_rows(config_.vocab)));
    plan.activations = 4.0 * (tokens * (saved + rows) + block * 3 * F + chunk * (V + 2 * C) +
                              ops_.scratch_floats(tokens, config_.hidden, config_.intermediate, config_.vocab, h));
  }
  return plan;
}

}  // namespace pr1
