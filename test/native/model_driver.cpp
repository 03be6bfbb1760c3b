// The whole decoder on random models of sizes that divide by nothing: train, decode with fork and join, the engine's thread.
// Usage: model_driver isa precision threads [short]. Precisions: f32, bf16, and weights in blocks with rows in float32 (blocks) or
// in 8 bits (bytes). Exits 2 where this CPU lacks the instruction set, 1 on the first
// mismatch. Each line ends with a digest of what was computed. Built with sanitizers and run by sanitizers.proof.ts, and by arm.proof.ts.
#include <algorithm>
#include <cmath>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <vector>

#include "model/model.h"
#include "slots.h"
#include "test/digest.h"
#include "threads.h"
#include "worker.h"

using namespace pr1;
using Ints = std::vector<int>;
using Floats = std::vector<float>;

static std::mt19937 rng(5);
static int below(int n) { return static_cast<int>(rng() % static_cast<unsigned>(n)); }
static float uniform() { return static_cast<float>(rng() % 20001) / 10000.0f - 1.0f; }

static std::string now;
static Digest digest;
static void check(bool ok, const char* what) {
  if (ok) return;
  std::printf("FAILED %s: %s\n", now.c_str(), what);
  std::exit(1);
}
static bool same(const Floats& a, const Floats& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}
static bool finite(const Floats& x) {
  return std::all_of(x.begin(), x.end(), [](float v) { return std::isfinite(v); });
}

/// What makes a family, beside its sizes.
struct Kind {
  bool tied = true, qk_norm = true, biased = false, post_norms = false;
};

static ModelSpec sizes(int vocab, int hidden, int layers, int heads, int kv, int dim, int ff, int positions, Kind kind = {}) {
  ModelSpec m;
  m.vocab = vocab, m.hidden = hidden, m.heads = {heads, kv, dim}, m.intermediate = ff, m.max_positions = positions;
  m.norm_eps = 1e-6f;
  RopeSpec rope;
  rope.rotates = true, rope.theta = 10000;
  m.ropes = {rope};
  m.embedding = {"embedding", {vocab, hidden}};
  for (int l = 0; l < layers; l++) {
    const std::string at = std::to_string(l) + ".";
    auto linear = [&](const char* name, int out, int in, bool biased = false) {
      LinearSpec spec{{at + name, {out, in}}, {}};
      if (biased) spec.bias = {at + name + ".bias", {out}};
      return spec;
    };
    LayerSpec layer;
    AttentionSpec& a = layer.attention;
    a.norm = {at + "norm.weight", {hidden}};
    a.q = linear("q", m.heads.q_width(), hidden, kind.biased), a.k = linear("k", m.heads.kv_width(), hidden, kind.biased);
    a.v = linear("v", m.heads.kv_width(), hidden, kind.biased), a.o = linear("o", hidden, m.heads.q_width());
    if (kind.qk_norm) a.q_norm = {at + "q_norm.weight", {dim}}, a.k_norm = {at + "k_norm.weight", {dim}};
    layer.mlp.norm = {at + "mlp_norm.weight", {hidden}};
    layer.mlp.gate = linear("gate", ff, hidden), layer.mlp.up = linear("up", ff, hidden), layer.mlp.down = linear("down", hidden, ff);
    if (kind.post_norms) a.post_norm = {at + "post_norm.weight", {hidden}}, layer.mlp.post_norm = {at + "mlp_post_norm.weight", {hidden}};
    m.layers.push_back(layer);
  }
  m.norm = {"norm.weight", {hidden}};
  m.head = kind.tied ? m.embedding : ParameterSpec{"head", {vocab, hidden}};
  return m;
}

/// Every matrix in blocks of a type that weights are quantised to, as many as fit.
static void hold_in_blocks(ModelSpec& m) {
  int next = 0;
  auto hold = [&](ParameterSpec& p) {
    const bool whole = p.shape[1] % 32 == 0;
    p.blocks = next++ % 2 ? (whole ? BlockType::q4_0 : BlockType::f32) : (whole ? BlockType::q8_0 : BlockType::bf16);
  };
  for (LayerSpec& l : m.layers) {
    for (LinearSpec* part : {&l.attention.q, &l.attention.k, &l.attention.v, &l.attention.o, &l.mlp.gate, &l.mlp.up, &l.mlp.down}) hold(part->weight);
  }
  const bool tied = m.head.name == m.embedding.name;
  hold(m.embedding);
  if (tied) {
    m.head = m.embedding;
  } else {
    hold(m.head);
  }
}

