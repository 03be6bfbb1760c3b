// Which block computes what of an attention: plain host code, no CUDA, tested by test/cuda.
//
// A query sees `visible` rows, numbered by ordinals 0, 1, 2 …; slices say which row an ordinal is. Ordinals are cut into
// chunks of 64, the same cut for every query, and chunks are folded in order: the arithmetic of a query does not depend
// on what is computed beside it. Queries whose lists differ in their ends only (a prompt, a path of a training sequence)
// form tiles, which one block takes through all chunks. A query of its own (decoding) has its chunks computed side by side;
// where lists agree on the rows of a chunk, as forked paths do, the chunk is one item for up to 16 rows of queries.
#pragma once
#include <algorithm>
#include <unordered_map>
#include <utility>
#include <vector>

#include "../ops.h"

namespace pr1::cuda {

constexpr int kKeys = 64;  // ordinals a chunk
constexpr int kTileRows = 64, kItemRows = 16;

/// From this ordinal on, rows are row, row + 1, …, until the next slice.
struct Slice {
  int ordinal, row;
};

/// `queries` queries from `query` on, all seeing the slices slice … slice + slices, each as far as its `visible` goes.
struct Tile {
  int query, queries, slice, slices, visible;
};

/// One chunk for the queries members[member …]; the slices are those that the chunk touches.
struct Item {
  int chunk, slice, slices, last, member, members;  // last: the highest ordinal that any of them sees in the chunk
};

inline int chunks_of(int visible) { return (visible + kKeys - 1) / kKeys; }

/// True if b sees the rows of a, in order, and then more (or no more).
inline bool extends(const Query& a, const Query& b) {
  if (b.visible < a.visible) return false;
  if (a.runs == b.runs) return true;
  const Run *x = a.runs, *y = b.runs;
  int at_x = 0, at_y = 0;  // taken from the current runs
  for (int left = a.visible; left > 0;) {
    if (x->begin + at_x != y->begin + at_y) return false;
    int n = std::min({x->end - x->begin - at_x, y->end - y->begin - at_y, left});
    left -= n;
    at_x += n;
    at_y += n;
    if (x->begin + at_x == x->end) x++, at_x = 0;
    if (y->begin + at_y == y->end) y++, at_y = 0;
  }
  return true;
}

struct AttentionPlan {
  std::vector<Slice> slices;
  std::vector<int> visible;  // one a query
  std::vector<Tile> tiles;
  std::vector<Item> items;
  std::vector<int> members;
  std::vector<int> singles;  // queries with chunks of their own
  std::vector<int> partial;  // one a query: where its chunks' results start, −1 for queries in tiles
  int partials = 0;

  /// `group` query heads share a key/value head. With `tiles_only` (training) single queries become tiles, too.
  void build(const Query* queries, int T, int group, bool tiles_only) {
    slices.clear(), visible.clear(), tiles.clear(), items.clear(), members.clear(), singles.clear();
    partials = 0;
    partial.assign(static_cast<size_t>(T), -1);
    const int most = std::max(1, kTileRows / group);
    for (int t = 0; t < T; t++) visible.push_back(queries[t].visible);
    std::vector<Tile> alone;
    for (int t = 0; t < T;) {
      int n = 1;
      while (n < most && t + n < T && extends(queries[t + n - 1], queries[t + n])) n++;
      const Tile tile = add_tile(queries[t + n - 1], t, n);
      if (n == 1 && !tiles_only) {
        alone.push_back(tile);
      } else {
        tiles.push_back(tile);
      }
      t += n;
    }
    // The longest first: blocks that start last should not be those that take longest.
    std::stable_sort(tiles.begin(), tiles.end(), [](const Tile& a, const Tile& b) { return a.visible > b.visible; });
    if (alone.empty()) return;
    for (const Tile& tile : alone) {
      singles.push_back(tile.query);
      partial[static_cast<size_t>(tile.query)] = partials;
      partials += chunks_of(tile.visible);
    }
    // Sequences that share anything share their first row.
    std::unordered_map<int, size_t> place;
    std::vector<std::vector<Tile>> families;
    for (const Tile& tile : alone) {
      auto [it, fresh] = place.try_emplace(slices[static_cast<size_t>(tile.slice)].row, families.size());
      if (fresh) families.emplace_back();
      families[it->second].push_back(tile);
    }
    const int at_most = std::max(1, kItemRows / std::min(group, kItemRows));
    for (const auto& family : families) share(family, 0, at_most);
  }

  int row_at(const Tile& tile, int ordinal) const {
    const Slice& s = slices[static_cast<size_t>(find(tile, ordinal))];
    return s.row + (ordinal - s.ordinal);
  }

 private:
  Tile add_tile(const Query& longest, int query, int queries) {
    Tile tile{query, queries, static_cast<int>(slices.size()), 0, longest.visible};
    int seen = 0;
    for (const Run* run = longest.runs; seen < longest.visible; run++) {
      if (run->begin >= run->end) continue;
      const bool continues = tile.slices > 0 && slices.back().row + (seen - slices.back().ordinal) == run->begin;
      if (!continues) {
        slices.push_back({seen, run->begin});
        tile.slices++;
      }
      seen += std::min(run->end - run->begin, longest.visible - seen);
    }
    return tile;
  }

