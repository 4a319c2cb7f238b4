/// An incompatible upgrade of `map_v1`: its entries get a new field.
/// Classical persistence accepts it and corrupts the map: it still has its size, but null in
/// place of every entry, so that look-ups trap. Enhanced persistence refuses.
import Iter "mo:core/Iter";
import Map "mo:core/Map";
import Text "mo:core/Text";

persistent actor {
  type Entry = { points : Nat; level : Nat };

  let entries = Map.empty<Text, Entry>();

  public func put(name : Text, points : Nat) : async () { entries.add(name, { points; level = 0 }) };

  public query func get(name : Text) : async ?Nat {
    switch (entries.get(name)) { case (?{ points }) ?points; case null null };
  };

  public query func size() : async Nat { entries.size() };
  public query func names() : async [Text] { entries.keys().toArray() };
};