/// Adapters beside all layers but some, and two tokens with rows of their own.
static void adapt(ModelSpec& m) {
  int next = 0;
  for (LayerSpec& l : m.layers) {
    for (LinearSpec* part : {&l.attention.q, &l.attention.k, &l.attention.v, &l.attention.o, &l.mlp.gate, &l.mlp.up, &l.mlp.down}) {
      const int rank = next++ % 6;
      if (rank == 0) continue;
      const std::vector<int>& shape = part->weight.shape;
      part->adapter = {{part->weight.name + ".a", {rank, shape[1]}, {}}, {part->weight.name + ".b", {shape[0], rank}, {}}, 0.5f + rank};
    }
  }
  m.adapted = true;
  if (m.vocab < 3) return;
  m.token_rows = {{"rows", {2, m.hidden}, {}}, {1, m.vocab - 1}};
}

/// Everything that gemma3 and smollm3 have and the others have not.
static ModelSpec unusual() {
  ModelSpec m = sizes(45, 26, 3, 4, 2, 10, 35, 300, {true, true, false, true});
  m.activation = Activation::gelu;
  m.norm_offset = 1;
  m.embedding_scale = 5.1f;
  m.heads.scale = 0.3f;
  RopeSpec far = m.ropes[0];
  far.scaling = RopeSpec::Scaling::linear, far.factor = 8;
  m.ropes.push_back(far);
  m.ropes.push_back({});
  m.layers[0].attention.window = 5;
  m.layers[1].attention.rope = 1;
  m.layers[2].attention.rope = 2, m.layers[2].attention.window = 17;
  return m;
}

static Floats parameter(const Model& model, size_t i, Values kind) {
  Floats values(model.parameter(i).count);
  model.read(i, kind, values.data(), 0, values.size());
  return values;
}

static void randomize(Model& model) {
  for (size_t i = 0; i < model.parameter_count(); i++) {
    const Parameter& p = model.parameter(i);
    const bool norm = p.name.find("norm.weight") != std::string::npos;
    const float scale = p.shape.size() == 2 ? 1.0f / std::sqrt(static_cast<float>(p.shape[1])) : 0.1f;
    Floats values(p.count);
    for (float& v : values) v = (norm ? 1.0f - model.spec().norm_offset : 0.0f) + scale * uniform();
    model.write(i, Values::weight, values.data(), 0, values.size());
  }
}

/// The state and the steps that the addon builds for a model.
struct Decoder {
  struct Input {
    int sequence;
    Ints ids, positions;
    SamplingRow sampling{-1, 0, 1, 0, 0, 0};
    Ints excluded;
  };
  Model& model;
  int room;
  Slots table;

  StepResult step(const std::vector<Input>& inputs) {
    Step s;
    s.runs.resize(inputs.size());
    for (size_t i = 0; i < inputs.size(); i++) {
      const Input& in = inputs[i];
      const int before = table.length(in.sequence), n = static_cast<int>(in.ids.size());
      table.append(in.sequence, n, s.slots);
      s.runs[i] = table.runs(in.sequence);
      for (int t = 0; t < n; t++) s.queries.push_back({s.runs[i].data(), before + t + 1});
      s.ids.insert(s.ids.end(), in.ids.begin(), in.ids.end());
      s.positions.insert(s.positions.end(), in.positions.begin(), in.positions.end());
      if (in.sampling.temperature < 0) continue;
      SamplingRow row = in.sampling;
      row.position = static_cast<uint32_t>(in.positions.back());
      s.rows.push_back(static_cast<int>(s.ids.size()) - 1);
      s.sampling.push_back(row);
      s.excluded.push_back(in.excluded);
    }
    check(table.used() <= room, "the cache is too small for this test");
    StepResult result = model.step(s);
    check(finite(result.logprobs), "log-probabilities of a step");
    digest.add(result.ids).add(result.logprobs);
    for (int id : result.ids) check(id >= 0 && id < model.spec().vocab, "a sampled id");
    return result;
  }
};

static Ints count_from(int first, int n) {
  Ints x(static_cast<size_t>(n));
  for (int i = 0; i < n; i++) x[static_cast<size_t>(i)] = first + i;
  return x;
}
static Ints random_ids(int n, int vocab) {
  Ints x(static_cast<size_t>(n));
  for (int& id : x) id = below(vocab);
  return x;
}

