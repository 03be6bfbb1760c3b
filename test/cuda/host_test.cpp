// The parts of native/cuda that are plain host code: the arena, the staging ring, and who computes what of an attention.
// Random cases beside plain statements of what must hold. Prints a line a part, exits 1 on the first mismatch.
#include <cstdio>
#include <cstdlib>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "../../native/cuda/arena.h"
#include "../../native/cuda/journal.h"
#include "../../native/cuda/plan.h"
#include "../../native/cuda/staging.h"
#include "../../native/cuda/switches.h"
#include "../native/slots.h"

using namespace pr1;
using namespace pr1::cuda;

static std::mt19937 rng(3);
static int pick(int n) { return static_cast<int>(rng() % static_cast<unsigned>(n)); }
static void check(bool ok, const std::string& what) {
  if (!ok) std::printf("FAILED %s\n", what.c_str()), std::exit(1);
}

static void arena() {
  std::map<uintptr_t, size_t> device;  // what a device of 1 MiB gave out
  size_t left = 1 << 20;
  uintptr_t next = 4096;
  {
    Arena arena(
        [&](size_t bytes) -> void* {
          if (bytes > left) return nullptr;
          left -= bytes;
          device[next] = bytes;
          next += bytes + 4096;
          return reinterpret_cast<void*>(next - bytes - 4096);
        },
        [&](void* p) {
          auto it = device.find(reinterpret_cast<uintptr_t>(p));
          check(it != device.end(), "arena: gives back what it took");
          left += it->second;
          device.erase(it);
        },
        [&] { return left; }, 64 << 10);
    std::map<uintptr_t, size_t> held;
    size_t used = 0;
    for (int round = 0; round < 20000; round++) {
      if (held.empty() || pick(2)) {
        const size_t bytes = 1 + static_cast<size_t>(pick(pick(4) ? 3000 : 150000));
        try {
          const uintptr_t at = reinterpret_cast<uintptr_t>(arena.allocate(bytes));
          const size_t whole = (bytes + 255) / 256 * 256;
          check(at % 256 == 0, "arena: alignment");
          auto after = held.lower_bound(at);
          check(after == held.end() || at + whole <= after->first, "arena: pieces do not overlap");
          check(after == held.begin() || std::prev(after)->first + std::prev(after)->second <= at, "arena: pieces do not overlap");
          auto block = std::prev(device.upper_bound(at));
          check(at + whole <= block->first + block->second, "arena: a piece lies in one block");
          held[at] = whole;
          used += whole;
        } catch (const OutOfDeviceMemory& e) {
          check(std::string(e.what()).find("MiB") != std::string::npos, "arena: the message has numbers");
          check(bytes > left, "arena: refuses only what does not fit");
        }
      } else {
        auto it = held.begin();
        std::advance(it, pick(static_cast<int>(held.size())));
        arena.release(reinterpret_cast<void*>(it->first));
        used -= it->second;
        held.erase(it);
      }
      check(arena.used() == used && arena.held() == (1 << 20) - left && arena.used() <= arena.held(), "arena: accounts");
    }
    for (auto& [at, bytes] : held) arena.release(reinterpret_cast<void*>(at));
    check(arena.used() == 0 && arena.held() == 0 && arena.blocks() == 0, "arena: empty blocks go back");
    bool refused = false;
    try {
      arena.release(reinterpret_cast<void*>(uintptr_t{12345 * 256}));
    } catch (const std::bad_alloc&) {
      refused = true;
    }
    check(refused, "arena: refuses what it did not give");
    (void)arena.allocate(100);
  }
  check(device.empty(), "arena: gives everything back in the end");
  std::printf("ok arena\n");
}