  int find(const Tile& tile, int ordinal) const {
    auto begin = slices.begin() + tile.slice, end = begin + tile.slices;
    return static_cast<int>(std::upper_bound(begin, end, ordinal, [](int o, const Slice& s) { return o < s.ordinal; }) -
                            slices.begin()) - 1;
  }

  /// Leading ordinals whose rows agree.
  int common(const Tile& a, const Tile& b) const {
    const int most = std::min(a.visible, b.visible);
    int i = 0, j = 0, at = 0;
    auto end = [&](const Tile& tile, int k) {
      return k + 1 < tile.slices ? slices[static_cast<size_t>(tile.slice + k + 1)].ordinal : tile.visible;
    };
    while (at < most) {
      const Slice &x = slices[static_cast<size_t>(a.slice + i)], &y = slices[static_cast<size_t>(b.slice + j)];
      if (x.row + (at - x.ordinal) != y.row + (at - y.ordinal)) return at;
      at = std::min({end(a, i), end(b, j), most});
      if (at == end(a, i)) i++;
      if (at == end(b, j)) j++;
    }
    return most;
  }

  void add_items(const std::vector<Tile>& family, int first_chunk, int end_chunk, int at_most) {
    const Tile& one = family.front();
    for (int chunk = first_chunk; chunk < end_chunk; chunk++) {
      int last = 0;
      for (const Tile& tile : family) last = std::max(last, std::min(tile.visible, (chunk + 1) * kKeys) - 1);
      const int s0 = find(one, chunk * kKeys), s1 = find(one, last) + 1;
      for (size_t i = 0; i < family.size(); i += static_cast<size_t>(at_most)) {
        const int n = static_cast<int>(std::min(family.size() - i, static_cast<size_t>(at_most)));
        items.push_back({chunk, s0, s1 - s0, last, static_cast<int>(members.size()), n});
        for (int k = 0; k < n; k++) members.push_back(family[i + static_cast<size_t>(k)].query);
      }
    }
  }

  /// Items of all chunks from first_chunk on; the rows before it agree.
  void share(const std::vector<Tile>& family, int first_chunk, int at_most) {
    if (family.size() == 1) {
      add_items(family, first_chunk, chunks_of(family.front().visible), at_most);
      return;
    }
    int agree = family.front().visible;
    for (const Tile& tile : family) agree = std::min(agree, common(family.front(), tile));
    const int whole = agree / kKeys;
    if (whole > first_chunk) add_items(family, first_chunk, whole, at_most);
    const int next = std::max(whole, first_chunk);
    // Those that end here stand alone; the others part by the row that comes next.
    std::unordered_map<int, size_t> place;
    std::vector<std::vector<Tile>> parts;
    for (const Tile& tile : family) {
      if (tile.visible <= agree) {
        add_items({tile}, next, chunks_of(tile.visible), at_most);
        continue;
      }
      auto [it, fresh] = place.try_emplace(row_at(tile, agree), parts.size());
      if (fresh) parts.emplace_back();
      parts[it->second].push_back(tile);
    }
    for (const auto& part : parts) share(part, next, at_most);
  }
};

/// For the gradient of keys and values: which tiles see any of the packed rows 64 i … 64 i + 63.
struct KeyPlan {
  std::vector<int> first, tiles;  // (key tiles + 1), indices into plan.tiles

  void build(const AttentionPlan& plan, int T) {
    const int key_tiles = (T + kKeys - 1) / kKeys;
    std::vector<std::vector<int>> seen(static_cast<size_t>(key_tiles));
    for (size_t i = 0; i < plan.tiles.size(); i++) {
      const Tile& tile = plan.tiles[i];
      for (int s = 0; s < tile.slices; s++) {
        const Slice& slice = plan.slices[static_cast<size_t>(tile.slice + s)];
        const int end = s + 1 < tile.slices ? plan.slices[static_cast<size_t>(tile.slice + s + 1)].ordinal : tile.visible;
        const int last = slice.row + (end - slice.ordinal) - 1;
        for (int k = slice.row / kKeys; k <= last / kKeys; k++) {
          auto& list = seen[static_cast<size_t>(k)];
          if (list.empty() || list.back() != static_cast<int>(i)) list.push_back(static_cast<int>(i));
        }
      }
    }
    first.assign(1, 0);
    tiles.clear();
    for (auto& list : seen) {
      // In the order of the packed tokens, so that the sum runs over them in one order however tiles are sorted.
      std::sort(list.begin(), list.end(), [&](int a, int b) {
        return plan.tiles[static_cast<size_t>(a)].query < plan.tiles[static_cast<size_t>(b)].query;
      });
      tiles.insert(tiles.end(), list.begin(), list.end());
      first.push_back(static_cast<int>(tiles.size()));
    }
  }
};

}  // namespace pr1::cuda