/// Packed sequences of these lengths with blocks of hidden ranges, targets left out and ids excluded.
static std::shared_ptr<Batch> random_batch(const ModelSpec& c, const Ints& lengths, int levels) {
  auto b = std::make_shared<Batch>();
  b->bounds.push_back(0);
  for (int n : lengths) b->bounds.push_back(b->bounds.back() + n);
  b->T = b->bounds.back();
  b->ids = random_ids(b->T, c.vocab);
  b->hidden_levels = levels;
  b->hidden.assign(static_cast<size_t>(b->T) * levels * 2, 0);
  b->temperature = levels ? 0.7f : 1.0f;
  for (size_t s = 0; s + 1 < b->bounds.size(); s++) {
    const int begin = b->bounds[s], n = b->bounds[s + 1] - begin;
    const int shift = below(c.max_positions - n + 1);
    for (int t = 0; t < n; t++) b->positions.push_back(shift + t);
    for (int t = 0; t < n; t++) {
      int at = begin;
      for (int level = 0; level < levels; level++) {
        if (at >= begin + t || below(3) == 0) continue;
        int* range = b->hidden.data() + (static_cast<size_t>(begin + t) * levels + level) * 2;
        range[0] = at + below(begin + t - at + 1);
        range[1] = range[0] + below(begin + t - range[0] + 1);
        if (range[0] == range[1]) range[0] = range[1] = 0;
        at = std::max(at, range[1]);
      }
    }
  }
  if (!levels) return b;
  b->targets.resize(b->ids.size());
  for (uint8_t& target : b->targets) target = below(4) != 0;
  if (c.vocab < 4) return b;
  b->exclusion.assign(b->ids.size(), -1);
  for (int t = 0; t + 1 < b->T; t++) {
    if (below(2)) continue;
    b->exclusion[static_cast<size_t>(t)] = static_cast<int>(b->exclusion_sets.size());
    const int next = b->ids[static_cast<size_t>(t) + 1];
    b->exclusion_sets.push_back({(next + 1) % c.vocab, (next + 3) % c.vocab});
  }
  return b;
}

static void train(const ModelSpec& c, Ops& ops, const std::vector<Ints>& batches) {
  Model model(c, ops, 0, false, true), sparing(c, ops, 0, true, true);
  rng.seed(9);
  randomize(model);
  rng.seed(9);
  randomize(sparing);
  const UpdateOptions o{1e-2, 0.9, 0.95, 1e-8, 0.01, 1.0};
  int round = 0;
  for (const Ints& lengths : batches) {
    auto batch = random_batch(c, lengths, round++ % 3);
    Floats weights(batch->ids.size()), entropy_weights(batch->ids.size());
    for (float& w : weights) w = uniform();
    for (float& w : entropy_weights) w = uniform();
    const ForwardResult scored = model.forward(batch, false, true);
    const ForwardResult result = model.forward(batch, true, true), again = sparing.forward(batch, true, true);
    check(finite(result.logprobs) && finite(again.entropies), "log-probabilities and entropies are finite");
    check(same(scored.logprobs, result.logprobs) && same(result.logprobs, again.logprobs), "scoring, keeping and recompute give the same bits");
    digest.add(result.logprobs).add(result.entropies);
    model.backward(weights, &entropy_weights);
    sparing.backward(weights, &entropy_weights);
    for (size_t i = 0; i < model.parameter_count(); i++) {
      const Floats gradient = parameter(model, i, Values::gradient);
      check(finite(gradient), "gradients are finite");
      digest.add(gradient);
      check(same(gradient, parameter(sparing, i, Values::gradient)), "recompute gives the same gradient bits");
    }
    check(!model.update(o).skipped && !sparing.update(o).skipped, "an update");
    for (size_t i = 0; i < model.parameter_count(); i++) digest.add(parameter(model, i, Values::weight));
  }
  // A gradient that is not finite: nothing changes.
  const size_t own = c.adapted ? model.loadable_count() : 0;
  const Floats before = parameter(model, own + 1, Values::weight);
  auto batch = random_batch(c, {2, 3}, 0);
  model.forward(batch, true, false);
  model.backward(Floats(batch->ids.size(), INFINITY));
  check(model.update(o).skipped && same(before, parameter(model, own + 1, Values::weight)), "an update without a finite gradient is skipped");
  check(model.updates == static_cast<int64_t>(batches.size()), "updates are counted");
  for (auto kind : {Values::weight, Values::gradient, Values::moment1, Values::moment2}) {
    const Floats values = parameter(model, own, kind);
    model.write(own, kind, values.data(), 0, values.size());
  }
  const Floats ones(model.parameter(own).count, 1.0f);
  for (int i = 0; i < 2; i++) model.add_gradient(own, ones.data());
  check(same(parameter(model, own, Values::gradient), Floats(ones.size(), 2.0f)), "adding to a gradient");
  check(model.plan(100).activations > 0, "a memory plan");
}