static void ring() {
  Ring ring(4096);
  int waits = 0;
  size_t at = 0, last_end = 0;
  std::set<size_t> since;
  for (int i = 0; i < 1000; i++) {
    const size_t bytes = 1 + static_cast<size_t>(pick(1000));
    const int before = waits;
    check(ring.take(bytes, at, [&] { waits++; }), "ring: fits");
    if (waits != before) since.clear(), last_end = 0;
    check(at % Ring::kAlign == 0 && at + bytes <= 4096, "ring: inside");
    check(at >= last_end, "ring: nothing is handed out twice without a wait");
    last_end = at + bytes;
  }
  check(waits > 50, "ring: waits when it is full");
  check(!ring.take(5000, at, [&] { waits++; }), "ring: refuses what is larger than itself");
  ring.reset();
  const int before = waits;
  check(ring.take(4096, at, [&] { waits++; }) && waits == before && at == 0, "ring: empty after a reset");
  Resident resident;
  int a[2], b[2];
  resident.add(a, 8, b);
  check(resident.find(a, 8) == b && !resident.find(a, 4) && !resident.find(b, 8), "resident: by address and size");
  resident.clear();
  check(!resident.find(a, 8), "resident: cleared");
  std::printf("ok staging\n");
}

static std::vector<int> rows_of(const Query& query) {
  std::vector<int> rows;
  for (const Run* run = query.runs; static_cast<int>(rows.size()) < query.visible; run++) {
    for (int r = run->begin; r < run->end && static_cast<int>(rows.size()) < query.visible; r++) rows.push_back(r);
  }
  return rows;
}

/// Every query meets each of its chunks once, with the rows that its own list names.
static void check_plan(const AttentionPlan& plan, const std::vector<Query>& queries, int group, bool tiles_only) {
  std::vector<std::set<int>> met(queries.size());
  auto row = [&](int slice, int slices, int ordinal) {
    int s = slice;
    while (s + 1 < slice + slices && plan.slices[s + 1].ordinal <= ordinal) s++;
    return plan.slices[s].row + (ordinal - plan.slices[s].ordinal);
  };
  for (const Tile& tile : plan.tiles) {
    check(tile.queries >= 1 && tile.queries * group <= kTileRows + group - 1, "plan: rows of a tile");
    for (int i = 0; i < tile.queries; i++) {
      const std::vector<int> rows = rows_of(queries[tile.query + i]);
      check(static_cast<int>(rows.size()) <= tile.visible, "plan: a tile reaches as far as its queries");
      for (size_t o = 0; o < rows.size(); o++) check(row(tile.slice, tile.slices, static_cast<int>(o)) == rows[o], "plan: rows of a tile's query");
      for (int c = 0; c < chunks_of(static_cast<int>(rows.size())); c++) check(met[tile.query + i].insert(c).second, "plan: a chunk twice");
      check(plan.partial[tile.query + i] == -1, "plan: a tile has no partial results");
    }
  }
  check(!tiles_only || plan.items.empty(), "plan: training has tiles only");
  std::set<int> places;
  for (const Item& item : plan.items) {
    check(item.members >= 1 && item.members * std::min(group, kItemRows) <= kItemRows, "plan: rows of an item");
    for (int i = 0; i < item.members; i++) {
      const int q = plan.members[item.member + i];
      const std::vector<int> rows = rows_of(queries[q]);
      for (int o = item.chunk * kKeys; o < (item.chunk + 1) * kKeys && o < static_cast<int>(rows.size()); o++) {
        check(o <= item.last && row(item.slice, item.slices, o) == rows[o], "plan: rows of an item's query");
      }
      check(met[q].insert(item.chunk).second, "plan: a chunk twice");
      check(places.insert(plan.partial[q] + item.chunk).second && plan.partial[q] + item.chunk < plan.partials, "plan: places of results");
    }
  }
  for (size_t q = 0; q < queries.size(); q++) {
    check(static_cast<int>(met[q].size()) == chunks_of(queries[q].visible), "plan: every chunk of every query");
    check(plan.visible[q] == queries[q].visible, "plan: visible");
  }
}

