#include "model.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

namespace pr1 {

static std::vector<int> windows_of(const ModelSpec& spec) {
  std::vector<int> windows;
  for (const LayerSpec& layer : spec.layers) windows.push_back(layer.attention.window);
  return windows;
}

static std::vector<std::unique_ptr<RopeTable>> make_ropes(const ModelSpec& spec, Ops& ops) {
  std::vector<std::unique_ptr<RopeTable>> ropes;
  for (const RopeSpec& rope : spec.ropes) {
    ropes.push_back(std::make_unique<RopeTable>(ops, rope, spec.heads.dim, spec.max_positions));
  }
  return ropes;
}

static std::vector<Layer> make_layers(const ModelSpec& spec, Parameters& parameters, Ops& ops,
                                      const std::vector<std::unique_ptr<RopeTable>>& ropes) {
  std::vector<Layer> layers;
  layers.reserve(spec.layers.size());
  for (const LayerSpec& layer : spec.layers) {
    layers.emplace_back(parameters, ops, layer, spec, *ropes[static_cast<size_t>(layer.attention.rope)]);
  }
  return layers;
}

Model::Model(const ModelSpec& spec, Ops& ops, int cache_tokens, bool recompute, bool trains, MomentType moments)
    : spec_(spec), ops_(ops), cache_tokens_(cache_tokens), recompute_(recompute),
      trains_(trains && (spec.adapted || !spec.embedding.blocks)), adapters_(spec.adapted ? std::make_unique<Adapters>(ops) : nullptr),
      parameters_(ops, (trains && !spec.adapted) || !ops.fills_panels(), adapters_.get()),
      ropes_(make_ropes(spec_, ops)), embedding_(parameters_, ops, spec_), layers_(make_layers(spec_, parameters_, ops, ropes_)),
      head_(parameters_, ops, spec_, embedding_), work_(ops), xs_(ops), saved_(ops), dx_(ops), again_(ops),
      visible_(windows_of(spec_)) {
  head_.between = [this] { check_cancelled(); };
  for (Layer& layer : layers_) layer.each_linear([&](Linear& linear) { linears_.push_back(&linear); });
  linears_.push_back(&head_.linear());
  embedding_.each_linear([&](Linear& linear) { linears_.push_back(&linear); });
  trained().hold_moments(moments);
  parameters_.allocate();
  if (adapters_) adapters_->parameters.allocate();
  for (Linear* linear : linears_) linear->allocate();
  embedding_.allocate();
}

Model::~Model() {
  for (float* p : {k_cache_, v_cache_}) ops_.release(p);
}

void Model::write(size_t parameter, Values kind, const float* from, size_t offset, size_t count) {
  if (kind == Values::weight) {
    packed_ = false;
    if (frozen(parameter)) frozen_packed_ = false;
    kept_ = false;
  } else {
    prepare_training();
  }
  Parameters& owner = frozen(parameter) ? parameters_ : trained();
  owner.write(parameter - first_of(parameter), kind, from, offset, count);
}

bool Model::write_blocks(size_t parameter, const uint8_t* rows) {
  kept_ = false;
  frozen_packed_ = false;
  return parameters_.write_blocks(parameter, rows);
}

int Model::load(const std::vector<StoredTensor>& tensors) {
  packed_ = false;
  frozen_packed_ = false;
  kept_ = false;
  const int fault = load_tensors(parameters_, ops_, tensors, [this] { return !cancelled.load(std::memory_order_relaxed); });
  check_cancelled();
  return fault;
}

/// The sum is made here, on every device: the same bits, and nothing that a copy to the device would not cost anyway.
void Model::add_gradient(size_t parameter, const float* values) {
  std::vector<float> sum(this->parameter(parameter).count);
  read(parameter, Values::gradient, sum.data(), 0, sum.size());
  for (size_t i = 0; i < sum.size(); i++) sum[i] += values[i];
  write(parameter, Values::gradient, sum.data(), 0, sum.size());
}

void Model::pack() {
  if (adapters_ && training_ready_ && !frozen_packed_) {
    for (Linear* linear : linears_) {
      check_cancelled();
      if (linear->frozen()) linear->pack_frozen();
    }
    frozen_packed_ = true;
  }
  if (packed_) return;
  for (Linear* linear : linears_) linear->pack();
  packed_ = true;
}

void Model::prepare_training() {
  if (training_ready_) return;
  if (!trains()) throw std::runtime_error("A model that was loaded to decode and score does not train.");
  trained().allocate_training();
  for (Linear* linear : linears_) linear->allocate_training();
  packed_ = false;
  training_ready_ = true;
}

void Model::check_cancelled() const {
  if (cancelled.load(std::memory_order_relaxed)) throw std::runtime_error("The model was disposed while it was working.");
}

void Model::ensure_positions(const std::vector<int>& positions) {
  const int last = *std::max_element(positions.begin(), positions.end());
  for (const auto& rope : ropes_) rope->ensure(last);
}

/// Whether rows begin … end − 1 of x (T, hidden) are.
bool Model::finite(const float* x, int begin, int end) const {
  std::vector<float> rows(static_cast<size_t>(end - begin) * spec_.hidden);
  ops_.download(rows.data(), x + static_cast<size_t>(begin) * spec_.hidden, rows.size());
  return std::all_of(rows.begin(), rows.end(), [](float value) { return std::isfinite(value); });
}

/// Where rows begin … end − 1, whose logits are not finite, first were not: computes the layers once more, and looks after each.
template <class Layers>
int Model::locate(const Layers& layers, int begin, int end) const {
  int found = fault_of_head(layers_.size());
  ops_.begin_pass();
  layers([&](int place, const float* x) {
    if (place < found && !finite(x, begin, end)) found = place;
  });
  return found;
}

/// What `layers` is told after each where nobody looks.
static constexpr auto nobody = [](int, const float*) {};

// ---- Training ----

/// Off within a scope.
struct Off {
  bool* on;
  explicit Off(bool* on) : on(on) {
    if (on) *on = false;
  }
  ~Off() {
    if (on) *on = true;
  }
  Off(const Off&) = delete;
};

TokenList Model::computed(const TokenList& tokens) const {
  return ops_.picks_rows() ? whole_groups(tokens, ops_.token_group(), batch_->T) : all_tokens(batch_->T);
}

ForwardResult Model::forward(std::shared_ptr<Batch> batch, bool keep, bool entropy, bool base) {
  if (keep) prepare_training();
  const Off off(base && adapters_ ? &adapters_->on : nullptr);
  pack();
  const Batch& b = *batch;
  const int T = b.T;
  ensure_positions(b.positions);
  batch_ = batch;
  kept_ = false;
  visible_.build(b);
  ops_.begin_pass();

  const size_t depth = layers_.size(), stream = static_cast<size_t>(T) * spec_.hidden;
  const size_t per_layer = layers_[0].saved_floats() * static_cast<size_t>(T);
  const bool every_layer = keep && !recompute_;
  float* xs = xs_.get(stream * (keep ? depth + 1 : 2));
  float* saved = saved_.get(per_layer * (every_layer ? depth : 1));
  auto x_at = [&](size_t l) { return xs + stream * (keep ? l : l & 1); };
  const TokenList all = all_tokens(T);
  ends_ = computed(Head::target_rows(b, nullptr, nullptr));
  auto layers = [&](auto&& after) {
    embedding_.forward(x_at(0), b.ids.data(), T);
    after(kFaultEmbedding, x_at(0));
    for (size_t l = 0; l < depth; l++) {
      check_cancelled();
      const Layer::Saved s = layers_[l].carve(saved + (every_layer ? l : 0) * per_layer, T);
      layers_[l].forward(x_at(l + 1), x_at(l), s, b.positions.data(), visible_, T, l + 1 < depth ? all : ends_, nullptr, work_);
      after(fault_of_layer(l), x_at(l + 1));
    }
  };
  layers(nobody);
  ForwardResult result = head_.score(x_at(depth), ends_, b, entropy, work_);
  kept_ = keep && !base && result.fault_token < 0;
  if (result.fault_token >= 0) {
    // A hidden key counts 0 times its value: one token's fault can reach the logits of an earlier one of its sequence.
    ends_ = all;
    const auto next = std::upper_bound(b.bounds.begin(), b.bounds.end(), result.fault_token);
    result.fault = locate(layers, *(next - 1), *next);
  }
  return result;
}

static const char* const kNothingKept =
    "backward needs the activations of a forward. Call forward with keep: true (the default) first; an update, a "
    "write of weights or another forward discards them.";

size_t Model::backward(const std::vector<float>& weights, const std::vector<float>* entropy_weights, size_t layers) {
  if (!kept_) throw std::runtime_error(kNothingKept);
  ops_.begin_pass();
  const size_t stream = static_cast<size_t>(batch_->T) * spec_.hidden;
  reached_ = computed(Head::target_rows(*batch_, &weights, entropy_weights));
  head_.score_backward(dx_.get(stream), xs_.data() + stream * layers_.size(), reached_, places_in(ends_, reached_), *batch_, weights,
                       entropy_weights, work_);
  backward_left_ = layers_.size();
  return backward_on(layers);
}

size_t Model::backward_on(size_t layers) {
  if (!kept_ || backward_left_ == 0) throw std::runtime_error(kNothingKept);
  const Batch& b = *batch_;
  const int T = b.T;
  const size_t stream = static_cast<size_t>(T) * spec_.hidden;
  const size_t per_layer = layers_[0].saved_floats() * static_cast<size_t>(T);
  auto x_at = [&](size_t l) { return xs_.data() + stream * l; };
  float* dx = dx_.get(stream);
  const TokenList all = all_tokens(T);
  for (; layers > 0 && backward_left_ > 0; layers--) {
    const size_t l = --backward_left_;
    const TokenList& given = l + 1 < layers_.size() ? all : ends_;
    const Layer::Saved s = layers_[l].carve(saved_.data() + (recompute_ ? 0 : l) * per_layer, T);
    // The same ops on the same inputs: what is recomputed equals what was dropped bit for bit.
    if (recompute_) {
      check_cancelled();
      layers_[l].forward(again_.get(stream), x_at(l), s, b.positions.data(), visible_, T, given, nullptr, work_);
    }
    check_cancelled();
    const Layer::Reach reach{reached_, places_in(given, reached_), computed(visible_.seen(reached_))};
    layers_[l].backward(dx, x_at(l), s, visible_, b, reach, work_);
    reached_ = reach.seen;
  }
  if (backward_left_ > 0) return backward_left_;
  embedding_.backward(dx, b.ids.data(), T);
  kept_ = false;
  return 0;
}

UpdateResult Model::update(const UpdateOptions& o) {
  prepare_training();
  Parameters& trained = this->trained();
  UpdateResult result;
  result.grad_norm = std::sqrt(ops_.sum_squares(trained.gradients(), trained.floats()));
  result.skipped = !std::isfinite(result.grad_norm);
  if (result.skipped) {
    ops_.zero(trained.gradients(), trained.floats());
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
  trained.step(a, static_cast<uint64_t>(updates));
  packed_ = false;
  kept_ = false;
  return result;
}

// ---- Decoding ----

StepResult Model::step(const Step& step) {
  pack();
  const int T = static_cast<int>(step.ids.size());
  const size_t depth = layers_.size();
  const size_t layer_cache = static_cast<size_t>(cache_tokens_) * ops_.cache_row_floats(spec_.heads);
  if (!k_cache_) {
    k_cache_ = ops_.allocate(depth * layer_cache);
    v_cache_ = ops_.allocate(depth * layer_cache);
  }
  if (T == 0) return {};
  ensure_positions(step.positions);
  kept_ = false;  // the work space is shared with training
  visible_.build(step);
  // A recorded step knows one list of queries.
  const bool narrowed = visible_.narrowed();
  const int rows = narrowed ? T : ops_.step_rows(T);
  auto stream = [&](int n) { return static_cast<size_t>(n) * spec_.hidden; };
  float* xs = xs_.get(stream(rows) * 2);
  float* saved = saved_.get(layers_[0].saved_floats() * static_cast<size_t>(rows));
  auto layers = [&](int n, auto&& after) {
    const TokenList all = all_tokens(n);
    const Layer::Saved s = layers_[0].carve(saved, n);
    embedding_.forward(xs, step.ids.data(), n);
    after(kFaultEmbedding, xs);
    for (size_t l = 0; l < depth; l++) {
      check_cancelled();
      const Layer::Cache cache{step.slots.data(), k_cache_ + l * layer_cache, v_cache_ + l * layer_cache};
      float* out = xs + stream(n) * (~l & 1);
      layers_[l].forward(out, xs + stream(n) * (l & 1), s, step.positions.data(), visible_, n, all, &cache, work_);
      after(fault_of_layer(l), out);
    }
  };
  if (narrowed) {
    ops_.begin_pass();
    layers(T, nobody);
  } else if (ops_.begin_step(this, spec_.heads, step.ids.data(), step.positions.data(), step.slots.data(),
                             step.queries.data(), T)) {
    layers(rows, nobody);
  }
  ops_.end_step();
  StepResult result = head_.sample(xs + stream(rows) * (depth & 1), step, work_);
  for (size_t r = 0; r < result.faults.size(); r++) {
    if (result.faults[r] == kFaultNone) continue;
    // The tokens of an input share their runs.
    const int row = step.rows[r];
    int begin = row;
    while (begin > 0 && step.queries[begin - 1].runs == step.queries[row].runs) begin--;
    result.faults[r] = locate([&](auto&& after) { layers(T, after); }, begin, row + 1);
    ops_.end_step();
  }
  return result;
}

MemoryPlan Model::plan(double tokens) const {
  const Heads& h = spec_.heads;
  const double C = spec_.hidden, F = spec_.intermediate, V = spec_.vocab, depth = static_cast<double>(layers_.size());
  double packed = embedding_.packed_floats();
  double beside = 0;  // copies of adapters
  for (const Linear* linear : linears_) {
    (linear->frozen() || !adapters_ ? packed : beside) += linear->packed_floats(tokens > 0);
    beside += linear->adapter_packed_floats(tokens > 0);
  }
  const double all = static_cast<double>(trained().floats());
  MemoryPlan plan{};
  plan.weights = 4.0 * (static_cast<double>(parameters_.floats()) + packed) + parameters_.held_bytes();
  if (adapters_) plan.adapters = 4.0 * (all + beside);
  plan.cache = 8.0 * depth * static_cast<double>(cache_tokens_) * static_cast<double>(ops_.cache_row_floats(h));
  if (tokens > 0) {
    plan.gradients = 4.0 * all;
    plan.moments = trained().moment_bytes();
    const double saved = static_cast<double>(layers_[0].saved_floats()) * (recompute_ ? 1 : depth);
    const double block = std::min(tokens, static_cast<double>(ops_.row_block()));
    // Streams and their gradients, then what exists for a block of rows and for a chunk of logits.
    double rows = C * (depth + 1) + 1 + C * (recompute_ ? 4 : 3) + h.q_width() + h.qkv_width();
    double inside = 3 * F + (layers_[0].has_post_norms() ? C : 0);
    if (ops_.picks_rows()) {
      // Copies of rows that lie apart: those of the head, then what layers left.
      rows += 2 * C;
      inside += 2 * F + 2 * h.qkv_width() + h.q_width() + (layers_[0].has_post_norms() ? C + 2 : 1);
    }
    const double chunk = std::min(tokens, static_cast<double>(head_.most_rows()));
    if (adapters_) plan.activations = 4.0 * (block * 3 * adapters_->widest + (spec_.token_rows.there() ? tokens * C : 0));
    plan.activations += 4.0 * (tokens * (saved + rows) + block * inside + chunk * (V + 2 * C) +
                              ops_.scratch_floats(tokens, spec_.hidden, spec_.intermediate, spec_.vocab, h));
  }
  return plan;
}

}  // namespace pr1
