/// Points by name in a `Map`: the version from which `map_v2_bad` upgrades.
import Iter "mo:core/Iter";
import Map "mo:core/Map";
import Text "mo:core/Text";

persistent actor {
  type Entry = { points : Nat };

  let entries = Map.empty<Text, Entry>();

  public func put(name : Text, points : Nat) : async () { entries.add(name, { points }) };

  public query func get(name : Text) : async ?Nat {
    switch (entries.get(name)) { case (?{ points }) ?points; case null null };
  };

  public query func size() : async Nat { entries.size() };
  public query func names() : async [Text] { entries.keys().toArray() };
};