static void decode(const ModelSpec& c, Ops& ops, int prompt, int n) {
  const int room = (2 * prompt + 40 * n + 64 * kPage) / kPage * kPage;
  Model model(c, ops, room, false, true);
  rng.seed(13);
  randomize(model);
  Decoder d{model, room, {}};
  const int V = c.vocab;

  // A prompt in two chunks, then one path: the same bits as the packed sequence.
  const int a = d.table.create();
  Ints ids = random_ids(prompt, V), path = ids;
  const int half = prompt / 2;
  if (half > 0) d.step({{a, Ints(ids.begin(), ids.begin() + half), count_from(0, half)}});
  const std::vector<SamplingRow> ways = {{1, 0, 1, 1, 0, 0}, {0, 0, 1, 1, 1, 0}, {0.7f, 3, 1, 2, 2, 0}, {1.3f, 0, 0.6f, 1ull << 50, 3, 0}, {1, V + 5, 0.9f, 7, 4, 0}};
  StepResult out = d.step({{a, Ints(ids.begin() + half, ids.end()), count_from(half, prompt - half), ways[0]}});
  Floats sampled = out.logprobs;
  path.push_back(out.ids[0]);
  const int prefix = d.table.length(a);

  // Five paths, sampled in five ways; those of the second fork again.
  Ints paths = d.table.fork(a, 5);
  Ints last(5, path.back());
  for (int i = 0; i < n; i++) {
    std::vector<Decoder::Input> inputs;
    for (int p = 0; p < 5; p++) {
      Ints without;
      if (p == 3 && V > 4) without = {0, V - 1, V / 2};
      inputs.push_back({paths[p], {last[p]}, {prefix + i}, ways[p], without});
    }
    out = d.step(inputs);
    last = out.ids;
    path.push_back(out.ids[0]);
    sampled.push_back(out.logprobs[0]);
    if (i == n / 2) {
      Ints inner = d.table.fork(paths[1], 3);
      d.step({{inner[0], random_ids(1, V), {prefix + i}}, {inner[2], random_ids(19, V), count_from(prefix + i, 19), ways[2]}});
      check(d.table.join(paths[1], inner), "an inner join");
    }
  }
  const int held = d.table.length(paths[1]);
  check(held == prefix + n + 20, "what an inner join appends");
  auto packed = std::make_shared<Batch>();
  packed->ids = path;
  packed->T = static_cast<int>(path.size());
  packed->positions = count_from(0, packed->T);
  packed->bounds = {0, packed->T};
  const ForwardResult forward = model.forward(packed, false, false);
  check(same(sampled, Floats(forward.logprobs.begin() + prompt - 1, forward.logprobs.end() - 1)), "sampled and packed log-probabilities");

  Ints joined(paths.begin(), paths.begin() + 4);
  check(d.table.join(a, joined), "a join");
  check(d.table.length(a) == prefix + 4 * n + 20, "what a join appends");
  d.step({{a, random_ids(3, V), count_from(prefix + n, 3), ways[3]}, {d.table.create(), random_ids(1, V), {0}, ways[1]}});
  d.step({});

  // Another sequence's tokens are no prefix.
  const int b = d.table.create();
  d.step({{b, random_ids(5, V), count_from(0, 5)}});
  check(!d.table.join(a, {b}), "a join of a stranger is refused");

  // Many sequences of uneven lengths at once.
  std::vector<Decoder::Input> inputs;
  for (int i = 0; i < 20; i++) {
    const int length = 1 + below(std::min(9, prompt));
    Decoder::Input in{d.table.create(), random_ids(length, V), count_from(0, length)};
    if (i % 3) in.sampling = ways[static_cast<size_t>(i) % ways.size()];
    inputs.push_back(in);
  }
  d.step(inputs);
}

