/// Grows on demand, heap and stable memory apart, and touches what it has sparsely.
import List "mo:core/List";
import Nat "mo:core/Nat";
import Region "mo:core/Region";
import VarArray "mo:core/VarArray";

persistent actor {
  // 2^17 words are 1 MiB in 64-bit persistence and half of that in classical.
  transient let words = 131_072;
  let blocks = List.empty<[var Nat]>();
  let region = Region.new();

  /// Adds `count` blocks of 2^17 words, each filled with `value`; returns how many there are.
  public func allocate(count : Nat, value : Nat) : async Nat {
    for (_ in Nat.range(0, count)) { blocks.add(VarArray.repeat<Nat>(value, words)) };
    blocks.size();
  };

  /// Writes one word in each block.
  public func touch(value : Nat) : async () {
    for (block in blocks.values()) { block[words / 2] := value };
  };

  /// Grows stable memory and writes the new size into its last page.
  public func grow_stable(pages : Nat64) : async Nat64 {
    let before = region.grow(pages);
    let size = region.size();
    region.storeNat64(size * 65_536 - 8, size);
    before;
  };

  public query func sum_of_middles() : async Nat {
    var sum = 0;
    for (block in blocks.values()) { sum += block[words / 2] };
    sum;
  };

  public query func block_count() : async Nat { blocks.size() };
  public query func stable_pages() : async Nat64 { region.size() };
};