static void plans() {
  AttentionPlan plan;
  long shared = 0, alone = 0;
  for (int round = 0; round < 300; round++) {
    // Sequences that grow, fork and join in a table, as decoding does.
    Slots table;
    std::vector<int> sequences{table.create()};
    std::vector<int> slots;
    table.append(sequences[0], 1 + pick(300), slots);
    for (int event = 0; event < 14; event++) {
      const int s = sequences[pick(static_cast<int>(sequences.size()))];
      const int what = pick(4);
      if (what == 0 && sequences.size() < 24) {
        for (int child : table.fork(s, 1 + pick(7))) sequences.push_back(child);
      } else if (what == 1 && sequences.size() < 24) {
        sequences.push_back(table.create());
        table.append(sequences.back(), 1 + pick(90), slots);
      } else if (what == 2) {
        auto children = table.fork(s, 2);
        for (int child : children) table.append(child, pick(70), slots);
        bool joined = table.join(s, children);
        check(joined, "join");
      } else {
        table.append(s, 1 + pick(100), slots);
      }
    }
    std::vector<std::vector<Run>> runs;
    std::vector<std::pair<int, int>> wanted;  // list, visible
    for (int s : sequences) {
      runs.push_back(table.runs(s));
      const int length = table.length(s), tokens = pick(3) == 0 ? 1 + pick(std::min(length, 90)) : 1;
      for (int t = length - tokens; t < length; t++) wanted.push_back({static_cast<int>(runs.size()) - 1, t + 1});
    }
    std::vector<Query> queries;
    for (auto [list, visible] : wanted) queries.push_back({runs[list].data(), visible});
    const int group = std::vector<int>{1, 2, 4, 5, 20, 64}[pick(6)];
    plan.build(queries.data(), static_cast<int>(queries.size()), group, false);
    check_plan(plan, queries, group, false);
    for (const Item& item : plan.items) (item.members > 1 ? shared : alone)++;
    plan.build(queries.data(), static_cast<int>(queries.size()), group, true);
    check_plan(plan, queries, group, true);
  }
  check(shared > 100 && alone > 100, "plan: forked sequences share chunks: " + std::to_string(shared) + " and " + std::to_string(alone));
  std::printf("ok plans (%ld shared items, %ld of one query)\n", shared, alone);

  // Eight paths of one prompt of 640 tokens: its ten chunks are two items each (four queries of four heads), not eight.
  Slots table;
  std::vector<int> slots;
  const int parent = table.create();
  table.append(parent, 640, slots);
  std::vector<Query> queries;
  auto paths = table.fork(parent, 8);
  for (int path : paths) table.append(path, 5, slots);
  for (int path : paths) queries.push_back({table.runs(path).data(), 645});
  plan.build(queries.data(), 8, 4, false);
  int prefix = 0;
  for (const Item& item : plan.items) prefix += item.chunk < 10;
  check(prefix == 20 && plan.items.size() == 28, "plan: a shared prefix is read once for four paths");
  std::printf("ok shared prefix\n");
}