/// Jobs in order; a stop interrupts the one that runs and drops the rest.
static void engine(Precision precision, const char* isa, int threads) {
  const char* why = "";
  ThreadPool pool(threads);
  EngineCore core(std::unique_ptr<Ops>(make_cpu_ops(isa, pool, &why, precision)));
  auto c = sizes(70, 64, 24, 4, 2, 16, 96, 512);
  auto model = std::make_shared<Model>(c, core.ops(), 64, false, true);
  randomize(*model);
  core.track(model);
  std::mutex mutex;
  std::condition_variable changed;
  int jobs = 0;
  bool cancelled = false;
  auto batch = random_batch(c, {200, 100}, 1);
  for (int i = 0; i < 3; i++) {
    core.enqueue([&, i] {
      model->forward(batch, false, false);
      std::lock_guard<std::mutex> lock(mutex);
      check(jobs == i, "jobs run in order");
      jobs++;
      changed.notify_one();
    });
  }
  {
    std::unique_lock<std::mutex> lock(mutex);
    changed.wait(lock, [&] { return jobs == 3; });
  }
  {
    std::lock_guard<std::mutex> lock(core.busy());
    check(finite(parameter(*model, 0, Values::weight)), "reading between jobs");
  }
  core.enqueue([&] {
    try {
      std::unique_lock<std::mutex> lock(mutex);
      jobs++;
      changed.notify_one();
      lock.unlock();
      for (;;) model->forward(batch, false, false);
    } catch (const std::runtime_error&) {
      cancelled = true;
    }
  });
  core.enqueue([&] { jobs = -1; });
  {
    std::unique_lock<std::mutex> lock(mutex);
    changed.wait(lock, [&] { return jobs == 4; });
  }
  core.stop();
  core.enqueue([&] { jobs = -1; });
  core.stop();
  check(cancelled && jobs == 4, "a stop cancels what runs and drops what waits");
}

int main(int argc, char** argv) {
  if (argc < 4) return 1;
  const std::string isa = argv[1], kind = argv[2];
  const Precision precision = kind == "bf16" ? Precision::bf16 : Precision::f32;
  const int threads = std::atoi(argv[3]);
  const bool brief = argc > 4;
  const char* why = "";
  ThreadPool pool(threads);
  std::unique_ptr<Ops> ops(make_cpu_ops(isa.c_str(), pool, &why, precision));
  if (!ops) {
    std::printf("unavailable: %s\n", why);
    return 2;
  }
  if (kind == "bytes") ops->block_rows(BlockRows::int8);
  struct Case {
    const char* name;
    ModelSpec config;
    std::vector<Ints> batches;
    int prompt, n;
  };
  std::vector<Case> cases;
  auto add = [&](const char* name, const ModelSpec& config, std::vector<Ints> batches, int prompt, int n) {
    cases.push_back({name, config, std::move(batches), prompt, n});
  };
  auto odd = sizes(37, 23, 2, 3, 1, 6, 21, 200);
  add("odd sizes", odd, {{1, 2}, {17, 1, 40}, {61, 16, 15}}, 33, 18);
  if (!brief) add("the smallest", sizes(1, 1, 1, 1, 1, 2, 1, 64), {{2}, {1, 3, 5}}, 2, 5);
  auto biased = sizes(433, 49, 2, 4, 2, 34, 95, 400, {false, false, true, false});
  RopeSpec& rope = biased.ropes[0];
  rope.scaling = RopeSpec::Scaling::llama3, rope.factor = 8, rope.low = 1, rope.high = 4, rope.original_positions = 64;
  add("untied, biased, llama3", biased, {{70, 3}, {130, 129, 1}}, 50, 20);
  add("windows, three rotations, norms behind", unusual(), {{70, 3}, {30, 29, 1}}, 40, 12);
  if (!brief) add("more rows than a block", sizes(64, 32, 2, 2, 2, 16, 48, 700), {{300, 1, 299}, {257}}, 290, 20);
  if (kind == "bytes") add("blocks in every weight", sizes(96, 160, 2, 2, 1, 32, 832, 100), {{40, 37}, {17}}, 37, 20);
  if (!brief) add("a large vocabulary", sizes(131101, 10, 1, 1, 1, 10, 18, 100), {{40, 37}}, 40, 8);
  if (!brief) add("a wide head", sizes(50, 20, 1, 2, 1, 130, 300, 100), {{20, 33}}, 17, 17);
  for (Case& it : cases) {
    now = isa + " " + kind + ", " + it.name;
    if (kind == "blocks" || kind == "bytes") {
      hold_in_blocks(it.config);
    } else {
      train(it.config, *ops, it.batches);
    }
    decode(it.config, *ops, it.prompt, it.n);
    std::printf("ok %s %s\n", now.c_str(), digest.text().c_str());
    now += ", adapters";
    adapt(it.config);
    train(it.config, *ops, it.batches);
    decode(it.config, *ops, it.prompt, it.n);
    std::printf("ok %s %s\n", now.c_str(), digest.text().c_str());
  }
  now = "engine";
  engine(precision, isa.c_str(), threads);
  std::printf("done\n");
  return 0;
}