static void key_plans() {
  AttentionPlan plan;
  KeyPlan keys;
  for (int round = 0; round < 200; round++) {
    // Packed sequences; tokens hide up to two ranges.
    std::vector<std::vector<Run>> runs;
    int T = 0;
    for (int s = 0; s < 1 + pick(4); s++) {
      const int length = 1 + pick(200), a = pick(length), b = a + pick(length - a + 1), c = b + pick(length - b + 1);
      for (int t = 0; t < length; t++) {
        std::vector<Run> list;
        if (t >= c) {
          if (a > 0) list.push_back({T, T + a});
          list.push_back({T + b, T + t + 1});
        } else {
          list.push_back({T, T + t + 1});
        }
        if (list.back().begin >= list.back().end) list = {{T, T + t + 1}};
        runs.push_back(list);
      }
      T += length;
    }
    std::vector<Query> queries;
    for (const auto& list : runs) {
      int visible = 0;
      for (const Run& run : list) visible += run.end - run.begin;
      queries.push_back({list.data(), visible});
    }
    const int group = 1 + pick(5);
    plan.build(queries.data(), T, group, true);
    check_plan(plan, queries, group, true);
    keys.build(plan, T);
    std::set<std::pair<int, int>> listed, expected;
    for (int k = 0; k + 1 < static_cast<int>(keys.first.size()); k++) {
      int before = -1;
      for (int i = keys.first[k]; i < keys.first[k + 1]; i++) {
        check(listed.insert({k, keys.tiles[i]}).second, "keys: a tile twice");
        check(plan.tiles[keys.tiles[i]].query > before, "keys: in the order of the tokens");
        before = plan.tiles[keys.tiles[i]].query;
      }
    }
    for (int i = 0; i < static_cast<int>(plan.tiles.size()); i++) {
      const Tile& tile = plan.tiles[i];
      for (int row : rows_of(queries[tile.query + tile.queries - 1])) expected.insert({row / kKeys, i});
    }
    check(listed == expected, "keys: the tiles that see a row");
  }
  std::printf("ok tiles of keys\n");
}

static void journals() {
  Journal journal;
  int a, b;  // streams
  check(journal.suspects(&a).find("no kernel was launched") != std::string::npos, "journal: nothing launched");
  Launch launch{"gemm_few<1, 1>", {12, 4, 1}, 128, 6144};
  add_numbers(launch, 2560);
  add_numbers(launch, int64_t{1} << 40);
  add_numbers(launch, 0.5f);
  add_numbers(launch, &a);
  add_numbers(launch, Heads{32, 8, 128});
  journal.note(&a, launch);
  check(journal.suspects(&a) == "the kernel gemm_few<1, 1>(2560, 1099511627776, 32, 8, 128) in 12 x 4 x 1 blocks of 128 threads with 6144 bytes "
                                "shared failed, or a copy beside it",
        "journal: one kernel: " + journal.suspects(&a));
  for (int i = 0; i < 20; i++) {
    Launch other{"rmsnorm_rows", {5, 1, 1}, 96, 0};
    add_numbers(other, i);
    journal.note(&a, other);
  }
  const std::string many = journal.suspects(&a);
  check(many.rfind("one of the 21 kernels launched since the last wait failed, the latest first: rmsnorm_rows(19) in 5 blocks of 96 threads; "
                   "rmsnorm_rows(18)", 0) == 0 && many.find("rmsnorm_rows(12)") != std::string::npos && many.find("rmsnorm_rows(11)") == std::string::npos,
        "journal: the last eight: " + many);
  journal.note(&b, launch);
  check(journal.suspects(&a) == many, "journal: another stream");
  journal.settled(&a);
  check(journal.suspects(&a).find("no kernel") != std::string::npos && journal.suspects(&b).find("gemm_few") != std::string::npos, "journal: settled");
  check(std::string(short_name("_ZN3pr14cuda8gemm_fewILi1ELi2EEEvNS0_8GemmArgsE")) == "gemm_few<1, 2>", "journal: a short name");
  for (const char* value : {"on", "off", ""}) {
    setenv("PR1_TEST_SWITCH", value, 1);
    check(read_switch("PR1_TEST_SWITCH", true) == (value[1] != 'f'), "switch: on, off and not set");
  }
  setenv("PR1_TEST_SWITCH", "no", 1);
  std::string message;
  try {
    (void)read_switch("PR1_TEST_SWITCH", true);
  } catch (const std::exception& e) {
    message = e.what();
  }
  check(message == "PR1_TEST_SWITCH must be on or off. Got no. Unset it for on", "switch: refused: " + message);
  std::printf("ok journal\n");
}

int main() {
  journals();
  arena();
  ring();
  plans();
  key_plans();
  std::printf("done\n");
  return 0;
}
